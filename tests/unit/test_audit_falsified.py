"""Each falsification is found under its own code, and nothing beside it."""

from collections.abc import Callable

import pytest

from consumers.adapters.memory.store import MemoryRow
from consumers.domain.work import Carried, LedgerRow, Task
from consumers.runtime.murmur2 import partition_of
from tests.support.build import DAY, HOUR
from tests.support.falsified import (
    answered,
    audited,
    codes,
    committed,
    given_command,
    new_command,
    proven,
    sent,
    store_of,
    ticked,
)
from tests.support.world import PARTITIONS, PURPOSE, World, closed, postponed

Falsify = Callable[[World], None]


def honest_world() -> World:
    """One customer done, one not due yet, one kept by a postpone, one whose event cannot be read."""
    world = proven(World())
    world.people("done", "young", "kept", "unread")
    world.publish(closed("done"), closed("young", 3), closed("kept"), postponed("kept"), closed("unread"))
    world.broker.append(world.names.events, b"unread", b"garbage")
    ticked(world)
    world.days(0.01)
    return world


def done_command(world: World) -> str:
    last = world.item("done").of(PURPOSE).last
    assert last is not None
    return last.id


# ---- commits ---------------------------------------------------------------------------------------------------------


def early(world: World) -> None:
    committed(world, "young", given_command(world, world.item("young")))


def early_against_an_open_postpone(world: World) -> None:
    committed(world, "kept", given_command(world, world.item("kept")))


def against_a_postpone_that_came_first(world: World) -> None:
    world.publish(closed("p"))
    world.run("state")
    command = given_command(world, world.item("p"))
    world.days(0.01)
    world.publish(postponed("p", until_days=90))
    world.days(0.01)
    committed(world, "p", command)


def against_a_hold(world: World) -> None:
    committed(world, "unread", given_command(world, world.item("unread")))


def of_nobody(world: World) -> None:
    committed(world, "nobody", new_command())


def under_an_invented_id(world: World) -> None:
    committed(world, "kept", new_command())


def invented_command(world: World) -> None:
    sent(world, "young", new_command())


def command_for_an_invented_purpose(world: World) -> None:
    sent(world, "young", new_command(), purpose="vain")


def twice_for_the_same_facts(world: World) -> None:
    committed(world, "done", new_command())


def answer_without_a_command(world: World) -> None:
    answered(world, "young", new_command(), "crm", "DONE", committed_at=world.clock.now())


def answer_at_an_impossible_time(world: World) -> None:
    answered(world, "young", new_command(), "crm", "DONE", committed_at=-(1 << 62))


# ---- services --------------------------------------------------------------------------------------------------------


def service_left_out(world: World) -> None:
    world.people("m")
    world.publish(closed("m"))
    ticked(world, "crm")


def service_failed(world: World) -> None:
    world.people("m")
    store_of(world, "loans").failing.add("m")
    world.publish(closed("m"))
    ticked(world)


def nothing_but_superseded(world: World) -> None:
    world.publish(closed("s"))
    world.run("state")
    command = given_command(world, world.item("s"))
    sent(world, "s", command)
    for service in world.stores:
        answered(world, "s", command, service, "SUPERSEDED")


def superseded_counted(world: World) -> None:
    service_left_out(world)
    command = world.item("m").of(PURPOSE).command
    assert command is not None
    world.days(0.01)
    answered(world, "m", command.id, "loans", "SUPERSEDED")


def forgotten(world: World) -> None:
    world.publish(closed("o"))


# ---- databases -------------------------------------------------------------------------------------------------------


def row_restored_by_hand(world: World) -> None:
    store_of(world, "crm").rows["done"] = MemoryRow("a name again")


def ledger_row_removed(world: World) -> None:
    del store_of(world, "crm").rows_of_ledger[done_command(world)]


def ledger_row_forged(world: World) -> None:
    store, command = store_of(world, "crm"), new_command()
    store.rows["young"] = MemoryRow("anonymized", anonymized=True)
    store.rows_of_ledger[command] = LedgerRow(command, "DONE", {})
    at = partition_of(b"young", PARTITIONS)
    store.prove(Task(command, "young", PURPOSE, at, 0, world.clock.now()), Carried("DONE", {}))


