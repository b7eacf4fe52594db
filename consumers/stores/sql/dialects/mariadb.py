"""MariaDB 10.10 and newer: rows are staged by their key. MySQL is refused: nothing here was tried on it.

Sessions are strict, in ANSI mode and in UTC; zero dates are let be, so that rows that hold some can be masked.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pymysql
from sqlalchemy import Connection, Engine, String, create_engine, event, exc
from sqlalchemy.types import TypeEngine

from consumers.domain.errors import PermanentError
from consumers.domain.work import Finding
from consumers.stores.rules.custom_strategies import CustomStrategy, Expression
from consumers.stores.rules.model import LEDGER, Rules
from consumers.stores.sql.catalog import Catalog, Column
from consumers.stores.sql.dialects.mariadb_catalog import read_catalog
from consumers.stores.sql.dialects.mariadb_ddl import MariaDdl
from consumers.stores.sql.dialects.mariadb_grants import tables_without_trigger
from consumers.stores.sql.dialects.mariadb_shape import shape_of
from consumers.stores.sql.dialects.mariadb_words import ID_LETTERS, MariaWords
from consumers.stores.sql.engine import CONNECT_TIMEOUT_S, LOCK_TIMEOUT_MS
from consumers.stores.sql.ledger import KEY
from consumers.stores.sql.names import qualified, quote
from consumers.stores.sql.patience import MARGIN_SECONDS
from consumers.stores.sql.staged.expectations import made_by
from consumers.stores.sql.staged.ledger import ENTRY, LedgerWords, StagedLedger
from consumers.stores.sql.staged.plan import plan_for
from consumers.stores.sql.staged.work import StagedWork

_MODE = (
    "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,"
    "ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES"
)
_OLDEST = (10, 10)  # random_bytes
_VERSION = re.compile(r"(\d+)\.(\d+)\.\d+-MariaDB")
_BYTES = "CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
_COLUMNS = {  # name: type as in DDL, type as the catalog names it
    "service": (f"varchar(64) {_BYTES} NOT NULL", "varchar"),
    "command_id": (f"varchar(64) {_BYTES} NOT NULL", "varchar"),
    "customer_id": (f"varchar({ID_LETTERS}) {_BYTES} NOT NULL", "varchar"),
    "purpose": (f"varchar(64) {_BYTES} NOT NULL", "varchar"),
    "partition": ("int NOT NULL", "int4"),
    "offset": ("bigint NOT NULL", "int8"),
    "committed_at": ("datetime(6) NOT NULL", "timestamp"),
    "rules_digest": (f"varchar(64) {_BYTES} NOT NULL", "varchar"),
    "outcome": (f"varchar(64) {_BYTES} NOT NULL", "varchar"),
    "rows": (f"text {_BYTES} NOT NULL", "text"),
    "traceparent": (f"varchar(256) {_BYTES}", "varchar"),
    "carried_at": ("datetime(6) NOT NULL", "timestamp"),
}
# by position: a column costs the server less to find than by name
_ENTRY = ", ".join(
    f"\"{name}\" {_COLUMNS[name][0].removesuffix(' NOT NULL')} PATH '$[{number}]'" for number, name in enumerate(ENTRY)
)
_LEDGER = LedgerWords(
    entries=f"json_table({{{{entries}}}}, '$[*]' COLUMNS ({_ENTRY})) AS e",
    commands=f"json_table({{{{commands}}}}, '$[*]' COLUMNS (id varchar(64) {_BYTES} PATH '$')) AS k {MariaWords.join}",
    exists="SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = {{schema}} AND TABLE_NAME = {{name}}",
    now="utc_timestamp(6)",
    text="CAST({} AS char)",
    keep_first=f"ON DUPLICATE KEY UPDATE service = {LEDGER}.service",
)
_DENIED = {1044, 1142}
_LONGEST_LIST = 1 << 24  # bytes; the ordinals of a batch, whose ids came in a packet that is longer


class MariaDB:
    """Fulfils Dialect."""

    ddl = MariaDdl()
    how = (
        "-- Run it as the owner of the tables: mariadb DATABASE < FILE. Every statement can be run again.\n"
        "-- Afterwards: lapse rules check\n"
        "SET sql_mode = concat(@@sql_mode, ',ANSI_QUOTES');"
    )
    uuid: TypeEngine[Any] = String()
    staged = True
    ledger_columns: Mapping[str, str] = {name: base for name, (_, base) in _COLUMNS.items()}

    def made(self, strategy: CustomStrategy, column: Column) -> tuple[Expression, Expression]:
        """What somebody else's strategy makes of a cell."""
        return made_by(MariaWords(), strategy, column)

    def token_fits(self, column: Column) -> bool:
        """Whether the token is there for everybody: a unique index takes NULLs for different."""
        return column.not_null and column.is_text

    def tells_time(self, column: Column) -> bool:
        """A date or a timestamp."""
        return column.is_date

    def engine(self, url: str, timeout: int, name: str) -> Engine:
        """Connections to a URL, with bounded waits: the server's, then the client's own."""
        patience = timeout / 1000 + MARGIN_SECONDS
        engine = create_engine(
            url,
            hide_parameters=True,
            pool_pre_ping=True,
            pool_size=2,
            isolation_level="READ COMMITTED",
            connect_args={
                "charset": "utf8mb4",
                "connect_timeout": CONNECT_TIMEOUT_S,
                "read_timeout": patience,
                "write_timeout": patience,
                "program_name": name,
            },
        )
        settings = _settings(timeout)

        def connect(_: object, __: object, given: Sequence[Any], named: Mapping[str, Any]) -> Any:
            return _connected(pymysql.connect(*given, **named), settings)

        event.listen(engine, "do_connect", connect)
        return engine

    def catalog(self, connection: Connection, schemas: Sequence[str]) -> Catalog:
        """Read the live schema."""
        return read_catalog(connection, schemas)

    def shape(self, connection: Connection, rules: Rules) -> object:
        """Hashes of what information_schema says of each table, one table at a time: it opens no other."""
        query, named = shape_of(rules.store.schema_name, list(rules.tables))
        return connection.execute(query, named).all()

    def work(self, rules: Rules, catalog: Catalog) -> StagedWork:
        """Build every statement."""
        return StagedWork(plan_for(MariaWords(), rules, catalog), rules.customer.type)

    def ledger(self, schema: str, service: str, digest: str) -> StagedLedger:
        """The ledger of a service."""
        return StagedLedger(_LEDGER, schema, service, digest)

    def ledger_ddl(self, schema: str) -> Sequence[str]:
        """Statements that make a ledger."""
        columns = ",\n".join(f'    "{name}" {ddl}' for name, (ddl, _) in _COLUMNS.items())
        table = f"{qualified(schema, LEDGER)} (\n{columns},\n    PRIMARY KEY ({', '.join(KEY)})\n) ENGINE=InnoDB"
        return [f"CREATE DATABASE IF NOT EXISTS {quote(schema)}", f"CREATE TABLE IF NOT EXISTS {table}"]

    @contextmanager
    def reading(self, connection: Connection) -> Iterator[Connection]:
        """A transaction that cannot write."""
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")
        yield connection

    def findings(self, connection: Connection, rules: Rules) -> Iterator[Finding]:
        """Whether the role may make temporary tables, and is shown what triggers there are."""
        schema = rules.store.schema_name
        yield from _temporary(connection, schema)
        for table in tables_without_trigger(connection, schema, rules.tables):
            repair = f"GRANT TRIGGER ON {qualified(schema, table)} TO the role of store.url;"
            message = "the role is not shown the table's triggers, which could keep what is masked."
            yield Finding("hidden_triggers", f"tables.{table}", message, repair)


