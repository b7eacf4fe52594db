"""What the broker says about topics and groups."""

from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Future

from confluent_kafka import OFFSET_INVALID, Consumer, IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # its re-exports are unmarked

from consumers.adapters.kafka.answers import answer, partition_counts
from consumers.adapters.kafka.config import ANSWER_SECONDS, KafkaConfig, admin_properties, observer_properties
from consumers.adapters.kafka.failures import kafka_error, raisable
from consumers.adapters.kafka.peek import first_records
from consumers.domain.errors import TransientError
from consumers.ports import Partition, Unread

_LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # its return types are missing
_EARLIEST = OffsetSpec.earliest()  # type: ignore[no-untyped-call]


class KafkaOffsets:
    """Offsets of topics and groups. Fulfils TopicOffsets.

    Partition counts are read once, and after a failure: Lapse never changes them, keys would move.
    """

    def __init__(self, config: KafkaConfig) -> None:
        self._config = config
        # Kept for as long as this object: results never arrive once the client is gone.
        self._admin = AdminClient(admin_properties(config))
        self._counts: dict[str, int] = {}
        self._observers: dict[str, Consumer] = {}

    def end(self, topic: str) -> Mapping[int, int]:
        """End offsets by partition: after the last record appended, whether its transaction is decided or not.

        Not where a read_committed consumer would stop: what was acknowledged behind an open transaction is there,
        though nobody can read it before that transaction is decided.

        Raises:
            TransientError: The broker is away.
            PermanentError: No such topic.
        """
        return self._listed(topic, _LATEST, IsolationLevel.READ_UNCOMMITTED)

    def beginning(self, topic: str) -> Mapping[int, int]:
        """First offsets by partition that are still in the log.

        Raises:
            TransientError: The broker is away.
            PermanentError: No such topic.
        """
        return self._listed(topic, _EARLIEST, IsolationLevel.READ_UNCOMMITTED)

    def lag(self, group: str, topic: str) -> int:
        """How many records of a topic a group has still to read, transaction markers counted; all without offsets.

        What retention has deleted is not counted: nobody can read it.

        Raises:
            TransientError: The broker is away.
            PermanentError: No such topic.
        """
        ends, first = self.end(topic), self.beginning(topic)
        committed = self._committed(group, topic, ends)
        return sum(max(0, end - max(committed[number] or 0, first[number])) for number, end in ends.items())

    def unread(self, group: str, topic: str) -> Unread:
        """What a group can read and has not: nothing where only transaction markers or undecided records are left.

        Looks at the first record of each partition, from outside the group. Markers behind it are counted.

        Raises:
            TransientError: The broker is away.
            PermanentError: No such topic.
        """
        ends, first, committed = self.end(topic), self.beginning(topic), self.committed(group, topic)
        starts = {number: max(committed[number] or 0, first[number]) for number in ends}
        waiting = {Partition(topic, number): start for number, start in starts.items() if start < ends[number]}
        found = first_records(self._observer(group), waiting)
        records = sum(ends[at.partition] - place.offset for at, place in found.items())
        return Unread(records, min((place.timestamp for place in found.values()), default=None))

    def passed(self, group: str, topic: str, at: int) -> bool:
        """Whether a group is past, in every partition, all that was appended before `at` (microseconds).

        A group without a committed offset is past an empty partition only; an open transaction is waited for.

        Raises:
            TransientError: The broker is away.
            PermanentError: No such topic.
        """
        committed = self.committed(group, topic)
        return all((committed[number] or 0) >= target for number, target in self.since(topic, at).items())

    def since(self, topic: str, at: int) -> Mapping[int, int]:
        """Offsets of the first records appended at `at` (microseconds) or later, by partition; else the end.

        Raises:
            TransientError: The broker is away.
            PermanentError: No such topic.
        """
        # Timestamps are milliseconds: the first record at or after `at` is the one at the next full millisecond.
        spec = OffsetSpec.for_timestamp(-(-at // 1000))
        # The undecided end, so that a transaction still open keeps a group from being past it.
        ends = self.end(topic)
        first = self._listed(topic, spec, IsolationLevel.READ_UNCOMMITTED)
        return {number: first[number] if first[number] >= 0 else end for number, end in ends.items()}

    def committed(self, group: str, topic: str) -> Mapping[int, int | None]:
        """Committed offsets of a group by partition of a topic, None where there is none.

        Raises:
            TransientError: The broker is away.
            PermanentError: No such topic.
        """
        return self._committed(group, topic, range(self._count(topic)))

    def close(self) -> None:
        """Release connections."""
        for observer in self._observers.values():
            observer.close()
        self._observers.clear()

    def _listed(self, topic: str, spec: OffsetSpec, isolation: IsolationLevel) -> dict[int, int]:
        asked = {TopicPartition(topic, number): spec for number in range(self._count(topic))}
        doing = f"offsets of {topic}"
        futures: Mapping[TopicPartition, Future[object]] = self._admin.list_offsets(
            asked, isolation_level=isolation, request_timeout=ANSWER_SECONDS
        )
        try:
            found = {at.partition: int(answer(future, doing).offset) for at, future in futures.items()}
        except TransientError:
            # After a leader election librdkafka asks under the old epoch (fenced_leader_epoch), again and again, until
            # metadata are read: the next call does.
            self._counts.pop(topic, None)
            raise
        # A request that timed out is answered with this offset and no error (librdkafka 2.16).
        if OFFSET_INVALID in found.values():
            raise TransientError(f"{doing}: no answer", code="timed_out")
        return found

    def _count(self, topic: str) -> int:
        if topic not in self._counts:
            self._counts[topic] = partition_counts(self._admin, [topic])[topic]
        return self._counts[topic]

    def _committed(self, group: str, topic: str, numbers: Iterable[int]) -> dict[int, int | None]:
        found = committed_offsets(self._observer(group), [Partition(topic, number) for number in numbers])
        return {at.partition: offset for at, offset in found.items()}

    def _observer(self, group: str) -> Consumer:
        if group not in self._observers:
            self._observers[group] = Consumer(observer_properties(self._config, group))
        return self._observers[group]


def committed_offsets(consumer: Consumer, partitions: Collection[Partition]) -> dict[Partition, int | None]:
    """Committed offsets of the group the consumer is configured with, None where there is none.

    Asked through a consumer: AdminClient.list_consumer_group_offsets can crash the process while the coordinator moves
    (confluent-kafka 2.16, librdkafka issue 5040).

    Raises:
        TransientError: The broker is away.
    """
    if not partitions:
        return {}
    try:
        answers = consumer.committed([TopicPartition(*at) for at in partitions], ANSWER_SECONDS)
    except KafkaException as error:
        raise raisable(kafka_error(error), "committed offsets") from error
    for each in answers:
        if each.error is not None:
            raise raisable(each.error, f"committed offset of {each.topic}-{each.partition}")
    return {Partition(each.topic, each.partition): each.offset if each.offset >= 0 else None for each in answers}
