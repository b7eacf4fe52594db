"""The ledger: the row, in the service's own database and transaction, that proves a command was carried out.

Its key holds the service, so that services sharing a database or schema never take one another's rows for theirs.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from json import JSONEncoder
from typing import Any, NamedTuple

from sqlalchemy import Connection

from consumers.domain.work import LedgerRow, Proof, Task
from consumers.stores.rules.model import LEDGER
from consumers.stores.sql.names import array, integers, qualified, quote, statement

COLUMNS = {  # name: type as in DDL, type as pg_type names it
    "service": ('text COLLATE "C" NOT NULL', "text"),
    "command_id": ('text COLLATE "C" NOT NULL', "text"),
    "customer_id": ("text NOT NULL", "text"),
    "purpose": ("text NOT NULL", "text"),
    "partition": ("int NOT NULL", "int4"),
    "offset": ("bigint NOT NULL", "int8"),
    "committed_at": ("timestamptz NOT NULL", "timestamptz"),
    "rules_digest": ("text NOT NULL", "text"),
    "outcome": ("text NOT NULL", "text"),
    "rows": ("jsonb NOT NULL", "jsonb"),
    "traceparent": ("text", "text"),
    "carried_at": ("timestamptz NOT NULL DEFAULT now()", "timestamptz"),
}
_JSON = JSONEncoder(sort_keys=True)
KEY = ("command_id", "service")  # the command first: a batch reads by command, and most ledgers know one service


class Entry(NamedTuple):
    """One row to write."""

    task: Task
    outcome: str
    rows: Mapping[str, int]


def counts_of(entry: Entry) -> str:
    """Its rows per table as JSON; most entries of a batch have the same."""
    return _written(frozenset(entry.rows.items()))


@lru_cache
def _written(rows: frozenset[tuple[str, int]]) -> str:
    return _JSON.encode(dict(rows))


def postgresql_ledger_ddl(schema: str) -> list[str]:
    """The statements that make a ledger; they change nothing where it is there."""
    columns = ",\n".join(f'    "{name}" {ddl}' for name, (ddl, _) in COLUMNS.items())
    key = f"    PRIMARY KEY ({', '.join(KEY)})"
    return [
        f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}",
        f"CREATE TABLE IF NOT EXISTS {qualified(schema, LEDGER)} (\n{columns},\n{key}\n)",
    ]


class PostgresLedger:
    """Fulfils Ledger, with one statement a batch."""

    def __init__(self, schema: str, service: str, digest: str) -> None:
        table = qualified(schema, LEDGER)
        self._read = statement(
            f"SELECT command_id, outcome, rows FROM {table} "  # noqa: S608 - names are quoted, values bound
            "WHERE service = {{service}} AND command_id = ANY(CAST({{commands}} AS text[]))",
            service=service,
        )
        self._exists = statement("SELECT to_regclass({{table}})", table=table)
        self._reached = statement(
            f'SELECT "partition" AS part, max("offset") AS off FROM {table} '  # noqa: S608 - names are quoted, values bound
            'WHERE service = {{service}} GROUP BY "partition"',
            service=service,
        )
        proofs = (
            f"SELECT command_id, customer_id, purpose, outcome, rows, rules_digest, traceparent, "  # noqa: S608 - bound
            "(extract(epoch FROM committed_at) * 1000000)::bigint AS committed, "
            "(extract(epoch FROM carried_at) * 1000000)::bigint AS carried "
            f"FROM {table} WHERE service = {{{{service}}}} AND "
        )
        self._proofs = statement(proofs + "command_id = ANY(CAST({{commands}} AS text[]))", service=service)
        # twice: a number below 0, written by hand, belongs to a partition too
        self._carried = statement(
            proofs + 'mod(mod("partition", {{of}}) + {{of}}, {{of}}) = {{number}} '
            "AND carried_at >= timestamptz '1970-01-01 00:00:00+00' + {{since}} * interval '1 microsecond'",
            service=service,
        )
        self._page = statement(proofs + "command_id > {{after}} ORDER BY command_id LIMIT {{limit}}", service=service)
        self._write = statement(_insert(table), service=service, digest=digest)

    def read(self, connection: Connection, commands: Sequence[str]) -> dict[str, LedgerRow]:
        """Rows of these commands, by command id."""
        found = connection.execute(self._read, {"commands": array(commands)})
        return {row.command_id: LedgerRow(row.command_id, row.outcome, row.rows) for row in found}

    def proofs(self, connection: Connection, commands: Sequence[str]) -> list[Proof]:
        """Whole rows of these commands."""
        return _proofs(connection.execute(self._proofs, {"commands": array(commands)}))

    def carried(self, connection: Connection, number: int, of: int, since: int) -> list[Proof]:
        """Whole rows of one partition of the commands (modulo `of`), carried out from `since` (microseconds) on."""
        return _proofs(connection.execute(self._carried, {"number": number, "of": of, "since": since}))

    def page(self, connection: Connection, after: str, limit: int) -> list[Proof]:
        """Whole rows behind a command id, at most so many, in the order of the ids."""
        return _proofs(connection.execute(self._page, {"after": after, "limit": limit}))

    def reached(self, connection: Connection) -> dict[int, int] | None:
        """The highest command offset by partition; None where the table is not there."""
        if connection.execute(self._exists).scalar() is None:
            return None
        return {row.part: row.off for row in connection.execute(self._reached)}

    def write(self, connection: Connection, entries: Sequence[Entry]) -> None:
        """Add rows; one that is there already stays as it is."""
        tasks = [entry.task for entry in entries]
        # most rows of a batch say the same: each wording is sent once, rows say its number
        wordings: dict[tuple[str, str], int] = {}
        said = [wordings.setdefault((entry.outcome, counts_of(entry)), len(wordings) + 1) for entry in entries]
        connection.execute(
            self._write,
            {
                "commands": array([task.command_id for task in tasks]),
                "customers": array([task.customer_id for task in tasks]),
                "purposes": array([task.purpose for task in tasks]),
                "partitions": integers(task.partition for task in tasks),
                "offsets": integers(task.offset for task in tasks),
                "committed": integers(task.committed_at for task in tasks),
                "traces": array([task.traceparent or "" for task in tasks]),
                "said": integers(said),
                "outcomes": array([outcome for outcome, _ in wordings]),
                "counts": array([counts for _, counts in wordings]),
            },
        )


def _proofs(found: Iterable[Any]) -> list[Proof]:
    return [
        Proof(
            row.command_id,
            row.customer_id,
            row.purpose,
            row.outcome,
            row.rows,
            row.committed,
            row.carried,
            row.rules_digest,
            row.traceparent,
        )
        for row in found
    ]


def _insert(table: str) -> str:
    # in the order of the key: two writers of the same commands wait for each other instead of deadlocking
    return f"""
INSERT INTO {table} (service, command_id, customer_id, purpose, "partition", "offset", committed_at, rules_digest,
                     outcome, "rows", traceparent)
SELECT {{{{service}}}}, e.command, e.customer, e.purpose, e.part, e.off,
       timestamptz '1970-01-01 00:00:00+00' + e.committed * interval '1 microsecond', {{{{digest}}}},
       (CAST({{{{outcomes}}}} AS text[]))[e.said], CAST((CAST({{{{counts}}}} AS text[]))[e.said] AS jsonb),
       nullif(e.trace, '')
FROM unnest(CAST({{{{commands}}}} AS text[]), CAST({{{{customers}}}} AS text[]), CAST({{{{purposes}}}} AS text[]),
            CAST({{{{partitions}}}} AS int[]), CAST({{{{offsets}}}} AS bigint[]), CAST({{{{committed}}}} AS bigint[]),
            CAST({{{{traces}}}} AS text[]), CAST({{{{said}}}} AS int[]))
     AS e(command, customer, purpose, part, off, committed, trace, said)
ORDER BY e.command
ON CONFLICT (command_id, service) DO NOTHING
"""  # noqa: S608 - names are quoted, values bound
