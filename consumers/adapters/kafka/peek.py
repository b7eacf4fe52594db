"""The first record at or after an offset, read from outside any group."""

import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition

from consumers.adapters.kafka.config import ANSWER_SECONDS
from consumers.adapters.kafka.failures import Failure, failure_of, raisable
from consumers.adapters.kafka.messages import partition_of
from consumers.domain.errors import TransientError
from consumers.ports import Partition

_BATCH = 100


class Place(NamedTuple):
    """Where a record stands, and its append time in microseconds."""

    offset: int
    timestamp: int


def first_records(consumer: Consumer, starts: Mapping[Partition, int]) -> dict[Partition, Place]:
    """The first record from each start on; left out where a read_committed reader finds only the end.

    The consumer never subscribes; its assignment is gone afterwards.

    Raises:
        TransientError: The broker is away.
    """
    found: dict[Partition, Place] = {}
    left = set(starts)
    deadline = time.monotonic() + ANSWER_SECONDS
    consumer.assign([TopicPartition(*at, offset) for at, offset in starts.items()])
    try:
        while left:
            for at, place in _read(consumer):
                if place and at in left:
                    found[at] = place
                left.discard(at)
            if time.monotonic() > deadline:
                raise TransientError("first unread records: no answer", code="timed_out")
    finally:
        consumer.unassign()
    return found


def _read(consumer: Consumer) -> Iterator[tuple[Partition, Place | None]]:
    for message in consumer.consume(_BATCH, 0.1):
        error = message.error()
        if error is None:
            yield partition_of(message), Place(message.offset() or 0, message.timestamp()[1] * 1000)
        elif error.name() == "_PARTITION_EOF":
            yield partition_of(message), None
        elif failure_of(error) is not Failure.RECOVERS:
            raise raisable(error, "first unread records")
