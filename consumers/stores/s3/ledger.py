"""The ledger: the object, in the service's own bucket, that proves a command was carried out.

`PREFIX SERVICE/COMMAND/PARTITION/OFFSET.json`: found by its command, and who reads a whole ledger tells from the keys
alone what he need not open. No customer id stands in a key.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from consumers.domain.errors import PermanentError
from consumers.domain.retention import micros
from consumers.domain.work import LedgerRow, Proof, Task
from consumers.stores.rules import S3Rules
from consumers.stores.s3.failures import call

_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


class _Entry(NamedTuple):
    """An object of the ledger as a listing shows it. `at`: when it was written, microseconds."""

    key: str
    partition: int
    offset: int
    at: int


class S3Ledger:
    """Reads and writes the ledger of one service. Errors: `failures`."""

    def __init__(self, client: Any, rules: S3Rules, digest: str) -> None:
        self._client, self._bucket, self._digest = client, rules.store.bucket, digest
        self._below = f"{rules.ledger.prefix}{rules.service}/"

    def read(self, command_id: str) -> LedgerRow | None:
        """The row of a command, None where there is none."""
        proof = self.proof(command_id)
        return LedgerRow(proof.command_id, proof.outcome, proof.rows) if proof else None

    def proof(self, command_id: str) -> Proof | None:
        """The whole row of a command. Of two that raced the first of the listing."""
        entry = next(self._entries(f"{command_id}/", most=1), None)
        return self._open(entry.key) if entry else None

    def carried(self, number: int, of: int, since: int) -> list[Proof]:
        """Whole rows of one partition of the commands (modulo `of`), written from `since` (microseconds) on."""
        return [
            self._open(entry.key) for entry in self._entries() if entry.partition % of == number and entry.at >= since
        ]

    def page(self, after: str, limit: int) -> list[Proof]:
        """Whole rows of the next commands behind a command id. Of two that raced the first of the listing."""
        keys: dict[str, str] = {}
        # behind all keys of that command: 0 is what follows the slash
        for entry in self._entries(most=limit, behind=f"{self._below}{after}0" if after else ""):
            keys.setdefault(entry.key.removeprefix(self._below).partition("/")[0], entry.key)
            if len(keys) == limit:
                break
        return [self._open(key) for key in keys.values()]

    def reached(self) -> dict[int, int]:
        """The highest command offset by partition."""
        highest: dict[int, int] = {}
        for entry in self._entries():
            highest[entry.partition] = max(entry.offset, highest.get(entry.partition, entry.offset))
        return highest

    def write(self, task: Task, outcome: str, rows: Mapping[str, int], now: int) -> None:
        """Add the row of a command; writing it again changes nothing that is read."""
        row = {
            "command_id": task.command_id,
            "customer_id": task.customer_id,
            "purpose": task.purpose,
            "partition": task.partition,
            "offset": task.offset,
            "committed_at": task.committed_at,
            "rules_digest": self._digest,
            "outcome": outcome,
            "rows": dict(rows),
            "traceparent": task.traceparent,
            "carried_at": now,
        }
        call(
            self._client.put_object,
            Bucket=self._bucket,
            Key=f"{self._below}{task.command_id}/{task.partition}/{task.offset}.json",
            Body=_JSON.encode(row).encode(),
            ContentType="application/json",
        )

    def _entries(self, command: str = "", most: int = 1000, behind: str = "") -> Iterator[_Entry]:
        start = {"StartAfter": behind} if behind else {}
        while True:
            listed = call(
                self._client.list_objects_v2, Bucket=self._bucket, Prefix=self._below + command, MaxKeys=most, **start
            )
            for each in listed.get("Contents", ()):
                yield self._entry(each["Key"], micros(each["LastModified"]))
            if not listed.get("IsTruncated"):
                return
            start = {"ContinuationToken": listed["NextContinuationToken"]}

    def _entry(self, key: str, at: int) -> _Entry:
        try:
            _, partition, offset = key.removeprefix(self._below).split("/")
            return _Entry(key, int(partition), int(offset.removesuffix(".json")), at)
        except ValueError:
            pass
        raise _unusable()

    def _open(self, key: str) -> Proof:
        text = call(self._text, key=key)
        try:
            row = json.loads(text)
            return Proof(**{name: row[name] for name in Proof._fields})
        except (ValueError, KeyError, TypeError):
            pass
        raise _unusable()

    def _text(self, key: str) -> bytes:
        body: bytes = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        return body


def _unusable() -> PermanentError:
    """Raised outside handlers: what a parser says quotes the text."""
    return PermanentError("below the ledger's prefix is what Lapse has not written there", code="ledger_object")
