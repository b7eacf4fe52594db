"""What fuzzing has found, each in its smallest form: records and headers that stopped a role, or went where they must
not; `test_fuzz_regressions_files.py` has what came from files."""

import uuid

import pytest

from consumers.adapters.memory.reader import MemoryReader
from consumers.anonymizer.reading import read_command
from consumers.domain.errors import InvalidRecordError
from consumers.operations import dlq
from consumers.operations.dlq import ACTION, LETTER
from consumers.operations.story import trail_of
from consumers.ports import Headers, Record
from consumers.runtime.deadletters import headers as letter_headers
from consumers.runtime.letterhead import Origin, block, copy_headers, dead_of, original_of
from consumers.runtime.records import position_of, trace_of
from consumers.ticker.consumer import read_tick
from schemas.codec import encode
from tests.support.build import NOW
from tests.support.world import PURPOSE, World, due_world

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
GARBAGE = b"\xff\xfe"


def command(customer: str, command_id: str | None = None, name: str = "AnonymizeCustomer") -> bytes:
    named = {"command_id": command_id or str(uuid.uuid4()), "customer_id": customer, "purpose": PURPOSE}
    return encode(name, {**named, "attempt": 1, "sent_at": NOW})


def copy(topic: str = "lapse.events", deliveries: int = 1, group: str = "lapse.state") -> Headers:
    return copy_headers(block(Origin(topic, 0, 7, NOW, deliveries), group, "undecodable"), group)


def event(headers: Headers, value: bytes = GARBAGE) -> Record:
    return Record("lapse.events", 0, 9, NOW, b"c-1", value, tuple(headers))


# found by fuzzing: the count with one added had more digits than Python prints, in handling and in giving up
@pytest.mark.parametrize("deliveries", [10**4300 - 1, 1 << 31, (1 << 31) - 1], ids=["unprintable", "over", "last"])
def test_a_copy_with_a_forged_count_of_deliveries_stops_nobody_and_stays_listed(deliveries: int) -> None:
    world = World()
    world.broker.append(world.names.events, b"c-1", GARBAGE, copy(deliveries=deliveries), partition=0)
    world.run("state")
    assert world.healths["state"].waiting_for is None
    assert len(dlq.letters(MemoryReader(world.broker), world.names.dead_letters)) == 1


# found by fuzzing: the position names holds in the item and in `all, HALT`, which have an end
@pytest.mark.parametrize(
    "topic", ["t" * 100_000, "anna@example.com", "", "lapse\x00events"], ids=["long", "e-mail", "empty", "nul"]
)
def test_a_copy_with_a_forged_topic_is_none(topic: str) -> None:
    record = event(copy(topic))
    assert original_of(record.headers) is None
    assert position_of(record) == "lapse.events-0-9"
    dead = dead_of(letter_headers(record, "lapse.state", "undecodable"))
    assert dead is not None
    assert list(dead.own) == list(record.headers)


# found by fuzzing: PostgreSQL takes no NUL, so the ledger's insert failed, behind the commit point
@pytest.mark.parametrize("trace", [b"\x00", b"\xff\xfe", TRACE + b"\n", b"anna@example.com", TRACE.upper(), b"x" * 64])
def test_a_trace_context_that_is_none_goes_no_further(trace: bytes) -> None:
    assert trace_of([("traceparent", trace)]) is None
    assert trace_of([("traceparent", trace), ("traceparent", TRACE)]) == TRACE.decode()


# found by fuzzing: `lapse dlq list`, `redrive` and `status` ended in a traceback
@pytest.mark.parametrize("place", [b"", b"\xff", b"x-1", b"1", b"9" * 5000 + b"-1", None])
def test_a_marker_that_names_no_letter_leaves_the_letters_listed(place: bytes | None) -> None:
    world = World()
    world.broker.append(world.names.events, b"c-1", GARBAGE)
    world.run("state")
    world.sink.send(world.names.dead_letters, b"c-1", None, [(ACTION, b"\xff"), (LETTER, place)])
    assert len(dlq.letters(MemoryReader(world.broker), world.names.dead_letters)) == 1


# found by fuzzing: handling and giving up both read the item of a customer whose key no table has; nothing went on
@pytest.mark.parametrize("name", ["AnonymizeCustomer", "CheckCustomer"])
@pytest.mark.parametrize("count", [1, 12])
def test_commands_for_nobody_are_dead_letters_and_stop_no_service(name: str, count: int) -> None:
    world = due_world("good-a", "good-b")
    for _ in range(count):
        world.sink.send(world.names.commands, b"", command("", name=name))
    world.request_tick()
    world.run()
    assert {each: health.waiting_for for each, health in world.healths.items() if health.waiting_for} == {}
    assert world.anonymized("crm") == {"good-a", "good-b"}
    assert len(dlq.letters(MemoryReader(world.broker), world.names.dead_letters)) == count * len(world.stores)


# found by fuzzing: a table's key ends at 2,048 bytes, and no ledger can be asked for a NUL
@pytest.mark.parametrize(
    ("customer", "command_id"), [("x" * 3000, None), ("c\x00", None), ("c#1", None), ("c-1", "\x00"), ("c-1", "")]
)
def test_a_command_that_no_row_can_be_asked_for_is_refused(customer: str, command_id: str | None) -> None:
    value = command(customer) if command_id is None else encode_with_id(customer, command_id)
    with pytest.raises(InvalidRecordError):
        read_command(Record("lapse.commands", 0, 1, NOW, customer.encode(), value), "crm", PURPOSE)


def encode_with_id(customer: str, command_id: str) -> bytes:
    fields = {"command_id": command_id, "customer_id": customer, "purpose": PURPOSE, "attempt": 1, "sent_at": NOW}
    return encode("AnonymizeCustomer", fields)


# found by fuzzing: its id names a row of the table and an entry of the history, which have an end
@pytest.mark.parametrize(
    ("tick_id", "as_of"),
    [("", NOW), ("t" * 3000, NOW), ("\x00", NOW), (str(uuid.UUID(int=1)), 1 << 62), (str(uuid.UUID(int=1)), -1 << 63)],
)
def test_a_tick_without_an_id_or_a_time_is_refused(tick_id: str, as_of: int) -> None:
    fields = {"tick_id": tick_id, "as_of": as_of, "dry_run": True, "requested_by": "x"}
    with pytest.raises(InvalidRecordError):
        read_tick(Record("lapse.ticks", 0, 1, NOW, b"t", encode("TickRequested", fields)), NOW)


# found by fuzzing: `lapse customer ID` ended in an OverflowError by one answer anybody may have written
@pytest.mark.parametrize("finished_at", [-1 << 63, (1 << 62) - 1])
def test_an_answer_of_a_time_there_is_none_of_does_not_hide_the_others(finished_at: int) -> None:
    world = due_world("c-1")
    world.request_tick()
    world.run()
    told = {"command_id": str(uuid.uuid4()), "attempt": 1, "customer_id": "c-1", "purpose": PURPOSE, "service": "crm"}
    value = encode("AnonymizationResult", {**told, "outcome": "DONE", "rows_by_table": {}, "finished_at": finished_at})
    before = trail_of(MemoryReader(world.broker), world.offsets, world.names.results, "c-1")
    world.sink.send(world.names.results, b"c-1", value)
    assert trail_of(MemoryReader(world.broker), world.offsets, world.names.results, "c-1") == before
    assert before
