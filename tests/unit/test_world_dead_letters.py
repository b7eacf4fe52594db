"""Dead letters in memory: sent again byte for byte, to the group that failed, capped, parked, discarded."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest

from consumers.adapters.memory.reader import MemoryReader
from consumers.domain.errors import InvalidRecordError, PermanentError
from consumers.operations import dlq
from consumers.operations.discarding import abandon_command, discard_halting, discard_held, halting, held_by
from consumers.operations.dlq import ACTION, LETTER, MAX_DELIVERIES, Letter, Redrive, Selection
from consumers.ports import Partition
from consumers.runtime.deadletters import DeadLetters
from consumers.runtime.letterhead import BLOCK, REDRIVE_GROUP, dead_of
from consumers.runtime.records import position_of
from consumers.state import reading
from producer_client import encode as encode_event
from schemas import codec
from tests.support.world import PURPOSE, World, closed, due_world, postponed

GARBAGE = b"\xff\xfe not a record"


def letters(world: World) -> list[Letter]:
    return dlq.letters(MemoryReader(world.broker), world.names.dead_letters)


def redriver(world: World) -> Redrive:
    return Redrive(MemoryReader(world.broker), world.sink, world.names.dead_letters, world.clock)


def redrive(world: World, *, parked: bool = False) -> int:
    return redriver(world).run(dlq.redrivable(letters(world), parked=parked), "ann")


def send_garbage(world: World, key: bytes | None = b"a") -> None:
    world.sink.send(world.names.events, key, GARBAGE, [("h", b"\x00\xff"), ("traceparent", b"00-1-2-01")])
    world.sink.flush()


@contextmanager
def reader_that_does_not_know(customer: str) -> Iterator[None]:
    """The state consumer before an upgrade: it cannot read the postpones of a customer."""
    decode = codec.decode

    def older(value: bytes | None, expected: Any) -> Any:
        decoded = decode(value, expected)
        if decoded.fields["customer_id"] == customer and decoded.name == "PostponeAnonymization":
            raise InvalidRecordError("unknown_schema")
        return decoded

    with patch.object(reading, "decode", older):
        yield


def test_a_copy_is_the_letter_byte_for_byte_over_any_number_of_redrives() -> None:
    world = World()
    send_garbage(world)
    world.run("state")
    for _ in range(3):
        assert redrive(world) == 1
        world.run("state")
    events, dead = world.records("events"), [each for each in world.records("dead-letters") if dead_of(each.headers)]
    assert len(events) == len(dead) == 4
    first = events[0]
    for each in (*events, *dead):
        assert (each.key, each.value) == (first.key, first.value)
    for each in dead:
        told = dead_of(each.headers)
        assert told is not None
        assert (tuple(told.own), str(told.origin)) == (first.headers, position_of(first))
    assert sorted(told.origin.deliveries for each in dead if (told := dead_of(each.headers))) == [1, 2, 3, 4]
    assert {position_of(each) for each in events} == {position_of(first)}


def test_after_so_many_deliveries_a_letter_is_parked_until_it_is_asked_for() -> None:
    world = World()
    send_garbage(world)
    world.run("state")
    for _ in range(MAX_DELIVERIES - 1):
        assert redrive(world) == 1
        world.run("state")
    assert [each.state for each in letters(world)] == ["PARKED"]
    assert redrive(world) == 0
    assert redrive(world, parked=True) == 1
    assert [each.state for each in letters(world)] == ["REDRIVEN"]


def test_a_letter_that_was_sent_again_waits_only_once_it_comes_back() -> None:
    world = World()
    send_garbage(world)
    world.run("state")
    redrive(world)
    assert [each.state for each in letters(world)] == ["REDRIVEN"]
    assert redrive(world) == 0
    world.run("state")
    assert [each.state for each in letters(world)] == ["WAITING"]


def test_a_record_that_fails_again_in_a_replay_waits_whatever_its_copies_came_to() -> None:
    world = World()
    send_garbage(world)
    world.run("state")
    for _ in range(2):
        redrive(world)
        world.run("state")
    redrive(world)
    world.days(1)
    (again,) = [
        each
        for each in world.records("dead-letters")
        if (told := dead_of(each.headers)) and told.origin.deliveries == 1
    ]
    world.sink.send(world.names.dead_letters, again.key, again.value, again.headers)
    world.sink.flush()
    assert [(each.state, each.origin.deliveries) for each in letters(world)] == [("WAITING", 1)]


def test_headers_of_ours_on_a_record_neither_hide_it_nor_stop_anybody() -> None:
    world = World()
    marker = [(ACTION, b"DISCARDED"), (LETTER, b"0-0")]
    nonsense = [*((name, b"\xff") for name in BLOCK), (REDRIVE_GROUP, world.names.state_group.encode())]
    for own in (marker, nonsense):
        world.sink.send(world.names.events, b"a", GARBAGE, own)
    world.sink.flush()
    world.run("state")
    assert [each.state for each in letters(world)] == ["WAITING", "WAITING"]
    assert {tuple(told.own) for each in world.records("dead-letters") if (told := dead_of(each.headers))} == {
        tuple(marker),
        tuple(nonsense),
    }
    assert set(world.item("a").holds) == {position_of(each) for each in world.records("events")}
    assert redrive(world) == 2


def test_a_copy_kept_without_its_content_is_known_by_where_its_record_stood() -> None:
    world = World()
    send_garbage(world)
    world.run("state")
    redrive(world)
    copy = world.records("events")[-1]
    kept = DeadLetters(world.sink, world.names.dead_letters, world.names.state_group, world.metrics, b"secret")
    kept.send_without_content(copy, "personal_data_in_id")
    world.sink.flush()
    (letter,) = letters(world)
    assert (str(letter.origin), letter.origin.deliveries, letter.withheld) == (position_of(copy), 2, True)
    assert dlq.redrivable([letter], parked=True) == []
    assert (world.records("dead-letters")[-1].key or b"") != b"a"


def test_an_unreadable_postpone_holds_and_its_copy_postpones() -> None:
    world = due_world("a", "b")
    with reader_that_does_not_know("a"):
        world.publish(postponed("a"))
        world.run("state")
    world.request_tick()
    world.run("ticker", "crm", "loans")
    assert world.anonymized("crm") == {"b"}
    assert redrive(world) == 1
    world.run("state")
    assert not world.item("a").holds
    assert world.item("a").products["activity"].postpone is not None
    world.request_tick()
    world.run("ticker", "crm", "loans")
    assert world.anonymized("crm") == {"b"}


def test_other_groups_skip_a_copy_before_decoding_it() -> None:
    world = due_world("a")
    world.sink.send(world.names.commands, b"a", GARBAGE)
    world.sink.flush()
    world.run("crm", "loans")
    assert {each.group for each in letters(world)} == {world.names.anonymizer_group(each) for each in ("crm", "loans")}
    only = Selection(group=world.names.anonymizer_group("crm")).of(letters(world))
    redriver(world).run(only, "ann")
    world.run("crm", "loans")
    by_group = {each.group: each.origin.deliveries for each in letters(world)}
    assert by_group == {world.names.anonymizer_group("crm"): 2, world.names.anonymizer_group("loans"): 1}


# ---- halts -----------------------------------------------------------------------------------------------------------


def test_the_fold_of_a_copy_ends_the_halt() -> None:
    world = due_world("a")
    encoded = encode_event(closed("b"))
    with patch("consumers.state.reading.decode", side_effect=InvalidRecordError("unknown_schema")):
        world.sink.send(world.names.events, None, encoded.value)
        world.sink.flush()
        world.run("state")
    assert len(halting(world.table)) == 1
    world.request_tick()
    world.run("ticker", "crm", "loans")
    assert world.anonymized("crm") == set()
    redrive(world)
    world.run("state")
    # its value names a customer now, so it halts nobody else: that one is held, for the key is missing
    assert halting(world.table) == ()
    assert [each.code for each in world.item("b").holds.values()] == ["missing_key"]


def test_a_discarded_record_stays_so_when_the_events_are_replayed() -> None:
    world = due_world("a")
    send_garbage(world)
    send_garbage(world, None)
    world.run("state")
    (halting_record,) = halting(world.table)
    held = next(each for each in world.records("dead-letters") if each.key)
    (position,) = world.item("a").holds
    assert held_by(world.items, held, position) == ["a"]
    discard_held(world.items, "a", position, "ann", "garbage", world.policy, world.clock)
    discard_halting(world.table, halting_record, world.stamp)
    for record in world.records("dead-letters"):
        redriver(world).mark(record, "DISCARDED", "ann", "garbage")
    world.sink.flush()
    count = len(world.records("dead-letters"))
    replay_events(world)
    assert (halting(world.table), dict(world.item("a").holds)) == ((), {})
    assert len(world.records("dead-letters")) == count
    assert {each.state for each in letters(world)} == {"DISCARDED"}
    world.request_tick()
    world.run("ticker", "crm", "loans")
    assert world.anonymized("crm") == {"a"}


def replay_events(world: World) -> None:
    for number in range(2):
        world.broker.group(world.names.state_group).committed[Partition(world.names.events, number)] = 0
    world.run("state")


# ---- dead commands ---------------------------------------------------------------------------------------------------


def partial_world() -> World:
    world = due_world("a")
    world.stores["loans"].failing.add("a")
    world.request_tick()
    world.run("ticker", "crm", "loans")
    assert world.item("a").of(PURPOSE).command is not None
    return world


def test_a_dead_command_is_redriven_to_the_service_that_failed_and_completes() -> None:
    world = partial_world()
    world.stores["loans"].failing.clear()
    crm = len(world.outcomes("crm"))
    assert redrive(world) == 1
    world.run("crm", "loans")
    assert len(world.outcomes("crm")) == crm
    last = world.item("a").of(PURPOSE).last
    assert last is not None
    assert last.outcomes == {"crm": "DONE", "loans": "DONE"}
    assert not dlq.waiting(letters(world))


def test_discarding_a_dead_command_abandons_the_service_by_name() -> None:
    world = partial_world()
    (record,) = world.records("dead-letters")
    results = world.names.results
    released = [
        abandon_command(world.items, world.sink, results, record, "loans", world.policy, world.clock) for _ in range(2)
    ]
    assert released == [True, False]
    last = world.item("a").of(PURPOSE).last
    assert last is not None
    assert last.outcomes == {"crm": "DONE", "loans": "ABANDONED"}


# ---- selection -------------------------------------------------------------------------------------------------------


def test_letters_are_selected_by_each_of_their_marks_oldest_first() -> None:
    world = World()
    for number in range(3):
        send_garbage(world, b"customer-%d" % number)
        world.days(1)
    world.run("state")
    found = letters(world)
    assert len(Selection().of(found)) == 3
    assert len(Selection(at_most=2).of(found)) == 2
    assert Selection(code="other").of(found) == []
    assert Selection(group="other").of(found) == []
    assert Selection(topic="other").of(found) == []
    assert Selection(topic=world.names.events, since=found[0].at, until=found[0].at).of(found) == []
    with pytest.raises(PermanentError, match="no dead letter"):
        dlq.named(found, "elsewhere-0-0", None)
    assert dlq.named(found, str(found[0].origin), None) == found[0]
