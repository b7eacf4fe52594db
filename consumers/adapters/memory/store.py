"""A database in memory: rows by customer, a flag each, a ledger."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from consumers.domain.errors import TransientError
from consumers.domain.work import Carried, Finding, LedgerRow, Task

TABLE = "people"


class MemoryRow(NamedTuple):
    """One customer's row: a value that is personal until the flag is set."""

    value: str
    anonymized: bool = False


class MemoryStore:
    """Fulfils Store.

    Attributes:
        rows: By customer.
        rows_of_ledger: By command id.
        findings: What pre-flight answers.
        failing: Customers whose part fails for a reason of their data.
        locked: Customers whose rows may not be changed before a date, microseconds.
        active: Customers the guard lists; None: the rules have no guard.
        away: While it is set, every call fails as if the database could not be reached.
    """

    rules_digest = "0" * 64

    def __init__(self) -> None:
        self.rows: dict[str, MemoryRow] = {}
        self.rows_of_ledger: dict[str, LedgerRow] = {}
        self.findings: list[Finding] = []
        self._found: list[Finding] = []
        self.failing: set[str] = set()
        self.locked: dict[str, int] = {}
        self.active: set[str] | None = None
        self.away = False

    @property
    def votes(self) -> bool:
        """Whether there is a guard."""
        return self.active is not None

    def guard(self, customer_ids: Sequence[str]) -> Mapping[str, str]:
        """The active ones among these customers."""
        self._reach()
        return {each: "active" for each in customer_ids if each in (self.active or ())}

    def preflight(self) -> list[Finding]:
        """The findings set."""
        self._reach()
        self._found = list(self.findings)
        return self._found

    def altered(self) -> bool:
        """Whether the findings set are others than pre-flight has answered."""
        return self._found != self.findings

    def ledger(self, command_ids: Sequence[str]) -> Mapping[str, LedgerRow]:
        """Ledger rows of these commands."""
        self._reach()
        return {each: self.rows_of_ledger[each] for each in command_ids if each in self.rows_of_ledger}

    def unflagged(self, customer_ids: Sequence[str]) -> frozenset[str]:
        """Customers whose row is not anonymized."""
        self._reach()
        return frozenset(each for each in customer_ids if self._is_unflagged(each))

    def count(self, customer_ids: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        """One row each that a run would change."""
        return {each: {TABLE: 1} for each in self.unflagged(customer_ids)}

    def anonymize(self, tasks: Sequence[Task]) -> Sequence[Carried]:
        """Carry out the batch."""
        self._reach()
        return [self._carry_out(task) for task in tasks]

    def close(self) -> None:
        """Nothing to release."""

    def _reach(self) -> None:
        if self.away:
            raise TransientError("database away", code="away")

    def _is_unflagged(self, customer_id: str) -> bool:
        row = self.rows.get(customer_id)
        return row is not None and not row.anonymized

    def _carry_out(self, task: Task) -> Carried:
        unflagged = self._is_unflagged(task.customer_id)
        if task.command_id in self.rows_of_ledger:
            return Carried("LATE" if unflagged else "ALREADY_DONE", {})
        if task.customer_id in self.failing:
            return Carried("FAILED", {}, "23514")
        if unflagged and task.customer_id in self.locked:
            return Carried("DEFERRED", {}, deferred_until=self.locked[task.customer_id])
        rows = {TABLE: 1} if unflagged else {}
        outcome = "DONE" if unflagged else "NOTHING_FOUND"
        if unflagged:
            self.rows[task.customer_id] = MemoryRow("anonymized", anonymized=True)
        self.rows_of_ledger[task.command_id] = LedgerRow(task.command_id, outcome, rows)
        return Carried(outcome, rows)
