"""What the broker in memory says about topics and groups."""

from collections.abc import Mapping

from consumers.adapters.memory.broker import MemoryBroker, MemoryLog
from consumers.domain.errors import PermanentError
from consumers.ports import Moved, Partition, Unread


class MemoryOffsets:
    """Offsets of topics and groups of a MemoryBroker. Fulfils TopicOffsets.

    Errors: TransientError while the broker is away, PermanentError for a topic that does not exist.
    """

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker

    def end(self, topic: str) -> Mapping[int, int]:
        """End offsets by partition."""
        return {number: log.end for number, log in self._logs(topic).items()}

    def beginning(self, topic: str) -> Mapping[int, int]:
        """First offsets by partition that are still in the log."""
        return {number: log.first for number, log in self._logs(topic).items()}

    def lag(self, group: str, topic: str) -> int:
        """How many records of a topic a group has still to read, markers counted; all without offsets."""
        logs, committed = self._logs(topic), self._broker.group(group).committed
        return sum(
            max(0, log.end - max(committed.get(Partition(topic, number), 0), log.first)) for number, log in logs.items()
        )

    def unread(self, group: str, topic: str) -> Unread:
        """What a group can read and has not."""
        logs, committed = self._logs(topic), self.committed(group, topic)
        found = [(log.end, log.read(max(committed[number] or 0, log.first), 1)[0]) for number, log in logs.items()]
        first = [(end - records[0].offset, records[0].timestamp) for end, records in found if records]
        return Unread(sum(count for count, _ in first), min((at for _, at in first), default=None))

    def committed(self, group: str, topic: str) -> Mapping[int, int | None]:
        """Committed offsets of a group by partition of a topic."""
        committed = self._broker.group(group).committed
        return {number: committed.get(Partition(topic, number)) for number in self._logs(topic)}

    def since(self, topic: str, at: int) -> Mapping[int, int]:
        """Offsets of the first records appended at `at` (microseconds) or later; else the end."""
        return {number: log.at(at) for number, log in self._logs(topic).items()}

    def passed(self, group: str, topic: str, at: int) -> bool:
        """Whether a group is past, in every partition, all that was appended before `at` (microseconds)."""
        logs, committed = self._logs(topic), self._broker.group(group).committed
        return all(committed.get(Partition(topic, number), 0) >= log.at(at) for number, log in logs.items())

    def close(self) -> None:
        """Nothing is left to release."""

    def _logs(self, topic: str) -> dict[int, MemoryLog]:
        with self._broker.lock:
            self._broker.reach(f"offsets of {topic}")
            return {
                number: self._broker.log(Partition(topic, number)) for number in range(self._broker.partitions(topic))
            }


class MemoryGroups:
    """Groups of a MemoryBroker from outside. Fulfils Groups."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker

    def members(self, group: str) -> int:
        """How many members a group has."""
        return self._broker.group(group).size

    def reset(self, group: str, topic: str, offsets: Mapping[int, int]) -> Moved:
        """Set a group's offsets. PermanentError: it has members."""
        if self.members(group):
            raise PermanentError(f"group {group} has members; stop them first", code="group_has_members")
        committed = self._broker.group(group).committed
        before = {number: committed.get(Partition(topic, number)) for number in offsets}
        committed.update({Partition(topic, number): offset for number, offset in offsets.items()})
        return Moved(before, dict(offsets))