def _temporary(connection: Connection, schema: str) -> Iterator[Finding]:
    probe = qualified(schema, "lapse_probe")
    try:
        connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {probe} (ord bigint)")
        connection.exec_driver_sql(f"{MariaWords.drop} {probe}")
    except exc.OperationalError as error:
        if error.orig is None or error.orig.args[0] not in _DENIED:
            raise
    else:
        return
    repair = f"GRANT CREATE TEMPORARY TABLES ON {quote(schema)}.* TO the role of store.url;"
    yield Finding("temporary", "store.url", "no temporary table could be made to verify a change.", repair)


def _settings(timeout: int) -> str:
    seconds = timeout / 1000
    lock_seconds = max(1, min(LOCK_TIMEOUT_MS, timeout) // 1000)
    values = {
        "sql_mode": f"'{_MODE}'",
        "time_zone": "'+00:00'",
        "max_statement_time": seconds,
        "innodb_lock_wait_timeout": lock_seconds,
        "lock_wait_timeout": lock_seconds,
        "idle_transaction_timeout": max(1, 2 * timeout // 1000),
        "group_concat_max_len": _LONGEST_LIST,
    }
    return "SET SESSION " + ", ".join(f"{name} = {value}" for name, value in values.items())


def _connected(connection: Any, settings: str) -> Any:
    version = _VERSION.search(connection.get_server_info())
    if version is None or (int(version[1]), int(version[2])) < _OLDEST:
        connection.close()
        raise PermanentError(f"the server is not MariaDB {'.'.join(map(str, _OLDEST))} or newer", code="server")
    with connection.cursor() as cursor:
        cursor.execute(settings)
    return connection