def ledger_row_of_another_customer(world: World) -> None:
    store_of(world, "crm").change(done_command(world), customer_id="young")


def ledger_row_of_another_purpose(world: World) -> None:
    store_of(world, "crm").change(done_command(world), purpose="vain")


def ledger_row_of_another_time(world: World) -> None:
    _, proof = store_of(world, "crm").proofs[done_command(world)]
    store_of(world, "crm").change(done_command(world), committed_at=proof.committed_at - DAY)


def ledger_row_written_for_a_service_that_never_ran(world: World) -> None:
    service_left_out(world)
    command = world.item("m").of(PURPOSE).command
    assert command is not None
    assert command.committed_at is not None
    task = Task(command.id, "m", PURPOSE, partition_of(b"m", PARTITIONS), 0, command.committed_at)
    store_of(world, "loans").anonymize([task])


# ---- what cannot be checked ------------------------------------------------------------------------------------------


def event_on_another_partition(world: World) -> None:
    event = next(each for each in world.records("events") if each.key == b"done")
    world.broker.append(world.names.events, event.key, event.value, partition=1 - event.partition)


def database_away(world: World) -> None:
    world.stores["crm"].away = True


PLANTED: list[tuple[Falsify, str]] = [
    (early, "early"),
    (early_against_an_open_postpone, "early"),
    (against_a_postpone_that_came_first, "ignored_event"),
    (against_a_hold, "held"),
    (of_nobody, "unknown_customer"),
    (under_an_invented_id, "unknown_command"),
    (invented_command, "unknown_command"),
    (command_for_an_invented_purpose, "unknown_command"),
    (twice_for_the_same_facts, "second_command"),
    (answer_without_a_command, "unknown_result"),
    (answer_at_an_impossible_time, "unknown_result"),
    (service_left_out, "missing_service"),
    (service_failed, "partial"),
    (nothing_but_superseded, "superseded"),
    (superseded_counted, "superseded"),
    (forgotten, "overdue"),
    (row_restored_by_hand, "restored_row"),
    (ledger_row_removed, "ledger_row_missing"),
    (ledger_row_forged, "foreign_row"),
    (ledger_row_of_another_customer, "misfit_row"),
    (ledger_row_of_another_purpose, "misfit_row"),
    (ledger_row_of_another_time, "misfit_row"),
    (ledger_row_written_for_a_service_that_never_ran, "unanswered_row"),
    (event_on_another_partition, "misplaced"),
    (database_away, "not_checked"),
]


@pytest.mark.parametrize(("falsify", "code"), PLANTED, ids=[each.__name__ for each, _ in PLANTED])
def test_falsification_is_found_under_its_code_and_nothing_else(falsify: Falsify, code: str) -> None:
    world = honest_world()
    assert codes(world) == []
    falsify(world)
    world.days(2)
    assert codes(world) == [code]


def test_customer_of_whom_an_event_is_elsewhere_is_not_guessed_about() -> None:
    world = honest_world()
    event_on_another_partition(world)
    row_restored_by_hand(world)
    assert codes(world) == ["misplaced"]


def test_difference_names_what_differs_and_what_to_do() -> None:
    world = honest_world()
    ledger_row_removed(world)
    [found] = audited(world).differences
    assert (found.customer_id, found.purpose, found.service) == ("done", PURPOSE, "crm")
    assert found.command_id == done_command(world)
    assert "--to-backup" in found.repair


def test_what_was_committed_or_due_before_the_time_asked_for_is_not_reported() -> None:
    world = honest_world()
    forgotten(world)
    ledger_row_forged(world)
    ledger_row_removed(world)
    early(world)
    world.days(2)
    assert sorted(codes(world)) == ["early", "foreign_row", "ledger_row_missing", "overdue"]
    assert codes(world, since=world.clock.now() - DAY - 12 * HOUR) == []
