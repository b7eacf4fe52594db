"""Consumer groups in memory: who is a member, who holds what, what is committed."""

from collections.abc import Callable, Collection

from consumers.ports import Partition


class MemoryGroup:
    """A group with eager rebalance: nobody is given anything before everybody has given back.

    Attributes:
        committed: Committed offsets.
        generation: Grows with each member that joins or leaves.
    """

    def __init__(self, partitions: Callable[[str], int]) -> None:
        self.committed: dict[Partition, int] = {}
        self.generation = 0
        self._partitions = partitions
        self._members: dict[object, tuple[str, ...]] = {}
        self._ready: set[object] = set()

    @property
    def size(self) -> int:
        """How many members there are."""
        return len(self._members)

    def has(self, member: object) -> bool:
        """Whether it is a member."""
        return member in self._members

    def join(self, member: object, topics: Collection[str]) -> None:
        """Become a member, the last one."""
        self._members[member] = tuple(topics)
        self._rebalance()

    def leave(self, member: object) -> None:
        """Be no member any more. Harmless for one that is none."""
        if self._members.pop(member, None) is not None:
            self._rebalance()

    def ready(self, member: object) -> frozenset[Partition] | None:
        """Say that all was given back. Its share once everybody has said so, else None."""
        self._ready.add(member)
        return self._share(member) if self._ready >= self._members.keys() else None

    def _rebalance(self) -> None:
        self.generation += 1
        self._ready.clear()

    def _share(self, member: object) -> frozenset[Partition]:
        return frozenset(each for topic in self._members[member] for each in self._range(member, topic))

    def _range(self, member: object, topic: str) -> list[Partition]:
        readers = [each for each, topics in self._members.items() if topic in topics]
        fewest, over = divmod(self._partitions(topic), len(readers))
        rank = readers.index(member)
        first = rank * fewest + min(rank, over)
        return [Partition(topic, first + number) for number in range(fewest + (rank < over))]
