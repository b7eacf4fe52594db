"""Letters in a folder: `CUSTOMER.json` is a list of texts, deleted with the file. The ledger lies beside.

| error               | answer       |
|---------------------|--------------|
| any of the disk     | retry        |
| no file             | already gone |
| ledger entry there  | already gone |
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from consumers.domain.errors import TransientError
from consumers.domain.work import Carried, Finding, LedgerRow, Proof, Task
from consumers.ports import Clock
from consumers.stores import CustomRules, CustomStore, rules_digest

GROUP = "letters"
_ID = re.compile(r"[A-Za-z0-9-]{1,60}")


class LettersStore(CustomStore):
    """Where the letters are."""

    folder: str


class LettersRules(CustomRules):
    """Rules of a service whose customers have letters."""

    store: LettersStore

    def groups(self) -> Mapping[str, Literal["masked", "deleted"]]:
        """All letters of the customer are deleted."""
        return {GROUP: "deleted"}

    def suits(self, customer_id: str) -> bool:
        """Whether a file can have this name."""
        return _ID.fullmatch(customer_id) is not None

    def open(self, clock: Clock) -> "Letters":
        """The folder."""
        return Letters(self, clock)


class Letters:
    """Fulfils LedgeredStore. `io` stands before every look and write."""

    def __init__(self, rules: LettersRules, clock: Clock, io: Callable[[], None] = lambda: None) -> None:
        self._rules, self._clock, self._io = rules, clock, io
        self._folder = Path(rules.store.folder)
        self.rules_digest, self.votes = rules_digest(rules), False

    def guard(self, customer_ids: Sequence[str]) -> Mapping[str, str]:  # noqa: ARG002 - of the port
        """Nobody."""
        return {}

    def preflight(self) -> list[Finding]:
        """Whether the folder is there."""
        with self._reached():
            if self._folder.is_dir():
                return []
        return [Finding("folder", "store.folder", "there is no such folder.", "make it, or correct the name.")]

    def altered(self) -> bool:
        """Whether the folder has gone."""
        return not self._folder.is_dir()

    def ledger(self, command_ids: Sequence[str]) -> Mapping[str, LedgerRow]:
        """Entries of these commands."""
        return {
            each.command_id: LedgerRow(each.command_id, each.outcome, each.rows) for each in self.proofs(command_ids)
        }

    def proofs(self, command_ids: Sequence[str]) -> list[Proof]:
        """Whole entries of these commands."""
        with self._reached():
            return [_proof(path) for path in map(self._entry, command_ids) if path.exists()]

    def carried(self, number: int, of: int, since: int) -> list[Proof]:
        """Entries of one partition."""
        return [each for at, each in self._entries() if at % of == number and each.carried_at >= since]

    def reached(self) -> Mapping[int, int]:
        """The highest offset by partition."""
        highest: dict[int, int] = {}
        for path in sorted(self._folder.glob("ledger-*")):
            told = json.loads(path.read_text())
            highest[told["partition"]] = max(highest.get(told["partition"], 0), told["offset"])
        return highest

    def unflagged(self, customer_ids: Sequence[str]) -> frozenset[str]:
        """Who has letters."""
        return frozenset(self.count(customer_ids))

    def count(self, customer_ids: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        """How many letters."""
        with self._reached():
            counted = {each: self._letters(each) for each in customer_ids}
        return {each: {GROUP: letters} for each, letters in counted.items() if letters}

    def anonymize(self, tasks: Sequence[Task]) -> list[Carried]:
        """Delete, then write the entry."""
        return [self._carry_out(each) for each in tasks]

    def close(self) -> None:
        """Nothing to release."""

    def _carry_out(self, task: Task) -> Carried:
        found = self.count([task.customer_id]).get(task.customer_id, {})
        if self.proofs([task.command_id]):
            return Carried("LATE" if found else "ALREADY_DONE", {})
        answer = Carried("DONE" if found else "NOTHING_FOUND", found)
        with self._reached():
            if found:
                self._file(task.customer_id).unlink()
        with self._reached():
            told = {**task._asdict(), "outcome": answer.outcome, "rows": dict(found), "digest": self.rules_digest}
            self._entry(task.command_id).write_text(json.dumps({**told, "carried_at": self._clock.now()}))
        return answer

    def _letters(self, customer_id: str) -> int:
        path = self._file(customer_id) if self._rules.suits(customer_id) else None
        return len(json.loads(path.read_text())) if path and path.exists() else 0

    def _file(self, customer_id: str) -> Path:
        return self._folder / f"{customer_id}.json"

    def _entry(self, command_id: str) -> Path:
        return self._folder / f"ledger-{command_id}"

    def _entries(self) -> Iterator[tuple[int, Proof]]:
        for path in sorted(self._folder.glob("ledger-*")):
            yield json.loads(path.read_text())["partition"], _proof(path)

    @contextmanager
    def _reached(self) -> Iterator[None]:
        code = None
        try:
            self._io()
            yield
        except OSError as error:
            code = type(error).__name__
        if code:
            raise TransientError("the folder cannot be reached", code=code)


def _proof(path: Path) -> Proof:
    told: dict[str, Any] = json.loads(path.read_text())
    return Proof(
        told["command_id"],
        told["customer_id"],
        told["purpose"],
        told["outcome"],
        told["rows"],
        told["committed_at"],
        told["carried_at"],
        told["digest"],
        told["traceparent"],
    )
