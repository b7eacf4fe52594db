"""Records out: an idempotent producer that waits for all replicas."""

import time
from collections.abc import Callable
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from consumers.adapters.kafka.config import LOGGER, KafkaConfig, producer_properties
from consumers.adapters.kafka.failures import Failure, code_of, failure_of, kafka_error
from consumers.domain.errors import TransientError
from consumers.ports import Headers

# Signals are handled between calls into librdkafka: none of them may be long.
_SLICE_SECONDS = 0.5
# How much longer than delivery.timeout.ms to wait: by then librdkafka has reported on every record.
_MARGIN_SECONDS = 5.0


class KafkaSink:
    """Writes records, in order per partition. Fulfils RecordSink.

    A record is safe once `flush` has returned; where it raised, send again all that was sent since the last flush.
    (Some of it may be in the log already, so readers must bear duplicates.) If the client has given up for good, which
    an idempotent producer does when it can no longer tell what was written, it is replaced, and the next flush raises.

    Args:
        config: librdkafka properties.
        client: Makes the producer of a configuration.

    Raises:
        PermanentError: A property cannot be configured.
    """

    def __init__(self, config: KafkaConfig, client: Callable[[dict[str, Any]], Producer] | None = None) -> None:
        self._properties = producer_properties(config)
        self._client: Final = client or _logging_producer
        self._patience = float(self._properties["delivery.timeout.ms"]) / 1000 + _MARGIN_SECONDS
        self._failed: str | None = None
        self._broken = False
        self._producer = self._client(self._properties)

    def send(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers = ()) -> None:
        """Hand a record over; it is safe only after `flush`. Waits while the queue is full.

        Raises:
            TransientError: The queue stayed full, or the record was refused at once; the flush will raise too.
        """
        deadline = time.monotonic() + self._patience
        while not self._accepted(topic, key, value, headers):
            if time.monotonic() >= deadline:
                self._failed = self._failed or "queue_full"
                raise TransientError(f"send to {topic}: queue_full", code="queue_full")
            self._producer.poll(_SLICE_SECONDS)

    def flush(self) -> None:
        """Wait until all that was handed over since the last flush is acknowledged by all replicas.

        Raises:
            TransientError: Some of it may not be; its code is that of the first failure.
        """
        deadline = time.monotonic() + self._patience
        while self._producer.flush(_SLICE_SECONDS) and not self._broken:
            if time.monotonic() >= deadline:
                self._failed = self._failed or "undelivered"
                break
        self._report()

    def close(self) -> None:
        """Drop what was not flushed, and release connections."""
        self._producer.purge()
        self._producer.flush(_SLICE_SECONDS)

    def _accepted(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> bool:
        try:
            # Delivery reports wait for `flush`, or for a full queue: no poll per record.
            self._producer.produce(topic, value, key, on_delivery=self._delivered, headers=list(headers))
        except BufferError:
            return False
        except KafkaException as error:
            self._note(kafka_error(error))
            raise TransientError(f"send to {topic}: {self._failed}", code=self._failed) from error
        return True

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._note(error)

    def _note(self, error: KafkaError) -> None:
        self._failed = self._failed or code_of(error)
        self._broken = self._broken or failure_of(error) is Failure.FATAL

    def _report(self) -> None:
        failed, self._failed = self._failed, None
        if self._broken:
            self._replace()
        if failed is not None:
            raise TransientError(f"records were not acknowledged: {failed}", code=failed)

    def _replace(self) -> None:
        self.close()
        self._failed, self._broken = None, False
        self._producer = self._client(self._properties)


def _logging_producer(properties: dict[str, Any]) -> Producer:
    return Producer(properties, logger=LOGGER)
