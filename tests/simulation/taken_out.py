"""What every rule taken out is made of."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from tests.simulation.installation import Installation

Patch = Callable[[Installation], Any]


@contextmanager
def both(*patches: Any) -> Iterator[None]:
    """Several patches at once."""
    with ExitStack() as stack:
        for each in patches:
            stack.enter_context(each)
        yield
