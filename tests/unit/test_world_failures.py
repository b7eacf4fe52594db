"""What fails for a reason of its own, and what fails because something else does: all roles in memory."""

from collections.abc import Callable, Sequence
from typing import Any
from unittest.mock import patch

from consumers.domain.errors import PoisonError
from consumers.domain.rows import state_key
from consumers.item_record import from_bytes
from consumers.operations.discarding import halting
from consumers.ports import Lost, Write
from consumers.runtime.letterhead import dead_of
from consumers.ticker.planning import Planner
from schemas.validate import check_event
from tests.support.world import PURPOSE, World, closed, due_world, plan_of, postponed

UNKNOWN = b"\xc3\x01" + bytes(8) + b"a body"


def codes(world: World) -> list[str]:
    """Why the dead letters are there."""
    return [dead.code for record in world.records("dead-letters") if (dead := dead_of(record.headers))]


def refusing(world: World, customer: str, refused: Callable[[Write], bool]) -> Any:
    """The table refuses such writes of a customer for good."""
    write = world.table.write

    def refuse(writes: Sequence[Write]) -> Sequence[Lost | None]:
        if any(each.key == state_key(customer) and refused(each) for each in writes):
            raise PoisonError(code="ValidationError")
        return write(writes)

    return patch.object(world.table, "write", refuse)


def has_products(write: Write) -> bool:
    return write.row is not None and bool(from_bytes(write.row.body).products)


def test_customer_whose_row_is_refused_is_held_and_the_others_are_folded() -> None:
    world = World()
    customers = [f"c{number}" for number in range(20)]
    world.publish(*(closed(each) for each in customers))
    with refusing(world, "c7", has_products):
        world.run("state")
    assert codes(world) == ["ValidationError"]
    assert next(iter(world.item("c7").holds.values())).code == "ValidationError"
    assert not world.item("c7").products
    assert all(world.item(each).products and not world.item(each).holds for each in customers if each != "c7")
    assert world.position_rows() == world.offsets.end(world.names.events)
    assert not halting(world.table)


def test_customer_who_cannot_even_be_held_halts_everything() -> None:
    world = World()
    world.publish(closed("c1"), closed("c2"))
    with refusing(world, "c2", lambda _: True):
        world.run("state")
    [record] = world.records("dead-letters")
    dead = dead_of(record.headers)
    assert dead is not None
    assert list(halting(world.table)) == [str(dead.origin)]
    assert world.item("c1").products


def test_record_that_breaks_its_reader_holds_the_customer_of_its_key() -> None:
    world = World()
    world.publish(closed("c1"), closed("c2"))

    def broken(name: str, fields: dict[str, Any], personal_data: Any) -> None:
        if fields["customer_id"] == "c2":
            raise ZeroDivisionError("c2")
        check_event(name, fields, personal_data)

    with patch("consumers.state.reading.check_event", broken):
        world.run("state")
    assert codes(world) == ["zero_division_error"]
    assert world.item("c2").holds
    assert world.item("c1").products


def test_few_unknown_schemas_are_dead_letters_and_hold() -> None:
    world = World()
    for number in range(9):
        world.sink.send(world.names.events, b"c%d" % number, UNKNOWN)
    world.run("state")
    assert codes(world) == ["unknown_schema"] * 9
    assert all(world.item(f"c{number}").holds for number in range(9))


def test_flood_of_unknown_schemas_pauses_and_gives_nothing_up() -> None:
    world = World()
    world.publish(postponed("early"))
    for number in range(10):
        world.sink.send(world.names.events, b"c%d" % number, UNKNOWN)
    world.run("state")
    assert not codes(world)
    assert not world.item("c1").holds
    assert world.healths["state"].waiting_for == "unknown_schema"
    assert sum(world.position_rows().values()) < 11


def test_flood_of_unknown_schemas_pauses_ticker_and_anonymizer() -> None:
    world = World()
    for number in range(10):
        world.sink.send(world.names.ticks, b"%d" % number, UNKNOWN)
        world.sink.send(world.names.commands, b"c%d" % number, UNKNOWN)
    world.run("ticker", "crm")
    assert not codes(world)
    assert {world.healths[role].waiting_for for role in ("ticker", "crm")} == {"unknown_schema"}


