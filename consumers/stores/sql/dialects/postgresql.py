"""PostgreSQL: rows have a place of their own, and one statement rewrites a table and remembers what was there."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Uuid
from sqlalchemy.types import TypeEngine

from consumers.domain.work import Finding
from consumers.stores.rules.custom_strategies import CustomStrategy, Expression
from consumers.stores.rules.model import Rules
from consumers.stores.sql import verification
from consumers.stores.sql.catalog import Catalog, Column, read_catalog
from consumers.stores.sql.catalog_queries import SHAPE
from consumers.stores.sql.dialect import Rows
from consumers.stores.sql.dialects.postgresql_ddl import PostgresDdl
from consumers.stores.sql.engine import engine_to
from consumers.stores.sql.expectations import met
from consumers.stores.sql.expressions import rewritten
from consumers.stores.sql.failures import SharedFailure, not_verified
from consumers.stores.sql.ledger import COLUMNS, PostgresLedger, postgresql_ledger_ddl
from consumers.stores.sql.names import array, integers
from consumers.stores.sql.plan import Lock, Plan, plan_for
from consumers.stores.sql.unmet import unmet_rows
from consumers.stores.sql.verification import KEY, SPARED, violated

_HOW = (
    "-- Run it outside a transaction, as the owner of the tables. Every statement can be run again.\n"
    "-- Afterwards: lapse rules check"
)


class PostgreSQL:
    """Fulfils Dialect."""

    ddl = PostgresDdl()
    how = _HOW
    uuid: TypeEngine[Any] = Uuid()
    staged = False
    ledger_columns: Mapping[str, str] = {name: base for name, (_, base) in COLUMNS.items()}

    def made(self, strategy: CustomStrategy, column: Column) -> tuple[Expression, Expression]:
        """What somebody else's strategy makes of a cell."""
        return rewritten(strategy, column, "c", "v"), met(strategy, column, "c", "e")

    def token_fits(self, column: Column) -> bool:
        """Always: its unique index takes NULLs for equal."""
        del column
        return True

    def tells_time(self, column: Column) -> bool:
        """A date or a timestamp."""
        return column.is_date

    def engine(self, url: str, timeout: int, name: str) -> Engine:
        """Connections to a URL, with bounded waits."""
        return engine_to(url, timeout, name)

    def catalog(self, connection: Connection, schemas: Sequence[str]) -> Catalog:
        """Read the live schema with six statements."""
        return read_catalog(connection, schemas)

    def shape(self, connection: Connection, rules: Rules) -> object:
        """A hash of the tables' catalog rows; new foreign keys from anywhere are among them."""
        tables = {"schema": rules.store.schema_name, "tables": list(rules.tables)}
        return connection.execute(SHAPE, tables).scalar_one()

    def work(self, rules: Rules, catalog: Catalog) -> "PostgresWork":
        """Build every statement."""
        return PostgresWork(plan_for(rules, catalog))

    def ledger(self, schema: str, service: str, digest: str) -> PostgresLedger:
        """The ledger of a service."""
        return PostgresLedger(schema, service, digest)

    def ledger_ddl(self, schema: str) -> Sequence[str]:
        """Statements that make a ledger."""
        return postgresql_ledger_ddl(schema)

    @contextmanager
    def reading(self, connection: Connection) -> Iterator[Connection]:
        """A transaction that cannot write."""
        yield connection.execution_options(postgresql_readonly=True)

    def findings(self, connection: Connection, rules: Rules) -> Iterator[Finding]:
        """Whether the role may make temporary tables."""
        del rules
        return verification.findings(connection)


class PostgresWork:
    """Fulfils Work with the statements of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.flagged = plan.unflagged is not None

    def unflagged(self, connection: Connection, ids: Sequence[str]) -> set[int]:
        """Ordinals of ids with root rows not anonymized yet; one statement."""
        query = self._plan.unflagged
        return set() if query is None else {row[0] for row in connection.execute(query, {"customers": array(ids)})}

    def counts(self, connection: Connection, ids: Sequence[str]) -> Iterator[tuple[int, str, int]]:
        """Ordinal, table and number of its rows; one statement a table."""
        for table, query in self._plan.counts:
            for ordinal, rows in connection.execute(query, {"customers": array(ids)}):
                yield ordinal, table, rows

    def unmet(self, connection: Connection, ids: Sequence[str]) -> Iterator[tuple[int, str, int]]:
        """Ordinal, place and number of its rows; one statement a table."""
        return unmet_rows(connection, self._plan.unmet, {"customers": array(ids)})

    def reopen(self, connection: Connection, ids: Sequence[str]) -> None:
        """Clear the flags; one statement."""
        if self._plan.reopen is not None:
            connection.execute(self._plan.reopen, {"customers": array(ids)})

    def lock(self, connection: Connection, ids: Sequence[str]) -> Sequence[Any]:
        """Lock the root rows in the order of their key; each answer holds it."""
        return connection.execute(self._plan.lock_root, {"customers": array(ids)}).all()

    def rewrite(self, connection: Connection, locked: Sequence[Any], committed: Mapping[int, int]) -> Rows:
        """Rewrite these rows and all below them that is not newer than the command, and verify."""
        if self._plan.taken is not None and locked:
            locked = connection.execute(self._plan.taken, self._arrays(locked, committed)).all()
        rows: Rows = {row[0]: {} for row in locked}
        if not locked:
            return rows
        arrays, key = self._arrays(locked, committed), secrets.randbits(63)
        connection.exec_driver_sql("; ".join(self._plan.creates))
        for lock in self._plan.lock_children:
            _lock(connection, lock, arrays)
        # before a join of the rewritten rows leads elsewhere
        spared = {each for query in self._plan.spared for each in connection.execute(query, arrays).scalars()}
        arrays |= {SPARED: integers(spared)}
        for table, change in self._plan.rewrites:
            keyed = {**arrays, KEY: key} if table in self._plan.verifications else arrays
            for count, ordinals in connection.execute(change, keyed):
                for ordinal in ordinals:
                    rows[ordinal][table] = count
            if table in self._plan.left and connection.execute(self._plan.left[table], arrays).scalar_one():
                raise not_verified(f"{table}.rows")
        place = violated(connection, self._plan.verifications, {KEY: key, SPARED: arrays[SPARED]})
        if place is not None:
            raise not_verified(place)
        return rows

    def _arrays(self, locked: Sequence[Any], committed: Mapping[int, int]) -> dict[str, str]:
        ordinals, *keys = zip(*locked, strict=True)
        known = {"ord": integers(ordinals), "committed": integers(committed[each] for each in ordinals)}
        return known | {f"k{n}": array(keys[n]) for n in range(self._plan.key_size)}


def _lock(connection: Connection, lock: Lock, arrays: Mapping[str, str]) -> None:
    connection.execute(lock.rows, arrays)
    if lock.refused is not None and (found := connection.execute(lock.refused, arrays).scalars().all()):
        raise SharedFailure(lock.table, found)
    if lock.decided is not None:
        connection.execute(lock.decided, arrays)
