"""Whether a role lives and is ready, as the loop itself reports it."""

from consumers.ports import Clock

STALE_SECONDS = 60.0


class Health:
    """What `/livez` and `/readyz` answer. Written by the loop, read by another thread."""

    def __init__(self, clock: Clock, stale_seconds: float = STALE_SECONDS) -> None:
        self._clock, self._stale = clock, stale_seconds
        self._progressed_at = clock.now()
        self._waiting_for: str | None = "assignment"

    def progressed(self) -> None:
        """The loop came round."""
        self._progressed_at = self._clock.now()

    def ready(self) -> None:
        """Nothing is waited for."""
        self._waiting_for = None

    def waiting(self, code: str) -> None:
        """Work waits for a dependency, named by an error code."""
        self._waiting_for = code

    @property
    def live(self) -> bool:
        """Whether the loop came round lately; a loop that waits for a dependency does."""
        return (self._clock.now() - self._progressed_at) / 1_000_000 < self._stale

    @property
    def waiting_for(self) -> str | None:
        """What the role waits for, None when it is ready."""
        return self._waiting_for
