"""Many things, a batch at a time."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

BATCH = 500
Thing = TypeVar("Thing")


def batches(things: Iterable[Thing]) -> Iterator[list[Thing]]:
    """The things in lists of at most `BATCH`, each made when it is asked for."""
    left = iter(things)
    while batch := list(islice(left, BATCH)):
        yield batch
