"""Records of a schema nobody here knows: a few are dead letters, a flood pauses until the consumer was upgraded."""

from collections.abc import Collection

from consumers.domain.errors import TransientError
from consumers.domain.failures import FLOOD_MICROS, UNKNOWN_SCHEMA, flooded
from consumers.ports import Clock


class UnknownSchemas:
    """Remembers the positions of such records of one consumer for a minute."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: dict[str, int] = {}

    def admit(self, positions: Collection[str]) -> None:
        """Let these go to the dead letters. A second call with the same ones changes nothing.

        Raises:
            TransientError: They come too fast; none of the batch may be given up.
        """
        now = self._clock.now()
        self._seen = {position: at for position, at in self._seen.items() if now - at < FLOOD_MICROS}
        if flooded(self._seen, positions, now):
            raise TransientError("too many records of unknown schemas; upgrade this consumer", code=UNKNOWN_SCHEMA)
        self._seen |= dict.fromkeys(positions, now)
