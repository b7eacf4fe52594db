import random

import pytest

from consumers.adapters.faults import NoFaults, faults_from
from consumers.adapters.memory.metrics import MemoryMetrics
from consumers.adapters.memory.table import MemoryTable
from consumers.domain import rows
from consumers.domain.errors import LapseError, PermanentError
from consumers.domain.rows import ModeRow
from consumers.ports import Headers, Partition, Polled, Record, Row, Write
from consumers.runtime.backoff import LONGEST_SECONDS, backoff
from consumers.runtime.control import ContendedError, rewrite
from consumers.runtime.deadletters import DeadLetters, headers
from consumers.runtime.letterhead import WITHHELD
from consumers.runtime.records import next_offsets, trace_of

AT = Partition("t", 0)
RECORD = Record("lapse.events", 3, 41, 1_700_000_000_123_000, b"key", b"value", (("trace", b"x"),))


class Sent:
    """A sink that keeps what it was given."""

    def __init__(self) -> None:
        self.records: list[tuple[str, bytes | None, bytes | None, Headers]] = []

    def send(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers = ()) -> None:
        self.records.append((topic, key, value, headers))

    def flush(self) -> None: ...


def record(offset: int) -> Record:
    return Record("t", 0, offset, 0, None, None)


def test_backoff_grows_and_is_bounded() -> None:
    chance = random.Random(1)
    longest = [max(backoff(attempt, chance) for _ in range(200)) for attempt in (0, 4, 50)]
    assert longest[0] <= 0.2 < longest[1] <= 3.2 < longest[2] <= LONGEST_SECONDS


def test_next_offsets_are_one_past_the_last_record() -> None:
    assert next_offsets(Polled([record(4), record(5)])) == {AT: 6}


def test_next_offsets_take_an_end_behind_markers() -> None:
    assert next_offsets(Polled([record(4)], {AT: 7})) == {AT: 7}


def test_next_offsets_take_the_record_where_the_end_is_older() -> None:
    assert next_offsets(Polled([record(9)], {AT: 7})) == {AT: 10}


def test_trace_of_reads_the_first_traceparent() -> None:
    first, second = (f"00-{number:032x}-{number:016x}-01" for number in (1, 2))
    headers = [("x", b"1"), ("traceparent", first.encode()), ("traceparent", second.encode())]
    assert trace_of(headers) == first
    assert trace_of([("traceparent", None)]) is None


def test_dead_letter_keeps_the_record_and_says_why() -> None:
    sink = Sent()
    DeadLetters(sink, "dead", "group", MemoryMetrics(), b"s").send(RECORD, "tombstone")
    topic, key, value, told = sink.records[0]
    assert (topic, key, value, told[0]) == ("dead", b"key", b"value", ("trace", b"x"))
    assert dict(told) == {
        "trace": b"x",
        "__dlq.errors.topic": b"lapse.events",
        "__dlq.errors.partition": b"3",
        "__dlq.errors.offset": b"41",
        "__dlq.errors.group": b"group",
        "__dlq.errors.delivery.count": b"1",
        "__dlq.errors.message": b"tombstone",
        "kafka_dlt-original-topic": b"lapse.events",
        "kafka_dlt-original-partition": (3).to_bytes(4, "big"),
        "kafka_dlt-original-offset": (41).to_bytes(8, "big"),
        "kafka_dlt-original-timestamp": (1_700_000_000_123).to_bytes(8, "big"),
        "kafka_dlt-original-consumer-group": b"group",
    }


def test_dead_letter_of_personal_data_keeps_no_content() -> None:
    sink = Sent()
    letters = DeadLetters(sink, "dead", "group", MemoryMetrics(), b"s")
    letters.send_without_content(RECORD._replace(key=b"ann@example.com"), "personal_data_in_id")
    _, key, value, told = sink.records[0]
    assert value is None
    assert key is not None
    assert len(key) == 64
    assert all(b"ann" not in (each or b"") for _, each in told)
    assert told == [*headers(RECORD._replace(headers=()), "group", "personal_data_in_id"), (WITHHELD, b"1")]


def test_rewrite_decides_again_after_a_lost_race() -> None:
    table = MemoryTable()
    mine = rows.to_json(ModeRow("live", "me", 2))
    tried: list[bytes | None] = []

    def change(body: bytes | None) -> bytes:
        tried.append(body)
        if len(tried) == 1:
            other = Row(rows.ALL_MODE, 1, "other", rows.to_json(ModeRow("stopped", "you", 1)))
            table.write([Write(rows.ALL_MODE, None, other)])
        return mine

    row = rewrite(table, rows.ALL_MODE, lambda: "mine", change)
    assert row is not None
    assert (row.version, row.body, len(tried)) == (2, mine, 2)


def test_rewrite_gives_up_on_a_row_that_is_never_still() -> None:
    table = MemoryTable()
    marks = iter(range(1000))

    def change(_: bytes | None) -> bytes:
        before = table.read([rows.ALL_MODE]).get(rows.ALL_MODE)
        version = before.version + 1 if before else 1
        table.write([Write(rows.ALL_MODE, before, Row(rows.ALL_MODE, version, f"x{next(marks)}", b"{}"))])
        return b"{}"

    with pytest.raises(ContendedError):
        rewrite(table, rows.ALL_MODE, lambda: "mine", change)


def test_faults_are_none_by_default_and_unknown_ones_are_refused() -> None:
    assert isinstance(faults_from(None), NoFaults)
    with pytest.raises(PermanentError, match="kill or hang"):
        faults_from("point:explode")


def test_errors_say_what_their_class_says() -> None:
    class MissingError(LapseError):
        """It is missing."""

    assert str(MissingError()) == "It is missing."
    assert MissingError().code == "MissingError"
