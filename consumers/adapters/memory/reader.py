"""A topic of the broker in memory, read from outside any group."""

from collections.abc import Iterator, Mapping

from consumers.adapters.memory.broker import MemoryBroker
from consumers.ports import Partition, Record


class MemoryReader:
    """Reads topics of a MemoryBroker as a whole. Fulfils TopicReader.

    Errors: TransientError while the broker is away, PermanentError for a topic that does not exist.
    """

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker

    def read(self, topic: str, starts: Mapping[int, int] | None = None) -> Iterator[Record]:
        """Every record from `starts` on, up to where the topic ended at the first step of the iterator."""
        found: list[Record] = []
        with self._broker.lock:
            self._broker.reach("reading a topic")
            for number in range(self._broker.partitions(topic)):
                log = self._broker.log(Partition(topic, number))
                begin = max((starts or {}).get(number, log.first), log.first)
                found += log.read(begin, log.end)[0]
        yield from found
