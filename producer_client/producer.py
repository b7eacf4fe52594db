"""Sends events to Kafka without ever making the caller wait."""

import os
import re
import weakref
from collections.abc import Callable, Mapping
from functools import partial
from types import TracebackType
from typing import Self
from uuid import UUID

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from producer_client.checks import DEFAULT_PERSONAL_DATA
from producer_client.client_properties import ProducerSettings, checked_properties
from producer_client.delivery import DeliveryCallback, DeliveryReport, report
from producer_client.encoding import event_id_in
from producer_client.errors import (
    ClosedProducerError,
    ForkedProducerError,
    KafkaClientError,
    ProducerConfigError,
    QueueFullError,
    UndeliveredError,
)
from producer_client.events import DEFAULT_TOPIC
from producer_client.polling import Polling
from producer_client.statements import Clock, Headers, Statements

_ANY_PARTITION = -1
_Settled = Callable[[KafkaError | None, Message], None]
_Record = tuple[str, bytes, bytes, int, _Settled, None, int, Headers | None]


class _Forks:
    """How many forks lie between this process and the one that imported the module: cheaper to ask than the pid."""

    count = 0


def _count_fork() -> None:
    _Forks.count += 1


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_count_fork)


class LapseProducer(Statements):
    """Sends a product service's events to Lapse; open one, keep it as long as the service runs, close it at the end.

    As a context manager it closes itself, and raises `UndeliveredError` if events were left. Thread-safe. Not usable
    after a fork.

    Args:
        config: librdkafka properties (`bootstrap.servers`, ...) or `ProducerSettings`. Idempotence, `acks=all` and the
            partitioner are set and cannot be weakened.
        source: Name of the emitting service, in every event.
        topic: Where events go.
        personal_data: A customer id in which this pattern is found is refused.
        on_delivery: Called once for each event that names no callback of its own. Without any, failures are logged.
        clock: Gives the time for `occurred_at`; default the system's.

    Raises:
        ProducerConfigError: The configuration would weaken what must hold, or the Kafka client refuses it.
        InvalidEventError: `source` is malformed.
    """

    def __init__(
        self,
        config: Mapping[str, object] | ProducerSettings,
        *,
        source: str,
        topic: str = DEFAULT_TOPIC,
        personal_data: re.Pattern[str] = DEFAULT_PERSONAL_DATA,
        on_delivery: DeliveryCallback | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(source, personal_data, clock)
        self._topic = topic
        self._on_delivery = on_delivery
        self._closed = False
        self._born_after = _Forks.count
        self._producer = _kafka_producer(config)
        self._polling = Polling(self._producer.poll)
        weakref.finalize(self, self._polling.stop)

    def _emit(
        self, event_id: UUID, key: bytes, value: bytes, headers: Headers | None, on_delivery: DeliveryCallback | None
    ) -> None:
        if self._closed or self._born_after != _Forks.count:
            self._check_usable()
        wanted = on_delivery or self._on_delivery
        settled = _log_failure if wanted is None else partial(_settle, wanted, event_id)
        # by position, which is cheaper: topic, value, key, partition, callback, on_delivery, timestamp, headers
        record: _Record = (self._topic, value, key, _ANY_PARTITION, settled, None, 0, headers)
        try:
            self._producer.produce(*record)
        except BufferError:
            self._produce_after_serving(record)
        except KafkaException as error:
            raise KafkaClientError(error.args[0].name()) from None
        self._polling.sent()

    def _produce_after_serving(self, record: _Record) -> None:
        self._polling.serve(0)  # reports that wait to be served hold places in the queue
        try:
            self._producer.produce(*record)
        except BufferError:
            raise QueueFullError from None

    def _check_usable(self) -> None:
        if self._born_after != _Forks.count:
            raise ForkedProducerError
        if self._closed:
            raise ClosedProducerError

    def poll(self) -> int:
        """Calls back for what has been reported so far, without waiting; returns for how many.

        Seldom needed: sending events and a thread of the producer's own do so too.

        Raises:
            ClosedProducerError, ForkedProducerError: The producer cannot be used (here).
        """
        self._check_usable()
        return self._polling.serve(0)

    def flush(self, timeout: float) -> int:
        """Waits until every event is delivered or reported as failed, at most `timeout` seconds.

        Returns:
            How many events are still undelivered. With 0 every callback has been called: look there, or in the log,
            for those that failed.

        Raises:
            ClosedProducerError, ForkedProducerError: The producer cannot be used (here).
        """
        self._check_usable()
        return self._producer.flush(timeout)

    def close(self, timeout: float = 10.0) -> int:
        """Waits as `flush` does, reports what is left as failed (`_PURGE_QUEUE`, `_PURGE_INFLIGHT`) and ends.

        Returns:
            How many events were left. A second call changes nothing and returns 0.

        Raises:
            ForkedProducerError: The producer belongs to the parent process.
        """
        if self._born_after != _Forks.count:
            raise ForkedProducerError
        if self._closed:
            return 0
        self._closed = True
        left = self._producer.flush(timeout)
        if left:
            self._producer.purge()
            self._producer.flush(1.0)  # serves the reports of what was purged
        self._polling.stop()
        return left

    def __enter__(self) -> Self:
        self._check_usable()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and self._born_after != _Forks.count:
            return  # the block is the parent's; what ends it here must not be hidden
        left = self.close()
        if left and error is None:
            raise UndeliveredError(left)


def _log_failure(error: KafkaError | None, message: Message) -> None:
    if error is not None:
        _settle(None, UUID(event_id_in(message.value() or b"")), error, message)


def _settle(to: DeliveryCallback | None, event_id: UUID, error: KafkaError | None, message: Message) -> None:
    topic, partition, offset = message.topic() or "", message.partition(), message.offset()
    if error is not None:
        report(to, DeliveryReport(event_id, ok=False, error_code=error.name(), topic=topic, partition=-1, offset=-1))
    elif partition is not None and offset is not None:  # they are, once delivered
        report(to, DeliveryReport(event_id, True, None, topic, partition, offset))  # noqa: FBT003 - hot path


def _kafka_producer(config: Mapping[str, object] | ProducerSettings) -> Producer:
    properties = config.client_properties() if isinstance(config, ProducerSettings) else checked_properties(config)
    try:
        return Producer(properties)
    except (KafkaException, TypeError, ValueError) as error:
        raise ProducerConfigError(f"the Kafka client refuses the configuration: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    cause = error.args[0] if error.args else None
    return cause.str() if isinstance(cause, KafkaError) else type(error).__name__
