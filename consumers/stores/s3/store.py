"""S3 as a store: a customer's objects are deleted, every version of them, and the ledger is written afterwards.

The failure table (error: retry, put off, give up, already gone) opens `failures`. There is no transaction: what dies
half way has deleted some and proven nothing, so it is done again; the ledger object is only written when a listing was
empty.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from consumers.domain.errors import PoisonError
from consumers.domain.work import Carried, Finding, LedgerRow, Proof, Task
from consumers.ports import Clock
from consumers.stores.rules import S3Rules, rules_digest
from consumers.stores.s3 import preflight
from consumers.stores.s3.bucket import Bucket
from consumers.stores.s3.client import client_for
from consumers.stores.s3.ledger import S3Ledger
from consumers.stores.s3.purge import purge


class S3Store:
    """One bucket seen through its rules; fulfils `consumers.ports.Store`. It has no guard.

    Every method may raise TransientError (call again later; what is deleted stays deleted) or PermanentError (rules
    and bucket differ).
    """

    def __init__(self, rules: S3Rules, clock: Clock, connect: Callable[[S3Rules], Any] = client_for) -> None:
        self._rules, self._clock = rules, clock
        self._client = connect(rules)
        self._digest = rules_digest(rules)
        self._bucket = Bucket(self._client, rules.store.bucket)
        self._ledger = S3Ledger(self._client, rules, self._digest)

    @property
    def rules_digest(self) -> str:
        """Hex SHA-256 of the rules in force."""
        return self._digest

    @property
    def votes(self) -> bool:
        """A bucket has no guard."""
        return False

    def guard(self, customer_ids: Sequence[str]) -> Mapping[str, str]:  # noqa: ARG002 - of the port
        """Nobody: a bucket has no guard."""
        return {}

    def preflight(self) -> list[Finding]:
        """Compare the rules with the live bucket; empty: safe to run. Touches nothing."""
        return preflight.findings(self._client, self._rules)

    def altered(self) -> bool:
        """Never: what pre-flight asks a bucket takes as many calls again."""
        return False

    def ledger(self, command_ids: Sequence[str]) -> Mapping[str, LedgerRow]:
        """Ledger rows of these commands, by command id; a listing each."""
        return {command: row for command in command_ids if (row := self._ledger.read(command))}

    def proofs(self, command_ids: Sequence[str]) -> Sequence[Proof]:
        """Whole ledger rows of these commands; a listing each."""
        return [proof for command in command_ids if (proof := self._ledger.proof(command))]

    def carried(self, number: int, of: int, since: int) -> Sequence[Proof]:
        """Whole ledger rows of one partition of the commands (modulo `of`) written from `since` (microseconds) on."""
        return self._ledger.carried(number, of, since)

    def page(self, after: str, limit: int) -> Sequence[Proof]:
        """The next whole ledger rows behind a command id, in the order of the ids."""
        return self._ledger.page(after, limit)

    def unmet(self, customer_ids: Sequence[str]) -> Mapping[str, Mapping[str, int]]:  # noqa: ARG002 - of the port
        """Nothing: what is there is not deleted, which `unflagged` says."""
        return {}

    def reopen(self, customer_ids: Sequence[str]) -> None:
        """Nothing: objects have no flag."""

    def reached(self) -> Mapping[int, int]:
        """The highest command offset in the ledger by partition."""
        return self._ledger.reached()

    def unflagged(self, customer_ids: Sequence[str]) -> frozenset[str]:
        """Which of these customers have a version, delete marker or unfinished upload here."""
        return frozenset(each for each in customer_ids if self._has_any(each))

    def count(self, customer_ids: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        """What a run would delete by group of objects, for every customer that has some. Touches nothing."""
        counted = {each: self._counted(each) for each in customer_ids}
        return {customer: rows for customer, rows in counted.items() if rows}

    def anonymize(self, tasks: Sequence[Task]) -> Sequence[Carried]:
        """Carry out each task by itself; answers in the order of the tasks. A second call changes nothing.

        DONE: the last listing was empty. DEFERRED: all that is left is locked, and no ledger row is written.
        """
        return [self._carry_out(task) for task in tasks]

    def close(self) -> None:
        """Release connections."""
        self._client.close()

    def _carry_out(self, task: Task) -> Carried:
        if self._ledger.read(task.command_id):
            return Carried("LATE" if self._has_any(task.customer_id) else "ALREADY_DONE", {})
        try:
            purged = purge(self._bucket, self._prefixes(task.customer_id), self._clock)
        except PoisonError as error:
            return Carried("FAILED", {}, error.code)
        if purged.locked_until is not None:
            return Carried("DEFERRED", purged.rows, deferred_until=purged.locked_until)
        outcome = "DONE" if purged.rows else "NOTHING_FOUND"
        self._ledger.write(task, outcome, purged.rows, self._clock.now())
        return Carried(outcome, purged.rows)

    def _has_any(self, customer_id: str) -> bool:
        return any(self._bucket.has_any(prefix) for prefix in self._prefixes(customer_id).values())

    def _counted(self, customer_id: str) -> dict[str, int]:
        rows = {group: self._bucket.count(prefix) for group, prefix in self._prefixes(customer_id).items()}
        return {group: count for group, count in rows.items() if count}

    def _prefixes(self, customer_id: str) -> dict[str, str]:
        """The customer's own prefixes by group; none where the id is no segment of a key."""
        prefixes = {name: objects.of(customer_id) for name, objects in self._rules.objects.items()}
        return {name: prefix for name, prefix in prefixes.items() if prefix is not None}
