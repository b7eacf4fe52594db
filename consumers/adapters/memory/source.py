"""Records in, from memory: a member of a group that starts partitions where its caller says."""

from collections.abc import Collection, Mapping, Sequence

from consumers.adapters.memory.broker import MemoryBroker
from consumers.adapters.record_rules import offset_gone, partition_revoked
from consumers.ports import Partition, Polled, Record

_SLICE_SECONDS = 0.01


class MemorySource:
    """Reads topics of a MemoryBroker as a member of a group. Fulfils RecordSource.

    A rebalance is eager, as Kafka's is here: it goes on only when every member has polled. `die` is what happens to a
    member whose process is killed.

    Args:
        broker: Where to read.
        topics: Full names.
        group: Consumer group.
    """

    def __init__(self, broker: MemoryBroker, topics: Sequence[str], group: str) -> None:
        self._broker = broker
        self._topics = topics
        self._name = group
        self._group = broker.group(group)
        self._generation = 0
        self._rejoining = True
        self._paused = False
        self._turn = 0
        self._held: frozenset[Partition] = frozenset()
        self._starts: dict[Partition, int] = {}
        self._ended: dict[Partition, int] = {}

    def poll(self, max_records: int, timeout: float) -> Polled:
        """Wait up to `timeout` seconds, by the broker's clock, for records or a rebalance.

        Raises:
            PermanentError: An offset is gone from the log, or a topic does not exist.
        """
        waited = 0.0
        while not any(polled := self._polled(max_records)) and waited < timeout:
            self._broker.clock.wait(min(_SLICE_SECONDS, timeout - waited))
            waited += _SLICE_SECONDS
        return polled

    def start(self, offsets: Mapping[Partition, int | None]) -> None:
        """Begin to deliver newly assigned partitions at these offsets; None: the committed one, else the first.

        Where a group that has committed nothing starts is committed at once.

        Raises:
            TransientError: The broker is away; call again with the same offsets.
        """
        wanted = {at: offset for at, offset in offsets.items() if at in self._held}
        committed = self.committed(wanted)
        starts = {at: self._place(at, offset, committed[at]) for at, offset in wanted.items()}
        self.commit({at: offset for at, offset in starts.items() if committed[at] is None})
        self._starts |= starts

    def _place(self, at: Partition, given: int | None, committed: int | None) -> int:
        if given is not None:
            return given
        return self._broker.log(at).first if committed is None else committed

    def committed(self, partitions: Collection[Partition]) -> Mapping[Partition, int | None]:
        """The group's committed offsets.

        Raises:
            TransientError: The broker is away.
        """
        if partitions:
            self._broker.reach("committed offsets")
        return {at: self._group.committed.get(at) for at in partitions}

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Commit offsets.

        Raises:
            TransientError: The broker is away, or, with the code `partition_revoked`, a partition is not this member's
                any more.
        """
        if not offsets:
            return
        with self._broker.lock:
            self._broker.reach("commit")
            if not (self._held >= offsets.keys() and self._group.has(self)):
                raise partition_revoked()
            self._group.committed.update(offsets)

    def pause(self) -> None:
        """Stop delivery of all partitions, later assigned ones too. Keep polling."""
        self._paused = True

    def resume(self) -> None:
        """Deliver again from where it was paused."""
        self._paused = False
        self._ended.clear()

    def close(self) -> None:
        """Leave the group at once. Commits nothing."""
        with self._broker.lock:
            self._group.leave(self)

    def die(self) -> None:
        """Be thrown out of the group, as a member that is not heard of; a later poll joins again."""
        self.close()

    def _polled(self, max_records: int) -> Polled:
        with self._broker.lock:
            if self._broker.away:
                return Polled()
            revoked, assigned = self._given_back(), self._given()
            if revoked or assigned:
                return Polled(assigned=assigned, revoked=revoked)
            if self._paused or not self._held <= self._starts.keys():
                return Polled()
            return self._delivered(max_records)

    def _given_back(self) -> tuple[Partition, ...]:
        if not self._group.has(self):
            self._group.join(self, self._topics)
        if self._generation == self._group.generation:
            return ()
        revoked = tuple(sorted(self._held))
        self._generation, self._rejoining = self._group.generation, True
        self._held, self._starts, self._ended = frozenset(), {}, {}
        return revoked

    def _given(self) -> tuple[Partition, ...]:
        share = self._group.ready(self) if self._rejoining else None
        if share is None:
            return ()
        self._held, self._rejoining = share, False
        return tuple(sorted(share))

    def _delivered(self, max_records: int) -> Polled:
        records: list[Record] = []
        ends: dict[Partition, int] = {}
        for at in self._in_turn():
            batch, self._starts[at] = self._read(at, max_records - len(records))
            records += batch
            if self._starts[at] == self._broker.log(at).end != self._ended.get(at):
                ends[at] = self._ended[at] = self._starts[at]
        return Polled(records, ends)

    def _in_turn(self) -> list[Partition]:
        # A full partition must not keep the others from ever being read.
        order = sorted(self._held)
        self._turn = (self._turn + 1) % max(1, len(order))
        return order[self._turn :] + order[: self._turn]

    def _read(self, at: Partition, limit: int) -> tuple[Sequence[Record], int]:
        log, offset = self._broker.log(at), self._starts[at]
        if not log.first <= offset <= log.end:
            raise offset_gone(self._name, at, offset)
        return log.read(offset, limit)
