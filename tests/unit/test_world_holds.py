"""Records that cannot be handled, and persons who hold, over the memory adapters."""

from datetime import timedelta
from uuid import UUID

import pytest

from consumers.domain import rows
from consumers.domain.errors import PermanentError
from consumers.domain.retention import moment
from consumers.operations.customers import add_hold, lift_hold
from consumers.operations.discarding import discard_halting, discard_held
from producer_client import Schedule
from tests.support.build import NOW
from tests.support.world import World, due_world, partitions


def test_hold_of_a_person_stops_a_command_and_lifting_lets_it_go() -> None:
    world = due_world("a", lease=60)
    world.request_tick()
    world.run("ticker")
    name = add_hold(world.items, "a", "Ann", "dispute", world.policy, world.clock)
    world.sink.flush()
    world.run("crm", "loans")
    assert not world.anonymized("crm")
    lift_hold(world.items, "a", name, world.policy)
    world.days(0.1)
    world.request_tick()
    world.run("ticker", "crm", "loans")
    assert world.anonymized("crm") == world.anonymized("loans") == {"a"}


def test_hold_of_a_dead_letter_cannot_be_lifted_by_hand() -> None:
    world = due_world("a")
    world.sink.send(world.names.events, b"a", b"garbage")
    world.run("state")
    name = next(iter(world.item("a").holds))
    with pytest.raises(PermanentError, match="dead-lettered"):
        lift_hold(world.items, "a", name, world.policy)


def test_unreadable_event_holds_its_customer_and_nothing_else() -> None:
    world = due_world("a", "b")
    world.sink.send(world.names.events, b"a", b"garbage", [("trace", b"x")])
    world.run("state")
    world.request_tick()
    world.run("ticker", "crm", "loans")
    assert world.anonymized("crm") == {"b"}
    letter = world.records("dead-letters")[0]
    assert (letter.key, letter.value, letter.headers[0]) == (b"a", b"garbage", ("trace", b"x"))


def test_record_that_names_nobody_halts_all() -> None:
    world = due_world("a")
    world.request_tick()
    world.run("ticker")
    world.sink.send(world.names.events, None, b"garbage")
    world.run("state", "crm", "loans")
    assert not world.anonymized("crm")
    row = world.table.read([rows.ALL_HALT])[rows.ALL_HALT]
    assert len(rows.halt(row.body).positions) == 1


def test_discarded_record_lets_its_customer_go_and_stays_discarded_on_a_replay() -> None:
    world = due_world("a")
    world.sink.send(world.names.events, b"a", b"garbage")
    world.run("state")
    position = next(iter(world.item("a").holds))
    with pytest.raises(PermanentError, match="holds this customer"):
        discard_held(world.items, "a", "elsewhere-0-0", "Ann", "garbage", world.policy, world.clock)
    discard_held(world.items, "a", position, "Ann", "garbage", world.policy, world.clock)
    letters = len(world.records("dead-letters"))
    world.broker.group(world.names.state_group).committed.update(dict.fromkeys(partitions(world, "events"), 0))
    world.request_tick()
    world.run()
    assert world.anonymized("crm") == {"a"}
    assert world.item("a").discarded[position].reason == "garbage"
    assert len(world.records("dead-letters")) == letters


def test_halt_ends_when_a_person_discards_its_record_and_does_not_come_back() -> None:
    world = due_world("a")
    world.sink.send(world.names.events, None, b"garbage")
    world.run("state")
    row = world.table.read([rows.ALL_HALT])[rows.ALL_HALT]
    with pytest.raises(PermanentError, match="halts"):
        discard_halting(world.table, "elsewhere-0-0", world.stamp)
    discard_halting(world.table, rows.halt(row.body).positions[0], world.stamp)
    letters = len(world.records("dead-letters"))
    world.broker.group(world.names.state_group).committed.update(dict.fromkeys(partitions(world, "events"), 0))
    world.request_tick()
    world.run()
    assert world.anonymized("crm") == {"a"}
    assert len(world.records("dead-letters")) == letters


def test_personal_data_as_id_leaves_no_copy_and_holds_nobody() -> None:
    world = due_world("a")
    world.sink.send(world.names.events, b"ann@example.com", b"garbage about ann@example.com")
    world.run("state")
    letter = world.records("dead-letters")[0]
    assert letter.value is None
    assert b"ann" not in (letter.key or b"") + b"".join(value or b"" for _, value in letter.headers)
    assert rows.ALL_HALT not in world.table.read([rows.ALL_HALT])


def test_event_that_claims_to_be_from_the_future_is_refused() -> None:
    world = World()
    at = moment(NOW) + timedelta(hours=1)
    world.publish(
        Schedule(
            customer_id="a",
            product="loan/1",
            retention_starts_at=at,
            occurred_at=at,
            source="test",
            event_id=UUID(int=1),
        )
    )
    world.run("state")
    assert not world.item("a").products
    assert [hold.code for hold in world.item("a").holds.values()] == ["too_far_in_the_future"]
