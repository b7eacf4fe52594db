"""How many customers share a transaction: half as many once a statement takes too long, then slowly more again."""

from collections.abc import Iterator, Sequence

from consumers.domain.work import Task
from consumers.stores.rules import Rules

ALONE = 10
"""How many times the statement timeout each statement may take for a customer who is too large even by himself."""
TOO_LARGE = "too_large"
_HOUR_MS = 3_600_000
_MOST = 1 << 16  # more than any batch


def patient(rules: Rules) -> Rules:
    """The rules with the statement timeout of a customer by himself: an hour at most, unless theirs is longer."""
    timeout = rules.store.statement_timeout
    longer = max(timeout, min(ALONE * timeout, _HOUR_MS))
    return rules.model_copy(update={"store": rules.store.model_copy(update={"statement_timeout": longer})})


class Pace:
    """Remembers over calls, so that a call need not wait for more than one or two statements that take too long."""

    def __init__(self) -> None:
        self._at_once = _MOST

    @property
    def alone(self) -> bool:
        """Whether each customer has a transaction, and more time, of his own."""
        return self._at_once == 1

    def parts(self, tasks: Sequence[Task]) -> Iterator[Sequence[Task]]:
        """The tasks as they go into one transaction each."""
        size = self._at_once
        return (tasks[first : first + size] for first in range(0, len(tasks), size))

    def too_slow(self, customers: int) -> None:
        """So many took too long together."""
        self._at_once = max(1, customers // 2)

    def went_well(self) -> None:
        """A whole call came through. Slowly up: each step too far costs a call."""
        self._at_once = min(_MOST, self._at_once + max(1, self._at_once // 4))
