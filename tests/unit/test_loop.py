"""The poll loop with a source and a handler that fail on purpose."""

from collections.abc import Callable, Collection, Mapping, Sequence

import pytest

from consumers.adapters.memory.clock import MemoryClock
from consumers.adapters.memory.metrics import MemoryMetrics
from consumers.domain.errors import PermanentError, PoisonError, TransientError
from consumers.ports import Partition, Polled, Record
from consumers.runtime.health import Health
from consumers.runtime.loop import Loop, TakeOverError
from consumers.runtime.measures import PAUSES

AT = Partition("t", 0)
RECORD = Record("t", 0, 7, 0, b"k", b"v")


class Scripted:
    """A source that gives what it was told to, one answer per poll, then nothing."""

    def __init__(self, *answers: Polled | Exception) -> None:
        self.answers = list(answers)
        self.committed_offsets: list[Mapping[Partition, int]] = []
        self.started: list[Mapping[Partition, int | None]] = []
        self.paused = False
        self.asked_for: list[int] = []

    def poll(self, max_records: int, timeout: float) -> Polled:  # noqa: ARG002 - the port's
        self.asked_for.append(max_records)
        answer = self.answers.pop(0) if self.answers else Polled()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def start(self, offsets: Mapping[Partition, int | None]) -> None:
        self.started.append(offsets)

    def committed(self, partitions: Collection[Partition]) -> Mapping[Partition, int | None]:
        return dict.fromkeys(partitions)

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        self.committed_offsets.append(offsets)

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def close(self) -> None: ...


class Failing:
    """A handler that fails as often as it was told to, then handles."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.handled: list[list[Record]] = []
        self.given_up: list[tuple[int, str]] = []
        self.advanced: list[Mapping[Partition, int]] = []
        self.took: Callable[[], None] = lambda: None

    def assigned(self, partitions: Collection[Partition]) -> Mapping[Partition, int | None]:
        return dict.fromkeys(partitions)

    def handle(self, records: Sequence[Record]) -> None:
        self.took()
        if self.failures:
            raise self.failures.pop(0)
        self.handled.append(list(records))

    def give_up(self, record: Record, code: str) -> None:
        self.given_up.append((record.offset, code))

    def advance(self, offsets: Mapping[Partition, int]) -> None:
        self.advanced.append(offsets)

    def idle(self) -> None: ...


ASSIGNED = Polled(assigned=[AT])


def run(source: Scripted, handler: Failing, steps: int = 12) -> tuple[Health, MemoryMetrics]:
    clock, metrics = MemoryClock(0), MemoryMetrics()
    health = Health(clock)
    loop = Loop("role", source, handler, clock, metrics, health)
    for _ in range(steps):
        loop.step()
        clock.wait(60)
        health.progressed()
    return health, metrics


def test_loop_commits_what_was_handled() -> None:
    source, handler = Scripted(ASSIGNED, Polled([RECORD])), Failing()
    health, _ = run(source, handler)
    assert source.started == [{AT: None}]
    assert source.committed_offsets == [{AT: 8}]
    assert health.waiting_for is None


def test_loop_keeps_a_batch_in_hand_while_a_dependency_is_away() -> None:
    source = Scripted(ASSIGNED, Polled([RECORD]))
    handler = Failing(*[TransientError(code="away")] * 3)
    _, metrics = run(source, handler)
    assert handler.handled == [[RECORD]]
    assert source.committed_offsets == [{AT: 8}]
    assert metrics.counted[PAUSES, "code=away", "role=role"] == 3
    assert not source.paused


def test_loop_joins_what_arrives_while_a_batch_is_in_hand() -> None:
    later = RECORD._replace(offset=8)
    source = Scripted(ASSIGNED, Polled([RECORD]), Polled([later]))
    handler = Failing(TransientError())
    run(source, handler)
    assert handler.handled == [[RECORD, later]]


def test_loop_drops_what_is_in_hand_when_its_partitions_are_revoked() -> None:
    source = Scripted(ASSIGNED, Polled([RECORD]), Polled(revoked=[AT]))
    handler = Failing(TransientError())
    health, _ = run(source, handler)
    assert not handler.handled
    assert not source.committed_offsets
    assert health.waiting_for == "assignment"


def test_loop_takes_over_again_when_its_rows_are_not_its_own() -> None:
    # the second is still from before, and is read again once the partition has been started anew
    source = Scripted(ASSIGNED, Polled([RECORD]), Polled([RECORD]), Polled([RECORD]))
    handler = Failing(TakeOverError())
    run(source, handler)
    assert source.started == [{AT: None}, {AT: None}]
    assert source.committed_offsets == [{AT: 8}]


def test_loop_pauses_where_the_broker_refuses_it_and_goes_on() -> None:
    source = Scripted(TransientError(code="authorization"), ASSIGNED, Polled([RECORD]))
    handler = Failing()
    health, metrics = run(source, handler)
    assert metrics.counted[PAUSES, "code=authorization", "role=role"] == 1
    assert source.committed_offsets == [{AT: 8}]
    assert health.waiting_for is None


@pytest.mark.parametrize("error", [KeyError("a customer"), PoisonError(code="item_too_large")])
def test_loop_gives_a_record_up_that_keeps_failing(error: Exception) -> None:
    source = Scripted(ASSIGNED, Polled([RECORD]))
    handler = Failing(*[error] * 4)
    health, _ = run(source, handler)
    assert handler.given_up == [(7, "key_error" if isinstance(error, KeyError) else "item_too_large")]
    assert handler.advanced == source.committed_offsets == [{AT: 8}]
    assert health.waiting_for is None


def test_loop_ends_where_a_person_must_repair_something() -> None:
    handler = Failing(PermanentError("run this"))
    with pytest.raises(PermanentError, match="run this"):
        run(Scripted(ASSIGNED, Polled([RECORD])), handler)
    assert not handler.given_up


def test_loop_says_an_end_behind_transaction_markers_is_reached() -> None:
    source, handler = Scripted(ASSIGNED, Polled(ends={AT: 9})), Failing()
    run(source, handler)
    assert not handler.handled
    assert handler.advanced == source.committed_offsets == [{AT: 9}]


def test_loop_asks_for_less_after_a_batch_that_took_too_long() -> None:
    clock = MemoryClock(0)
    source, handler = Scripted(ASSIGNED, Polled([RECORD])), Failing()
    handler.took = lambda: clock.wait(61)
    loop = Loop("role", source, handler, clock, MemoryMetrics(), Health(clock), batch=500, budget_seconds=60)
    for _ in range(3):
        loop.step()
    assert source.asked_for == [500, 500, 250]
