"""The barrier: wait until the table contains every event acknowledged before now.

The POSITION rows say what the table contains. Kafka's group offset does not: it survives a restored table. An event
acknowledged behind a transaction that is still open cannot be read yet, so the barrier waits until that is decided; the
broker decides it within the producer's transaction timeout.
"""

from collections.abc import Mapping

from consumers.domain import rows
from consumers.domain.errors import PermanentError, TransientError
from consumers.ports import Clock, Table, TopicOffsets


class BarrierClosedError(TransientError):
    """The state consumer has not yet folded all events; nothing is claimed or committed until it has."""


class NoPositionError(PermanentError):
    """The table does not say how far it contains the events.

    On a first installation run `lapse table apply`; where the table was restored, emptied or replaced, rebuild it with
    `lapse state rebuild` while every role is stopped.
    """


class Barrier:
    """Taken by a worker before it reads items it will act on."""

    def __init__(
        self, table: Table, offsets: TopicOffsets, clock: Clock, events: str, *, patience: float = 5.0
    ) -> None:
        self._table, self._offsets, self._clock = table, offsets, clock
        self._events, self._patience, self._poll = events, patience, 0.1

    def wait(self) -> None:
        """Return once the table contains what was acknowledged before the call.

        Raises:
            BarrierClosedError: Not within the barrier's patience (seconds); try again later.
            NoPositionError: The table cannot say.
        """
        ends = self._offsets.end(self._events)
        deadline = self._clock.now() + int(self._patience * 1_000_000)
        while not self._reached(ends):
            if self._clock.now() >= deadline:
                raise BarrierClosedError
            self._clock.wait(self._poll)

    def _reached(self, ends: Mapping[int, int]) -> bool:
        keys = {rows.position_key(partition): end for partition, end in ends.items()}
        found = self._table.read(keys)
        if len(found) < len(keys):
            raise NoPositionError
        return all(rows.position(found[key].body).offset >= end for key, end in keys.items())
