"""Records in: a member of a consumer group that starts partitions where its caller says."""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from consumers.adapters.kafka.assignment import Assignment
from consumers.adapters.kafka.commits import Commits, leave
from consumers.adapters.kafka.config import ANSWER_SECONDS, LOGGER, PROTOCOL, KafkaConfig, consumer_properties
from consumers.adapters.kafka.failures import (
    Failure,
    failure_of,
    kafka_error,
    raisable,
)
from consumers.adapters.kafka.messages import partition_of, record_of
from consumers.adapters.kafka.offsets import committed_offsets
from consumers.adapters.kafka.protocols import PROTOCOLS
from consumers.adapters.record_rules import offset_gone, partition_revoked
from consumers.domain.errors import LapseError, PermanentError, TransientError
from consumers.ports import Partition, Polled, Record

# Signals are handled between calls into librdkafka: none of them may be long.
_SLICE_SECONDS = 0.5
# After the first record of a lull, wait this long for those written together with it.
_GATHER_SECONDS = 0.01


class KafkaSource:
    """Reads topics as a member of a group, committed transactions only. Fulfils RecordSource.

    A rebalance is eager, whatever the group's protocol: everything is revoked, then everything assigned anew, and
    nothing flows until `start` was called for all of it. One thread only. The broker being away is no error of `poll`:
    it brings nothing meanwhile.

    Args:
        config: librdkafka properties.
        topics: Full names.
        group: Consumer group.

    Raises:
        PermanentError: A property cannot be configured.
    """

    def __init__(self, config: KafkaConfig, topics: Sequence[str], group: str) -> None:
        self._group = group
        self._assignment = Assignment()
        self._failure: LapseError | None = None
        self._paused = False
        self._commits = Commits()
        # Handed out by librdkafka while a commit was waited for, and not by a poll yet.
        self._ahead: list[Message] = []
        properties = consumer_properties(config, group)
        self._protocol = PROTOCOLS[properties[PROTOCOL]]
        callbacks = {"error_cb": self._client_failed, "on_commit": self._commits.answered}
        self._consumer = Consumer({**properties, **callbacks}, logger=LOGGER)
        self._consumer.subscribe(
            list(topics), on_assign=self._partitions_assigned, on_revoke=self._gone, on_lost=self._gone
        )

    def poll(self, max_records: int, timeout: float) -> Polled:
        """Wait up to `timeout` seconds for records or a rebalance, and give up to `max_records`.

        Returns as soon as there is something. An end is given only where no record of the same poll follows it.

        Raises:
            TransientError: Refused by the broker (authentication, authorization); it may be called again.
            PermanentError: An offset is gone from the log, or a topic does not exist; every later call raises it too.
        """
        deadline = time.monotonic() + timeout
        while True:
            self._raise_failure()
            polled = self._polled(self._take(max_records, max(0.0, deadline - time.monotonic())))
            if any(polled):
                return polled
            if time.monotonic() >= deadline:
                self._raise_failure()
                return polled

    def start(self, offsets: Mapping[Partition, int | None]) -> None:
        """Begin to deliver newly assigned partitions at these offsets.

        None: at the group's committed offset; without one at the start of the log. Where a group that has committed
        nothing starts is committed at once, so that a loss by retention is noticed later. Partitions revoked meanwhile
        are left out. While paused, they stay paused.

        Raises:
            TransientError: The broker is away; call again with the same offsets.
        """
        resolved = self._resolved(offsets)
        if self._assignment.changed:
            return  # a rebalance overtook the look-up; the next poll says what is to be started now
        self._assignment.start(resolved)
        if self._assignment.complete:
            self._protocol.begin(self._consumer, self._assignment.starts)
            # A partition revoked while paused comes back paused: librdkafka remembers it, so say which it is.
            if self._paused:
                self.pause()
            else:
                self.resume()

    def committed(self, partitions: Collection[Partition]) -> Mapping[Partition, int | None]:
        """The group's committed offsets; None where there is none.

        Raises:
            TransientError: The broker is away.
        """
        return committed_offsets(self._consumer, partitions)

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Commit offsets (last handled + 1), waiting at most `ANSWER_SECONDS` for the broker's answer.

        Raises:
            TransientError: The broker is away and may or may not have committed, or, with the code `partition_revoked`,
                a partition is not this member's any more: nothing can be committed then, and the next poll says so.
        """
        if not self._assignment.held >= offsets.keys():
            raise partition_revoked()
        if offsets:
            self._commits.commit(self._consumer, offsets, self._turn)

    def pause(self) -> None:
        """Stop delivery of all partitions, later assigned ones too. Keep polling."""
        self._paused = True
        self._consumer.pause(self._consumer.assignment())

    def resume(self) -> None:
        """Deliver again from where it was paused: nothing twice, nothing left out."""
        self._paused = False
        self._consumer.resume(self._consumer.assignment())

    def close(self) -> None:
        """Leave the group. Commits nothing. A second call is harmless."""
        leave(self._consumer)

    def _take(self, max_records: int, seconds: float) -> list[Message]:
        """Messages of the present assignment; some are events, not records."""
        ahead = self._handed_out(max_records)
        try:
            messages = ahead + self._consumer.consume(max_records - len(ahead), 0)
            if not messages:
                messages = self._wait(max_records, min(seconds, _SLICE_SECONDS))
        except KafkaException as error:
            self._ahead = ahead + self._ahead
            raise raisable(kafka_error(error), "poll") from error
        # What arrived before a rebalance in the same call is another member's now, and was not handed out.
        return [] if self._assignment.changed else messages

    def _handed_out(self, max_records: int) -> list[Message]:
        if self._paused:
            return []
        taken, self._ahead = self._ahead[:max_records], self._ahead[max_records:]
        return taken

    def _turn(self) -> None:
        # The answer to a commit comes by polling, and so may a record.
        message = self._consumer.poll(0)
        if message is not None:
            self._ahead.append(message)

    def _wait(self, max_records: int, seconds: float) -> list[Message]:
        first = self._consumer.consume(1, seconds)
        return first + self._consumer.consume(max_records - 1, _GATHER_SECONDS) if first and max_records > 1 else first

    def _polled(self, messages: Sequence[Message]) -> Polled:
        records = [record_of(message) for message in messages if message.error() is None]
        ends = self._events(messages, records) if len(records) < len(messages) else {}
        assigned, revoked = self._assignment.news()
        return Polled(records, ends, assigned, revoked)

    def _events(self, messages: Sequence[Message], records: Sequence[Record]) -> dict[Partition, int]:
        ends: dict[Partition, int] = {}
        for message in messages:
            error = message.error()
            if error is None:
                continue
            if error.name() == "_PARTITION_EOF":
                ends[partition_of(message)] = message.offset() or 0
            else:
                self._failed(error, message)
        last = {Partition(record.topic, record.partition): record.offset for record in records}
        return {at: end for at, end in ends.items() if last.get(at, -1) < end}

    def _failed(self, error: KafkaError, message: Message) -> None:
        failure = failure_of(error)
        if failure is Failure.OFFSET_GONE:
            self._keep(offset_gone(self._group, partition_of(message), message.offset() or 0))
        elif failure not in {Failure.RECOVERS, Failure.OVER}:
            self._keep(raisable(error, f"reading {message.topic()}"))

    def _client_failed(self, error: KafkaError) -> None:
        # A wrong password shows up here and nowhere else.
        if failure_of(error) not in {Failure.RECOVERS, Failure.OVER}:
            self._keep(raisable(error, f"group {self._group}"))

    def _keep(self, failure: LapseError) -> None:
        # Raised by the next poll: records of this one must not be lost over it.
        if not isinstance(self._failure, PermanentError):
            self._failure = failure

    def _raise_failure(self) -> None:
        failure = self._failure
        if isinstance(failure, TransientError):
            self._failure = None
        if failure is not None:
            raise failure

    def _resolved(self, offsets: Mapping[Partition, int | None]) -> dict[Partition, int]:
        wanted = {at: offset for at, offset in offsets.items() if at in self._assignment.held}
        committed = self.committed(wanted)
        starts = {at: self._place(at, offset, committed[at]) for at, offset in wanted.items()}
        self.commit({at: offset for at, offset in starts.items() if committed[at] is None})
        return starts

    def _place(self, at: Partition, given: int | None, committed: int | None) -> int:
        if given is not None:
            return given
        return self._beginning(at) if committed is None else committed

    def _beginning(self, at: Partition) -> int:
        try:
            return self._consumer.get_watermark_offsets(TopicPartition(*at), ANSWER_SECONDS)[0]
        except KafkaException as error:
            raise raisable(kafka_error(error), f"first offset of {at.topic}-{at.partition}") from error

    def _partitions_assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        # The caller decides where to start, outside this callback.
        self._protocol.accept(consumer)
        if partitions:
            self._hold(self._assignment.held | _named(partitions))

    def _gone(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._protocol.release(consumer)
        self._hold(self._assignment.held - _named(partitions))

    def _hold(self, partitions: Iterable[Partition]) -> None:
        self._ahead = []
        self._assignment.hold(partitions)


def _named(partitions: Iterable[TopicPartition]) -> set[Partition]:
    return {Partition(each.topic, each.partition) for each in partitions}
