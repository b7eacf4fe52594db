"""The second pass: good lines are published in batches, and progress is kept once a batch is acknowledged."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import BinaryIO, Literal, NamedTuple, Protocol
from uuid import UUID

from consumers.domain.retention import MICROSECONDS
from consumers.importing.lines import Line, lines_of
from consumers.importing.pace import Pace
from consumers.importing.progress import Position
from consumers.importing.schedules import Reading
from consumers.ports import Clock
from producer_client import DeliveryCallback, DeliveryReport, ProducerClientError, QueueFullError, Schedule

BATCH = 1000
"""Lines, at most: what is published once more after a crash."""
_BATCH_MICROS = 1 * MICROSECONDS
_FLUSH_SECONDS = 0.5
_LAST_FLUSHES = 20
"""After Ctrl-C: ten seconds for what is under way; with the broker away the client would wait two minutes."""

State = Literal["complete", "interrupted", "undelivered"]


class Outcome(NamedTuple):
    """How publishing ended: where, and for `undelivered` the Kafka client's word for why."""

    at: Position
    state: State
    code: str | None = None


class Producer(Protocol):
    """What is needed of a LapseProducer."""

    def schedule(
        self,
        customer_id: str,
        product: str,
        *,
        retention_starts_at: datetime,
        occurred_at: datetime | None = None,
        not_before: datetime | None = None,
        event_id: UUID | str | None = None,
        on_delivery: DeliveryCallback | None = None,
    ) -> UUID:
        """Publish without waiting; the report goes to `on_delivery`."""

    def flush(self, timeout: float) -> int:
        """Wait for reports; how many are still to come."""


class Publishing:
    """Publishes the good lines of a file, whose every line `reading` judges as it did in the first pass.

    Args:
        producer: Where events go.
        reading: How lines are read.
        pace: How fast.
        clock: The time a batch takes.
        stopped: Whether to finish what is under way and end.
    """

    def __init__(
        self, producer: Producer, reading: Reading, pace: Pace, clock: Clock, stopped: Callable[[], bool]
    ) -> None:
        self._producer, self._reading, self._pace = producer, reading, pace
        self._clock, self._stopped = clock, stopped

    def run(self, file: BinaryIO, start: Position, keep: Callable[[Position], None]) -> Outcome:
        """Publish from `start` on; `keep` is called with each place before which every good line is acknowledged."""
        file.seek(start.offset)
        lines = lines_of(file, start.line)
        while True:
            batch = self._batch(lines, start)
            self._flush()
            start = batch.acknowledged_up_to()
            keep(start)
            if batch.code:
                return Outcome(start, "undelivered", batch.code)
            if batch.last and start == batch.end:
                return Outcome(start, "complete")
            if self._stopped():
                return Outcome(start, "interrupted")

    def _batch(self, lines: Iterator[Line], start: Position) -> "_Batch":
        batch = _Batch(start)
        until = self._clock.now() + _BATCH_MICROS
        for line in lines:
            schedule = self._reading.schedule(line)
            if isinstance(schedule, Schedule):
                self._pace.step()
                self._publish(schedule, batch, line)
            batch.has_read(line, good=isinstance(schedule, Schedule))
            if batch.full or self._clock.now() >= until or self._stopped():
                return batch
        batch.last = True
        return batch

    def _publish(self, schedule: Schedule, batch: "_Batch", line: Line) -> None:
        settled = partial(batch.settled, line.number)
        while not self._stopped():
            try:
                self._producer.schedule(
                    schedule.customer_id,
                    schedule.product,
                    retention_starts_at=schedule.retention_starts_at,
                    occurred_at=schedule.occurred_at,
                    not_before=schedule.not_before,
                    event_id=schedule.event_id,
                    on_delivery=settled,
                )
            except QueueFullError:
                self._producer.flush(_FLUSH_SECONDS)
                continue
            except ProducerClientError as error:
                batch.code = getattr(error, "code", type(error).__name__)
            return

    def _flush(self) -> None:
        left = _LAST_FLUSHES
        while self._producer.flush(_FLUSH_SECONDS) and left:
            left -= self._stopped()


class _Batch:
    """Lines that were sent; reports come in on any thread."""

    def __init__(self, start: Position) -> None:
        self._start = self.end = start
        self._good: list[Position] = []
        self._acknowledged: set[int] = set()
        self.code: str | None = None
        self.last = False

    @property
    def full(self) -> bool:
        return len(self._good) >= BATCH

    def has_read(self, line: Line, *, good: bool) -> None:
        self.end = Position(line.number, line.end, self.end.acknowledged + good)
        if good:
            self._good.append(self.end)

    def settled(self, line: int, report: DeliveryReport) -> None:
        if report.ok:
            self._acknowledged.add(line)
        else:
            self.code = report.error_code

    def acknowledged_up_to(self) -> Position:
        """The last place before which no good line lacks its acknowledgement."""
        last = self._start
        for at in self._good:
            if at.line not in self._acknowledged:
                return last
            last = at
        return self.end
