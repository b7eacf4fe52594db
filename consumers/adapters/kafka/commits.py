"""Commits of offsets that end: while a broker is silent, librdkafka's own waiting has no limit and cannot be broken."""

import time
from collections.abc import Callable, Mapping
from threading import Thread

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from consumers.adapters.kafka.config import ANSWER_SECONDS
from consumers.adapters.kafka.failures import kafka_error, raisable
from consumers.domain.errors import LapseError, TransientError
from consumers.ports import Partition

# Sleeping before each look: an answer overtakes records, so a look that finds it brings one record at most, and one
# that comes too early brings one for nothing. An answer takes half a millisecond.
_FIRST_NAP_SECONDS = 0.0005
_LONGEST_NAP_SECONDS = 0.05


class Commits:
    """Sends commits and waits for their answers, which arrive while the consumer is polled.

    Pass `answered` to the consumer as its `on_commit`.
    """

    def __init__(self) -> None:
        self._waiting: dict[Partition, int] = {}
        self._answer: list[KafkaError] | None = None

    def answered(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        """Take an answer; one to an older commit that was given up on is ignored."""
        if {Partition(each.topic, each.partition): each.offset for each in partitions} == self._waiting:
            self._answer = [each for each in (error, *(each.error for each in partitions)) if each is not None]

    def commit(self, consumer: Consumer, offsets: Mapping[Partition, int], turn: Callable[[], object]) -> None:
        """Commit, and call `turn`, which must poll the consumer once, until the answer is there.

        Raises:
            TransientError: No answer, in which case the commit may still happen, or the broker refused it for now.
            PermanentError: It refused for good.
        """
        self._waiting, self._answer = dict(offsets), None
        deadline = time.monotonic() + ANSWER_SECONDS
        try:
            consumer.commit(offsets=[TopicPartition(*at, offset) for at, offset in offsets.items()], asynchronous=True)
        except KafkaException as error:
            raise _refused(kafka_error(error)) from error
        nap = _FIRST_NAP_SECONDS
        while self._answer is None:
            if time.monotonic() >= deadline:
                raise TransientError("commit: no answer", code="timed_out")
            time.sleep(nap)
            turn()
            nap = min(2 * nap, _LONGEST_NAP_SECONDS)
        for error in self._answer:
            raise _refused(error)


def leave(consumer: Consumer) -> None:
    """Close a consumer, waiting at most `ANSWER_SECONDS`.

    With a commit under way librdkafka waits for a silent broker without limit, and no signal is handled meanwhile. So
    it waits in a thread that does not keep the process; the group notices by its session timeout.
    """
    closing = Thread(target=consumer.close, daemon=True)
    closing.start()
    closing.join(ANSWER_SECONDS)


def _refused(error: KafkaError) -> LapseError:
    return raisable(error, "commit")
