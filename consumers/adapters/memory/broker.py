"""A broker in this process: topics, partitions, groups. For tests, simulations and a look at a role without Kafka."""

from bisect import bisect_left
from collections.abc import Sequence
from threading import RLock

from consumers.adapters.memory.groups import MemoryGroup
from consumers.adapters.record_rules import topic_missing
from consumers.domain.errors import TransientError
from consumers.ports import Clock, Headers, Partition, Record
from consumers.runtime.murmur2 import partition_of


class MemoryLog:
    """The log of one partition.

    Attributes:
        first: First offset that is still there.
        end: Offset of what is appended next.
    """

    def __init__(self) -> None:
        self.first = 0
        self.end = 0
        self._records: list[Record] = []

    def append(self, record: Record) -> None:
        """Add a record at the end."""
        self._records.append(record)
        self.end += 1

    def skip(self) -> None:
        """Use an offset up without a record."""
        self.end += 1

    def truncate(self, first: int) -> None:
        """Forget everything before an offset."""
        self.first = max(self.first, min(first, self.end))
        self._records = self._records[self._index(self.first) :]

    def read(self, offset: int, limit: int) -> tuple[Sequence[Record], int]:
        """Up to `limit` records from an offset on, and the offset after them and after markers at the end."""
        at = self._index(offset)
        records = self._records[at : at + limit]
        exhausted = at + len(records) == len(self._records)
        return records, self.end if exhausted else records[-1].offset + 1 if records else offset

    def at(self, timestamp: int) -> int:
        """Offset of the first record of that time or later, else the end."""
        return next((record.offset for record in self._records if record.timestamp >= timestamp), self.end)

    def _index(self, offset: int) -> int:
        return bisect_left(self._records, offset, key=lambda record: record.offset)


class MemoryBroker:
    """Topics and groups in memory. Any number of threads may use one.

    Args:
        clock: Dates what is appended, to the millisecond as Kafka does; idle sources wait by it.

    Attributes:
        away: While it is set, sources bring nothing and everything else fails as if no broker could be reached.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.away = False
        self.lock = RLock()
        self._logs: dict[str, list[MemoryLog]] = {}
        self._groups: dict[str, MemoryGroup] = {}

    def create(self, topic: str, partitions: int = 1) -> None:
        """Make a topic. Harmless where it exists with as many partitions.

        Raises:
            ValueError: It exists with another number.
        """
        with self.lock:
            logs = self._logs.setdefault(topic, [MemoryLog() for _ in range(partitions)])
        if len(logs) != partitions:
            raise ValueError("a topic keeps its partitions")

    def append(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers = (),
        *,
        partition: int | None = None,
        timestamp: int | None = None,
    ) -> Record:
        """Append a record: to the partition of its key, now, unless told otherwise. The record as it stands there.

        Raises:
            PermanentError: No such topic.
        """
        with self.lock:
            number = self._choose(topic, key) if partition is None else partition
            log = self.log(Partition(topic, number))
            now = self.clock.now() if timestamp is None else timestamp
            record = Record(topic, number, log.end, now - now % 1000, key, value, tuple(headers))
            log.append(record)
            return record

    def append_marker(self, topic: str, partition: int = 0) -> None:
        """Use up an offset that no reader meets, as the end of a transaction does."""
        with self.lock:
            self.log(Partition(topic, partition)).skip()

    def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """Forget the records before an offset, as retention does."""
        with self.lock:
            self.log(Partition(topic, partition)).truncate(offset)

    def partitions(self, topic: str) -> int:
        """How many a topic has.

        Raises:
            PermanentError: No such topic.
        """
        if topic not in self._logs:
            raise topic_missing(topic)
        return len(self._logs[topic])

    def log(self, at: Partition) -> MemoryLog:
        """The log of a partition.

        Raises:
            PermanentError: No such topic.
        """
        self.partitions(at.topic)
        return self._logs[at.topic][at.partition]

    def group(self, name: str) -> MemoryGroup:
        """A group; it begins to exist here."""
        with self.lock:
            return self._groups.setdefault(name, MemoryGroup(self.partitions))

    def reach(self, doing: str) -> None:
        """What every call to a broker begins with.

        Raises:
            TransientError: It is away.
        """
        if self.away:
            raise TransientError(f"{doing}: transport", code="transport")

    def _choose(self, topic: str, key: bytes | None) -> int:
        count = self.partitions(topic)
        # Kafka spreads records without a key at random; in turns is as good, and repeats.
        return sum(log.end for log in self._logs[topic]) % count if key is None else partition_of(key, count)
