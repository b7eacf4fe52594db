"""What the broker in memory says about topics and groups."""

from collections.abc import Mapping

from consumers.adapters.memory.broker import MemoryBroker, MemoryLog
from consumers.ports import Partition


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
