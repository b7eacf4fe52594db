"""The machine's clock."""

import time


class SystemClock:
    """Time as the machine has it."""

    def now(self) -> int:
        """Microseconds since the epoch, UTC."""
        return time.time_ns() // 1000

    def wait(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)
