"""A clock that moves when it is told to."""


class MemoryClock:
    """Fulfils Clock; waiting moves it. Microseconds."""

    def __init__(self, now: int) -> None:
        self._now = now

    def now(self) -> int:
        """The time it was moved to."""
        return self._now

    def wait(self, seconds: float) -> None:
        """Move on."""
        self._now += int(seconds * 1_000_000)
