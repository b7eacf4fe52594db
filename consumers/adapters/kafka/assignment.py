"""Which partitions a member of a group holds, and where each is to start."""

from collections.abc import Iterable, Mapping

from consumers.ports import Partition


class Assignment:
    """The partitions between two rebalances, and what the caller has not heard of yet.

    Attributes:
        held: Partitions this member owns, started or not.
        starts: Where those start that the caller has decided about.
    """

    def __init__(self) -> None:
        self.held: set[Partition] = set()
        self.starts: dict[Partition, int] = {}
        self._assigned: set[Partition] = set()
        self._revoked: set[Partition] = set()

    @property
    def changed(self) -> bool:
        """Whether `news` has something to tell."""
        return bool(self._assigned or self._revoked)

    @property
    def complete(self) -> bool:
        """Whether every partition held has a place to start."""
        return self.held <= self.starts.keys()

    def hold(self, partitions: Iterable[Partition]) -> None:
        """Hold these from now on, all of them to be started anew.

        Partitions whose assignment was never told of are not told of as revoked either.
        """
        self._revoked |= self.held - self._assigned
        self.held = set(partitions)
        self._assigned = set(self.held)
        self.starts = {}

    def start(self, offsets: Mapping[Partition, int]) -> None:
        """Take over where to start."""
        self.starts |= offsets

    def news(self) -> tuple[tuple[Partition, ...], tuple[Partition, ...]]:
        """Assigned and revoked since the last call; what was revoked and came back is in both."""
        news = tuple(sorted(self._assigned)), tuple(sorted(self._revoked))
        self._assigned, self._revoked = set(), set()
        return news
