"""The ledger on MariaDB and SQLite. Times are UTC, as text of one length, so that they sort as they follow."""

import datetime as dt
import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, TextClause, bindparam

from consumers.domain.work import LedgerRow, Proof
from consumers.stores.rules.model import LEDGER
from consumers.stores.sql.ledger import Entry, counts_of
from consumers.stores.sql.names import qualified, statement

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_START = _EPOCH.replace(tzinfo=None)

ENTRY = (
    "command_id",
    "customer_id",
    "purpose",
    "partition",
    "offset",
    "committed_at",
    "outcome",
    "rows",
    "traceparent",
)
"""The columns that differ between rows of a batch, in the order they are told."""


class LedgerWords(NamedTuple):
    """How a database says it. `exists` takes `schema` and `name`; `text` gives a time as text, `{}` its column.

    `entries` are rows with the columns of `ENTRY`, of the bound JSON text `entries`, a list of lists in their order;
    `commands` are rows `k(id)` of the bound JSON text `commands`, a list, that drive a join.
    """

    exists: str
    entries: str
    commands: str
    now: str
    text: str
    keep_first: str


class StagedLedger:
    """Fulfils Ledger."""

    def __init__(self, words: LedgerWords, schema: str, service: str, digest: str) -> None:
        table = qualified(schema, LEDGER)
        self._exists = statement(words.exists, schema=schema, name=LEDGER)
        self._read = statement(
            f'SELECT command_id, outcome, "rows" AS counts FROM {words.commands} {table} AS l '  # noqa: S608 - as above
            "ON l.command_id = k.id AND l.service = {{service}}",
            service=service,
        )
        self._reached = statement(
            f'SELECT "partition" AS part, max("offset") AS off FROM {table} '  # noqa: S608 - as above
            'WHERE service = {{service}} GROUP BY "partition"',
            service=service,
        )
        proofs = (
            f'SELECT command_id, customer_id, purpose, outcome, "rows" AS counts, rules_digest, traceparent, '  # noqa: S608
            f"{words.text.format('committed_at')} AS committed, {words.text.format('carried_at')} AS carried "
            f"FROM {table} WHERE service = {{{{service}}}} AND "
        )
        self._proofs = _listing(proofs + "command_id IN {{commands}}", service)
        # twice: a number below 0, written by hand, belongs to a partition too
        self._carried = statement(
            proofs + '(("partition" % {{of}}) + {{of}}) % {{of}} = {{number}} AND carried_at >= {{since}}',
            service=service,
        )
        self._page = statement(proofs + "command_id > {{after}} ORDER BY command_id LIMIT {{limit}}", service=service)
        self._write = statement(_insert(table, words), service=service, digest=digest)

    def read(self, connection: Connection, commands: Sequence[str]) -> dict[str, LedgerRow]:
        """Rows of these commands, by command id."""
        found = connection.execute(self._read, {"commands": json.dumps(list(commands))})
        return {row.command_id: LedgerRow(row.command_id, row.outcome, json.loads(row.counts)) for row in found}

    def proofs(self, connection: Connection, commands: Sequence[str]) -> list[Proof]:
        """Whole rows of these commands."""
        return _proofs(connection.execute(self._proofs, {"commands": list(commands)}))

    def carried(self, connection: Connection, number: int, of: int, since: int) -> list[Proof]:
        """Whole rows of one partition of the commands (modulo `of`), carried out from `since` (microseconds) on."""
        return _proofs(connection.execute(self._carried, {"number": number, "of": of, "since": _written(since)}))

    def page(self, connection: Connection, after: str, limit: int) -> list[Proof]:
        """Whole rows behind a command id, at most so many, in the order of the ids."""
        return _proofs(connection.execute(self._page, {"after": after, "limit": limit}))

    def reached(self, connection: Connection) -> dict[int, int] | None:
        """The highest command offset by partition; None where the table is not there."""
        if connection.execute(self._exists).first() is None:
            return None
        return {row.part: row.off for row in connection.execute(self._reached)}

    def write(self, connection: Connection, entries: Sequence[Entry]) -> None:
        """Add rows; one that is there already stays as it is."""
        # in the order of the key: two writers of the same commands wait for each other instead of deadlocking
        ordered = sorted(entries, key=lambda entry: entry.task.command_id)
        # one statement: the driver sends rows one by one where a function stands among their values
        connection.execute(self._write, {"entries": json.dumps([_entry(entry) for entry in ordered])})


def _entry(entry: Entry) -> list[Any]:
    task = entry.task
    return [
        task.command_id,
        task.customer_id,
        task.purpose,
        task.partition,
        task.offset,
        _written(task.committed_at),
        entry.outcome,
        counts_of(entry),
        task.traceparent,
    ]


def _listing(sql: str, service: str) -> TextClause:
    return statement(sql, service=service).bindparams(bindparam("commands", expanding=True))


def _written(micros: int) -> str:
    return (_START + dt.timedelta(microseconds=micros)).isoformat(" ", "microseconds")


def _micros(written: str) -> int:
    since = dt.datetime.fromisoformat(written).replace(tzinfo=dt.UTC) - _EPOCH
    return since // dt.timedelta(microseconds=1)


def _proofs(found: Iterable[Any]) -> list[Proof]:
    return [
        Proof(
            row.command_id,
            row.customer_id,
            row.purpose,
            row.outcome,
            json.loads(row.counts),
            _micros(row.committed),
            _micros(row.carried),
            row.rules_digest,
            row.traceparent,
        )
        for row in found
    ]


def _insert(table: str, words: LedgerWords) -> str:
    columns = ", ".join(f'"{name}"' for name in ENTRY)
    return (
        f"INSERT INTO {table} (service, rules_digest, carried_at, {columns}) "  # noqa: S608 - names are ours
        f"SELECT {{{{service}}}}, {{{{digest}}}}, {words.now}, {columns} FROM {words.entries} "
        f"WHERE true {words.keep_first}"
    )
