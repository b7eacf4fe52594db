"""The customer relationship schema on PostgreSQL, MariaDB and SQLite alike, for tests that ask all three the same."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from consumers.stores import SqlStore
from tests.support import other_databases, sql_store
from tests.support.other_databases import OtherDatabase
from tests.support.sql_store import Database

KINDS = ("postgresql", "mariadb", "sqlite")


class Crm:
    """One of the three. `{}` in statements stands for what names its schema before a table."""

    def __init__(self, kind: str, database: Database | OtherDatabase) -> None:
        self.kind, self.database = kind, database
        self._prefix = "crm." if isinstance(database, Database) else ""

    def rules(self, timeout: str = "5s") -> str:
        """The rules' text with a statement timeout."""
        text = sql_store.RULES if isinstance(self.database, Database) else other_databases.RULES
        return text.replace("statement_timeout: 5s", f"statement_timeout: {timeout}")

    def store(self, timeout: str = "5s") -> SqlStore:
        """A store over these rules, pre-flight passed."""
        store = self.database.store(self.rules(timeout))
        assert store.preflight() == []
        return store

    def add(self, numbers: Sequence[int]) -> None:
        """Customers `c1`, `c2` and so on."""
        if isinstance(self.database, Database):
            sql_store.add_customers(self.database, numbers)
        else:
            other_databases.add_customers(self.database, numbers)

    def named(self, sql: str) -> str:
        """SQL with the schema in the place of `{}`."""
        return sql.replace("{}", self._prefix)

    def run(self, **by_kind: str) -> None:
        """Carry out the statement of this kind, or that of `every`."""
        self.database.run(self.named(by_kind.get(self.kind, by_kind.get("every", ""))))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self.database.rows(self.named(query))

    def carried_out(self) -> set[str]:
        """Customers with a row in the ledger."""
        schema = "lapse." if isinstance(self.database, Database) else ""
        return {row[0] for row in self.database.rows(f"SELECT customer_id FROM {schema}lapse_ledger")}


@contextmanager
def new_crm(request: pytest.FixtureRequest, folder: Path) -> Iterator[Crm]:
    """The database that a fixture's parameter names."""
    if request.param == "postgresql":
        with sql_store.new_database(request.getfixturevalue("postgres"), folder) as database:
            yield Crm(request.param, database)
        return
    with other_databases.new_other(request, folder) as other:
        yield Crm(request.param, other)
