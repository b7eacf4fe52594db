"""Which records of a failing batch are given up."""

from collections.abc import Sequence

import pytest
import structlog

from consumers.adapters.memory.clock import MemoryClock
from consumers.domain.errors import PermanentError, TransientError
from consumers.ports import Record
from consumers.runtime.poison import Poison
from consumers.runtime.unknown_schemas import UnknownSchemas

BATCH = [Record("t", 0, offset, 0, b"k", b"v") for offset in range(500)]


class Fails:
    """Fails on these offsets; `giving_up` fails the giving up."""

    def __init__(self, *offsets: int, giving_up: Exception | None = None) -> None:
        self.offsets, self.giving_up = set(offsets), giving_up
        self.calls: list[int] = []
        self.handled: set[int] = set()
        self.given_up: list[tuple[int, str]] = []

    def handle(self, records: Sequence[Record]) -> None:
        self.calls.append(len(records))
        if any(record.offset in self.offsets for record in records):
            raise ValueError("customer c-4711 cannot be")
        self.handled |= {record.offset for record in records}

    def give_up(self, record: Record, code: str) -> None:
        if self.giving_up:
            raise self.giving_up
        self.given_up.append((record.offset, code))


def handle(worker: Fails, records: Sequence[Record] = BATCH, times: int = 10) -> list[str]:
    """Hand a batch over as the loop does; the codes it waited with."""
    poison, waits = Poison(worker), list[TransientError]()
    for _ in range(times):
        try:
            poison.handle(records)
        except TransientError as error:
            waits.append(error)
        else:
            break
    assert not any("4711" in f"{error} {error.__context__}" for error in waits)
    return [error.code for error in waits]


def test_batch_that_fails_is_tried_three_times_before_anything_is_given_up() -> None:
    worker = Fails(133)
    assert handle(worker) == ["value_error", "value_error"]
    assert worker.calls[:4] == [500, 500, 500, 500]
    assert worker.given_up == [(133, "value_error")]
    assert worker.handled == set(range(500)) - {133}


def test_one_record_of_a_batch_is_found_by_halving() -> None:
    worker = Fails(133)
    handle(worker)
    assert len(worker.calls) < 3 + 2 * 10


def test_every_record_that_fails_alone_is_given_up() -> None:
    worker = Fails(0, 133, 134, 499)
    handle(worker)
    assert [offset for offset, _ in worker.given_up] == [0, 133, 134, 499]


def test_batch_that_succeeds_in_time_gives_nothing_up() -> None:
    worker = Fails(5)
    poison = Poison(worker)
    for _ in range(2):
        with pytest.raises(TransientError):
            poison.handle(BATCH)
    worker.offsets.clear()
    poison.handle(BATCH)
    worker.offsets.add(5)
    with pytest.raises(TransientError):
        poison.handle(BATCH)
    assert not worker.given_up


def test_most_of_a_batch_failing_gives_nobody_up() -> None:
    worker = Fails(*range(251))
    assert handle(worker, times=4) == ["value_error", "value_error", "most_of_batch_failed", "most_of_batch_failed"]
    assert not worker.given_up


def test_record_that_cannot_even_be_given_up_waits() -> None:
    worker = Fails(3, giving_up=KeyError("c-4711"))
    assert handle(worker, BATCH[:5], times=3) == ["value_error", "value_error", "key_error"]


@pytest.mark.parametrize("error", [TransientError(code="away"), PermanentError(code="repair")])
def test_dependency_and_misconfiguration_pass_through_giving_up(error: TransientError | PermanentError) -> None:
    poison = Poison(Fails(3, giving_up=error))
    for _ in range(2):
        with pytest.raises(TransientError):
            poison.handle(BATCH[:5])
    with pytest.raises(type(error)) as raised:
        poison.handle(BATCH[:5])
    assert raised.value is error


def test_logs_say_where_it_failed_and_quote_nothing() -> None:
    structlog.reset_defaults()  # a command that ran in this process silences it
    with structlog.testing.capture_logs() as logs:
        handle(Fails(3), BATCH[:5])
    assert [line["event"] for line in logs] == ["handling_failed"] * 3 + ["given_up"]
    assert logs[0]["at"].startswith("test_poison.py:")
    assert logs[-1]["position"] == "t-0-3"
    assert "4711" not in str(logs)


def test_unknown_schemas_are_admitted_again_after_a_minute() -> None:
    clock = MemoryClock(0)
    schemas = UnknownSchemas(clock)
    nine = [f"t-0-{number}" for number in range(9)]
    schemas.admit(nine)
    schemas.admit(nine)
    with pytest.raises(TransientError) as paused:
        schemas.admit(["t-0-9"])
    assert paused.value.code == "unknown_schema"
    clock.wait(60)
    schemas.admit(["t-0-9"])
