"""A producer without a broker, for the tests of product services: same methods, same checks, same errors."""

import re
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import fastavro

from producer_client.checks import DEFAULT_PERSONAL_DATA
from producer_client.delivery import DeliveryCallback, DeliveryReport, report
from producer_client.encoding import POSTPONE, SCHEDULE, frame, schema
from producer_client.errors import ClosedProducerError, QueueFullError, UndeliveredError
from producer_client.events import DEFAULT_TOPIC, Event, Postpone, Schedule
from producer_client.statements import Clock, Headers, Statements


@dataclass(frozen=True, slots=True)
class _Sent:
    event: Event
    on_delivery: DeliveryCallback | None


class InMemoryProducer(Statements):
    """Keeps events in a list instead of sending them; reports are given at once, unless the broker is away.

    Attributes:
        events: What was delivered, in order, decoded from the bytes that would have been sent.
        broker_away: While true, events wait as if the broker were away; `flush` returns how many. Once false again,
            `poll`, `flush` and the next event deliver them.
    """

    def __init__(
        self,
        *,
        source: str = "test",
        topic: str = DEFAULT_TOPIC,
        personal_data: re.Pattern[str] = DEFAULT_PERSONAL_DATA,
        on_delivery: DeliveryCallback | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(source, personal_data, clock)
        self.events: list[Event] = []
        self.broker_away = False
        self._topic = topic
        self._on_delivery = on_delivery
        self._waiting: list[_Sent] = []
        self._failures: list[str] = []
        self._refusals = 0
        self._closed = False

    def fail_next(self, error_code: str = "_MSG_TIMED_OUT", times: int = 1) -> None:
        """Lets the next `times` events be accepted, then reported as failed with this code."""
        self._failures += [error_code] * times

    def fill_queue(self, times: int = 1) -> None:
        """Lets the next `times` events be refused with QueueFullError."""
        self._refusals += times

    def poll(self) -> int:
        """Delivers what waits, unless the broker is away; returns how many events."""
        self._check_usable()
        return self._deliver()

    def flush(self, timeout: float) -> int:  # noqa: ARG002 - there is nothing to wait for
        """Delivers what waits, unless the broker is away; returns how many events are still undelivered."""
        self._check_usable()
        self._deliver()
        return len(self._waiting)

    def close(self, timeout: float = 10.0) -> int:  # noqa: ARG002 - there is nothing to wait for
        """Delivers what waits or, with the broker away, reports it as failed; returns how many were left."""
        if self._closed:
            return 0
        self._closed = True
        self._deliver()
        left, self._waiting = self._waiting, []
        for sent in left:
            self._report(sent, "_PURGE_QUEUE")
        return len(left)

    def __enter__(self) -> Self:
        self._check_usable()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        left = self.close()
        if left and error is None:
            raise UndeliveredError(left)

    def _emit(
        self,
        event_id: UUID,  # noqa: ARG002 - the bytes say it
        key: bytes,  # noqa: ARG002 - the bytes say it
        value: bytes,
        headers: Headers | None,
        on_delivery: DeliveryCallback | None,
    ) -> None:
        self._check_usable()
        if self._refusals:
            self._refusals -= 1
            raise QueueFullError
        self._waiting.append(_Sent(decoded(value, headers), on_delivery or self._on_delivery))
        self._deliver()

    def _check_usable(self) -> None:
        if self._closed:
            raise ClosedProducerError

    def _deliver(self) -> int:
        if self.broker_away:
            return 0
        due, self._waiting = self._waiting, []
        for sent in due:
            self._settle(sent)
        return len(due)

    def _settle(self, sent: _Sent) -> None:
        if self._failures:
            self._report(sent, self._failures.pop(0))
        else:
            self.events.append(sent.event)
            self._report(sent, None)

    def _report(self, sent: _Sent, code: str | None) -> None:
        partition, offset = (0, len(self.events) - 1) if code is None else (-1, -1)
        outcome = DeliveryReport(sent.event.event_id, code is None, code, self._topic, partition, offset)
        report(sent.on_delivery, outcome)


@cache
def _readers() -> dict[bytes, tuple[type[Schedule | Postpone], Any]]:
    types = {SCHEDULE: Schedule, POSTPONE: Postpone}
    return {frame(name): (event, fastavro.parse_schema(schema(name))) for name, event in types.items()}


def decoded(value: bytes, headers: Headers | None) -> Event:
    """Returns the event in a record's value and headers, as the consumers will see it."""
    event, reader = _readers()[value[:10]]
    fields: Any = fastavro.schemaless_reader(BytesIO(value[10:]), reader, None)
    traceparent = None if headers is None else str(headers[0][1], "ascii")  # type: ignore[arg-type]  # bytes by now
    return event(**fields, traceparent=traceparent)
