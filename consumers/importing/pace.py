"""How fast to publish."""

from consumers.domain.retention import MICROSECONDS
from consumers.ports import Clock

_NAP = 0.01
"""Seconds: shorter waits are saved up, for a sleep costs more than it lasts."""


def next_turn(turn: float, now: int, per_second: int) -> float:
    """When the event after this one may go; time that was lost is not made up for by a burst."""
    return max(turn, now) + MICROSECONDS / per_second


class Pace:
    """Lets events pass evenly, at most so many a second; None: as fast as they come."""

    def __init__(self, per_second: int | None, clock: Clock) -> None:
        self._per_second, self._clock = per_second, clock
        self._turn = 0.0

    def step(self) -> None:
        """Return when the next event may go."""
        if self._per_second is None:
            return
        now = self._clock.now()
        ahead = (self._turn - now) / MICROSECONDS
        self._turn = next_turn(self._turn, now, self._per_second)
        if ahead > _NAP:
            self._clock.wait(ahead)
