"""A topic read from outside any group, from where the caller says to where it ended when the reading began."""

import time
from collections.abc import Iterator, Mapping
from contextlib import closing

from confluent_kafka import Consumer, Message, TopicPartition

from consumers.adapters.kafka.config import ANSWER_SECONDS, KafkaConfig, observer_properties
from consumers.adapters.kafka.failures import raisable
from consumers.adapters.kafka.messages import record_of
from consumers.adapters.kafka.offsets import KafkaOffsets
from consumers.domain.errors import TransientError
from consumers.ports import Record

_GROUP = "lapse-reader"  # librdkafka wants one; it is never joined, nothing is committed under it
_BATCH = 1000


class KafkaReader:
    """Reads topics as a whole. Fulfils TopicReader."""

    def __init__(self, config: KafkaConfig) -> None:
        self._config = config

    def read(self, topic: str, starts: Mapping[int, int] | None = None) -> Iterator[Record]:
        """Every committed record from `starts` on, up to where the topic ended at the first step of the iterator.

        Raises:
            TransientError: The broker is away; begin again.
            PermanentError: No such topic.
        """
        with closing(KafkaOffsets(self._config)) as offsets:
            ends, first = offsets.end(topic), offsets.beginning(topic)
        begin = {number: max((starts or first).get(number, first[number]), first[number]) for number in ends}
        left = {number: end for number, end in ends.items() if begin[number] < end}
        with closing(Consumer(observer_properties(self._config, _GROUP))) as consumer:
            consumer.assign([TopicPartition(topic, number, begin[number]) for number in left])
            yield from _records(consumer, left)


def _records(consumer: Consumer, left: dict[int, int]) -> Iterator[Record]:
    heard = time.monotonic()
    while left:
        messages = consumer.consume(_BATCH, 0.2)
        if messages:
            heard = time.monotonic()
        elif time.monotonic() - heard > ANSWER_SECONDS:
            raise TransientError("reading a topic: no answer", code="timed_out")
        for message in messages:
            yield from _record(message, left)


def _record(message: Message, left: dict[int, int]) -> Iterator[Record]:
    error, number, offset = message.error(), message.partition(), message.offset()
    if error is not None and error.name() == "_PARTITION_EOF":
        # markers behind the last record, or a transaction still open, use up the rest
        left.pop(number or 0, None)
        return
    if error is not None:
        raise raisable(error, "reading a topic")
    if number not in left or offset is None:
        return
    if offset < left[number]:
        yield record_of(message)
    if offset + 1 >= left[number]:
        del left[number]
