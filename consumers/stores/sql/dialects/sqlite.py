"""SQLite 3.37 and newer: one file, one writer. Rows are staged by their rowid, or their key where they have none.

A batch holds the file from its first statement on (BEGIN IMMEDIATE): SQLite drops FOR UPDATE in silence.
"""

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote as percent_encoded

from sqlalchemy import Connection, Engine, String, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.types import TypeEngine

from consumers.domain.work import Finding
from consumers.stores.rules.custom_strategies import CustomStrategy, Expression
from consumers.stores.rules.model import LEDGER, Rules
from consumers.stores.sql.catalog import Catalog, Column
from consumers.stores.sql.dialect import WRITES
from consumers.stores.sql.dialects.sqlite_catalog import read_catalog
from consumers.stores.sql.dialects.sqlite_ddl import SqliteDdl
from consumers.stores.sql.dialects.sqlite_documents import define as define_documents
from consumers.stores.sql.dialects.sqlite_functions import define
from consumers.stores.sql.dialects.sqlite_words import SqliteWords
from consumers.stores.sql.engine import LOCK_TIMEOUT_MS
from consumers.stores.sql.ledger import KEY
from consumers.stores.sql.names import qualified
from consumers.stores.sql.staged.expectations import made_by
from consumers.stores.sql.staged.ledger import ENTRY, LedgerWords, StagedLedger
from consumers.stores.sql.staged.plan import plan_for
from consumers.stores.sql.staged.work import StagedWork

_STEPS = 10_000  # of SQLite's machine between two looks at the clock: below a millisecond
_COLUMNS = {  # name: type as in DDL, type as the catalog names it
    "service": ("text NOT NULL", "text"),
    "command_id": ("text NOT NULL", "text"),
    "customer_id": ("text NOT NULL", "text"),
    "purpose": ("text NOT NULL", "text"),
    "partition": ("integer NOT NULL", "int8"),
    "offset": ("integer NOT NULL", "int8"),
    "committed_at": ("text NOT NULL", "text"),
    "rules_digest": ("text NOT NULL", "text"),
    "outcome": ("text NOT NULL", "text"),
    "rows": ("text NOT NULL", "text"),
    "traceparent": ("text", "text"),
    "carried_at": ("text NOT NULL", "text"),
}
_ENTRY = ", ".join(f"json_extract(value, '$[{number}]') AS \"{name}\"" for number, name in enumerate(ENTRY))
_LEDGER = LedgerWords(
    entries=f"(SELECT {_ENTRY} FROM json_each({{{{entries}}}})) AS e",  # noqa: S608 - names are ours
    commands=f"(SELECT value AS id FROM json_each({{{{commands}}}})) AS k {SqliteWords.join}",  # noqa: S608
    exists="SELECT 1 FROM pragma_table_list WHERE schema = {{schema}} AND name = {{name}}",
    now="strftime('%Y-%m-%d %H:%M:%f', 'now') || '000'",
    text="{}",
    keep_first="ON CONFLICT (command_id, service) DO NOTHING",
)


class SQLite:
    """Fulfils Dialect."""

    ddl = SqliteDdl()
    how = (
        "-- Run it with sqlite3 FILE, each statement by itself: a column that is there already is refused.\n"
        "-- Afterwards: lapse rules check"
    )
    uuid: TypeEngine[Any] = String()
    staged = True
    ledger_columns: Mapping[str, str] = {name: base for name, (_, base) in _COLUMNS.items()}

    def made(self, strategy: CustomStrategy, column: Column) -> tuple[Expression, Expression]:
        """What somebody else's strategy makes of a cell."""
        return made_by(SqliteWords(), strategy, column)

    def token_fits(self, column: Column) -> bool:
        """Whether the token is there for everybody: a unique index takes NULLs for different."""
        return column.not_null and column.is_text

    def tells_time(self, column: Column) -> bool:
        """A date, or text: SQLite keeps times as it."""
        return column.is_date or column.is_text

    def engine(self, url: str, timeout: int, name: str) -> Engine:
        """Connections to a file that is there. `name` is nobody's to see: a file has no list of sessions."""
        del name
        path = f"file:{percent_encoded(str(make_url(url).database))}?mode=rw"

        def connect() -> sqlite3.Connection:
            return _opened(path, timeout)

        engine = create_engine(url, hide_parameters=True, creator=connect, pool_size=2)
        event.listen(engine, "begin", _begin)
        event.listen(engine, "before_cursor_execute", _bounded(timeout / 1000))
        return engine

    def catalog(self, connection: Connection, schemas: Sequence[str]) -> Catalog:
        """Read the live schema, of which a file has one."""
        del schemas
        return read_catalog(connection)

    def shape(self, connection: Connection, rules: Rules) -> object:
        """What SQLite counts up with every change of the schema."""
        del rules
        return connection.exec_driver_sql("PRAGMA main.schema_version").scalar_one()

    def work(self, rules: Rules, catalog: Catalog) -> StagedWork:
        """Build every statement."""
        return StagedWork(plan_for(SqliteWords(), rules, catalog), rules.customer.type)

    def ledger(self, schema: str, service: str, digest: str) -> StagedLedger:
        """The ledger of a service."""
        return StagedLedger(_LEDGER, schema, service, digest)

    def ledger_ddl(self, schema: str) -> Sequence[str]:
        """Statements that make a ledger."""
        columns = ",\n".join(f'    "{name}" {ddl}' for name, (ddl, _) in _COLUMNS.items())
        key = f"    PRIMARY KEY ({', '.join(KEY)})"
        return [f"CREATE TABLE IF NOT EXISTS {qualified(schema, LEDGER)} (\n{columns},\n{key}\n)"]

    @contextmanager
    def reading(self, connection: Connection) -> Iterator[Connection]:
        """A connection that cannot write meanwhile."""
        connection.exec_driver_sql("PRAGMA query_only = on")
        try:
            yield connection
        finally:
            connection.exec_driver_sql("PRAGMA query_only = off")

    def findings(self, connection: Connection, rules: Rules) -> Iterator[Finding]:
        """Nothing: who may write the file may do everything."""
        del connection, rules
        return iter(())


def _opened(path: str, timeout: int) -> sqlite3.Connection:
    seconds = min(LOCK_TIMEOUT_MS, timeout) / 1000
    # no isolation level: transactions begin where we say, see _begin
    connection = sqlite3.connect(path, uri=True, timeout=seconds, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA foreign_keys = on")
    # else what was overwritten or deleted could still be read from the file's free pages
    connection.execute("PRAGMA secure_delete = on")
    define(connection)
    define_documents(connection)
    return connection


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _bounded(seconds: float) -> Any:
    """Interrupts a statement that takes longer."""

    def before(connection: Connection, *_: object) -> None:
        deadline = time.monotonic() + seconds
        raw: Any = connection.connection.driver_connection
        raw.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)

    return before
