"""How often what DynamoDB left undone is asked for again, and at what pace."""

import random
import time
from collections.abc import Callable, Iterator

LIMIT = 8
"""Of 500 statements one may be refused as often, each with a chance of a third, in one batch of ten."""
FIRST_PAUSE = 0.05
"""Seconds. Doubled per try, full jitter: giving up takes 6.4 s at most, a small part of any poll interval."""


class Tries:
    """Yields once per try and waits in between. May be used again and by several threads.

    Args:
        wait: Lets seconds pass.
        jitter: Gives a number in [0, 1).
    """

    def __init__(self, wait: Callable[[float], None] = time.sleep, jitter: Callable[[], float] = random.random) -> None:
        self._wait = wait
        self._jitter = jitter

    def __iter__(self) -> Iterator[int]:
        for done in range(LIMIT):
            if done:
                self._wait(self._jitter() * FIRST_PAUSE * 2 ** (done - 1))
            yield done


TRIES = Tries()
