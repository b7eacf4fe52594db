"""How long to wait before the same call again: exponential, full jitter."""

import random

FIRST_SECONDS = 0.2
LONGEST_SECONDS = 30.0


def backoff(attempt: int, chance: random.Random) -> float:
    """Seconds before attempt `attempt` (0, 1, …): uniform between 0 and min(30, 0.2 * 2^attempt)."""
    return chance.uniform(0.0, min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(attempt, 16)))