def test_tick_that_keeps_failing_is_a_dead_letter_and_the_next_one_goes() -> None:
    world = due_world("a")
    first = world.request_tick()
    world.clock.wait(1)
    second = world.request_tick()
    plan = Planner.plan

    def broken(self: Planner, tick: Any, control: Any) -> Any:
        if tick.tick_id == first:
            raise KeyError("a")
        return plan(self, tick, control)

    with patch.object(Planner, "plan", broken):
        world.run("ticker")
    assert codes(world) == ["key_error"]
    assert plan_of(world, second).state == "ENDED"
    world.run("crm", "loans")
    assert world.anonymized("crm") == {"a"}


def test_customer_whom_a_service_keeps_failing_on_is_partial_and_the_others_are_done() -> None:
    customers = [f"c{number}" for number in range(12)]
    world = due_world(*customers)
    world.request_tick()
    world.run("ticker")
    store = world.stores["crm"]
    anonymize = store.anonymize

    def broken(tasks: Sequence[Any]) -> Any:
        if any(task.customer_id == "c7" for task in tasks):
            raise ZeroDivisionError("c7")
        return anonymize(tasks)

    with patch.object(store, "anonymize", broken):
        world.run("crm", "loans")
    assert codes(world) == ["zero_division_error"]
    assert world.anonymized("crm") == set(customers) - {"c7"}
    command = world.item("c7").of(PURPOSE).command
    assert command is not None
    assert dict(command.outcomes) == {"crm": "FAILED", "loans": "DONE"}
    assert all(world.item(each).of(PURPOSE).last for each in customers if each != "c7")


def test_command_that_fails_before_its_commit_is_a_dead_letter_without_an_outcome() -> None:
    world = due_world("a")
    world.request_tick()
    world.run("ticker")
    with patch.object(world.stores["crm"], "ledger", side_effect=KeyError("a")):
        world.run("crm")
    assert codes(world) == ["key_error"]
    command = world.item("a").of(PURPOSE).command
    assert command is not None
    assert (command.phase, dict(command.outcomes)) == ("ISSUED", {})


def test_most_of_a_batch_failing_in_a_database_gives_nobody_up_and_goes_on_when_it_is_repaired() -> None:
    customers = [f"c{number}" for number in range(12)]
    world = due_world(*customers)
    world.request_tick()
    world.run("ticker", "loans")
    store = world.stores["crm"]
    store.failing = set(customers[:7])
    world.run("crm")
    assert world.healths["crm"].waiting_for == "most_of_batch_failed"
    assert not codes(world)
    assert world.anonymized("crm") == set(customers[7:])
    store.failing = set()
    world.run("crm")
    assert world.anonymized("crm") == set(customers)
    assert all(world.item(each).of(PURPOSE).last for each in customers)


def test_few_of_a_batch_failing_in_a_database_are_partial() -> None:
    customers = [f"c{number}" for number in range(12)]
    world = due_world(*customers)
    world.request_tick()
    world.run("ticker")
    world.stores["crm"].failing = set(customers[:6])
    world.run("crm", "loans")
    assert len(codes(world)) == 6
    assert all(world.item(each).of(PURPOSE).last for each in customers[6:])


def test_what_is_late_is_reported_though_the_broker_went_away_after_the_table_was_written() -> None:
    world = due_world("c1")
    world.people("c1")
    world.request_tick()
    world.run()
    world.publish(postponed("c1"))  # occurred a day ago, before the commit
    write = world.table.write

    def write_then_lose_the_broker(writes: Sequence[Write]) -> Sequence[Lost | None]:
        lost = write(writes)
        world.broker.away = any(each.key == state_key("c1") for each in writes)
        return lost

    with patch.object(world.table, "write", write_then_lose_the_broker):
        world.run("state")
    assert world.item("c1").products.keys() == {"loan/1", "activity"}
    assert world.outcomes("lapse.state") == []
    world.broker.away = False
    world.run("state")
    assert world.outcomes("lapse.state") == ["LATE"]
