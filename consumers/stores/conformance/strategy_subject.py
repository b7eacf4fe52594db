"""The database strategies are tried on: one table with a column for each of them on each family of types there is."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Connection

from consumers.stores.rules.declared import Declared, Family
from consumers.stores.rules.loading import rules_of
from consumers.stores.rules.model import Rules
from consumers.stores.rules.strategies import AnyStrategy
from consumers.stores.rules.urls import Backend, backend_of, database_url
from consumers.stores.sql.dialect import WRITES
from consumers.stores.sql.dialects import engine_for
from consumers.stores.sql.names import qualified, quote
from consumers.stores.sql.store import SqlStore

TABLE = "lapse_conformance"
_MOOD = "lapse_conformance_mood"
TYPES: Mapping[Backend, Mapping[Family, str]] = {
    "postgresql": {
        "text": "varchar(400)",
        "whole": "integer",
        "numeric": "numeric(12, 2)",
        "float": "double precision",
        "date": "date",
        "uuid": "uuid",
        "enum": "{mood}",
        "boolean": "boolean",
        "json": "jsonb",
        "other": "bytea",
    },
    "mariadb": {
        "text": "varchar(400)",
        "whole": "int",
        "numeric": "decimal(12, 2)",
        "float": "double",
        "date": "date",
        "uuid": "uuid",
        "enum": "enum('good', 'OTHER')",
        "boolean": "boolean",
        "json": "JSON",
        "other": "blob",
    },
    "sqlite": {
        "text": "varchar(400)",
        "whole": "integer",
        "numeric": "decimal(12, 2)",
        "float": "double",
        "date": "date",
        "uuid": "uuid",
        "boolean": "boolean",
        "json": "JSON",
        "other": "blob",
    },
}
VALUES: Mapping[Family, Sequence[str]] = {
    "text": (
        *("'CANARY value 1'", "'CANARY value 2'", "'canary VALUE 3'", "'Å'", "' '", "'CANARY '"),
        f"'{'a longer text, ' * 20}'",
    ),
    "whole": ("1234", "1235", "-987654321", "7"),
    "numeric": ("1234.5", "1235.5", "-7.25"),
    "float": ("12.5", "13.5", "-7.25"),
    "date": ("'1980-05-17'", "'1980-05-18'", "'2024-02-29'"),
    "uuid": ("'01234567-89ab-1def-8123-456789abcdef'", "'01234567-89ab-1def-8123-456789abcdee'"),
    "enum": ("'good'", "'OTHER'"),
    "boolean": ("false", "true"),
    "json": ("""'{"a": 1, "b": 2}'""", """'{"a": 2, "b": 2}'"""),
    "other": ("'one'", "'two'"),
}
ROWS = max(map(len, VALUES.values()))
TWINS = 16
"""Rows with the first value: what is drawn for each of them is not the same for all."""
NULLS = "nulls"


class Column(NamedTuple):
    """A strategy on a family of types."""

    name: str
    family: Family

    def __str__(self) -> str:
        return f"{self.name}_{self.family}"


class StrategySubject:
    """A database and strategies as a rules file writes them, by any name; all are tried in one table.

    `url` and `schema` are those of a rules file. The role has to own the schema: the suite makes a table there,
    `lapse_conformance`, and drops it. A subclass says what depends on the type of the column.
    """

    def __init__(self, url: str, schema: str, strategies: Mapping[str, object]) -> None:
        self.url, self.schema, self.strategies = url, schema, strategies

    def written(self, name: str, family: Family) -> object:
        """The strategy as it is written for a column of this family: one word, or one key with its arguments."""
        del family
        return self.strategies[name]

    def values(self, name: str, family: Family) -> Sequence[str]:
        """SQL literals that columns of this family hold; the first two are alike, as of two persons."""
        del name
        return VALUES[family]


class Bench:
    """The table of a subject, and stores over it."""

    def __init__(self, subject: StrategySubject, connection: Connection) -> None:
        self._subject, self._connection = subject, connection
        self.backend = backend_of(database_url(subject.url))
        self.families = TYPES[self.backend]
        self.columns = [Column(name, family) for name in subject.strategies for family in self.families]
        rules = self.rules(self.columns)
        self._table = qualified(subject.schema, TABLE)
        self._made: Mapping[Column, AnyStrategy] = {each: rules.tables[TABLE].mask[str(each)] for each in self.columns}
        self.fitting = [each for each in self.columns if each.family in self.declared(each).types.get(self.backend, ())]
        self._stores: list[SqlStore] = []

    def rules(self, masked: Sequence[Column]) -> Rules:
        """Rules that mask these columns and keep the others."""
        kept = [str(each) for each in self.columns if each not in masked]
        mask = {str(each): self._subject.written(*each) for each in masked}
        table = {"key": ["id"], "flag": "done", "mask": mask, **({"keep": {"not the subject": kept}} if kept else {})}
        return _rules(self._subject, table)

    def declared(self, column: Column) -> Declared:
        """What the column's strategy declares."""
        return self._made[column].declared

    def longest(self, column: Column) -> int:
        """The bound of what it makes."""
        return self._made[column].longest

    def create(self) -> None:
        """The table, empty."""
        self.drop()
        mood = qualified(self._subject.schema, _MOOD)
        if self.backend == "postgresql":
            self._run(f"CREATE TYPE {mood} AS ENUM ('good', 'OTHER')")
        columns = [f"{quote(str(each))} {self.families[each.family].format(mood=mood)}" for each in self.columns]
        own = ["id varchar(64) PRIMARY KEY", "done boolean NOT NULL DEFAULT false"]
        self._run(f"CREATE TABLE {self._table} ({', '.join([*own, *columns])})")

    def drop(self) -> None:
        """No trace of it."""
        self._run(f"DROP TABLE IF EXISTS {self._table}")
        if self.backend == "postgresql":
            self._run(f"DROP TYPE IF EXISTS {qualified(self._subject.schema, _MOOD)}")

    def fill(self) -> None:
        """A row for each value, twins of the first, and one without any value."""
        names = ", ".join(quote(str(each)) for each in self.columns)
        cells = [", ".join(self.value(each, customer) for each in self.columns) for customer in self.customers]
        rows = ", ".join(f"('{customer}', {each})" for customer, each in zip(self.customers, cells, strict=True))
        self._run(f"INSERT INTO {self._table} (id, {names}) VALUES {rows}")  # noqa: S608 - of the suite

    def put_back(self) -> None:
        """The old values stand in the rows again, whose flags stay set."""
        self._run(f"DELETE FROM {self._table}")  # noqa: S608 - of the suite
        self.fill()
        self._run(f"UPDATE {self._table} SET done = true")  # noqa: S608 - of the suite

    def value(self, column: Column, customer: str) -> str:
        """What the customer's cell held, as SQL."""
        if customer == NULLS:
            return "NULL"
        values = self._subject.values(*column)
        return values[int(customer.partition("-")[2] or 0) % len(values)]

    @property
    def customers(self) -> list[str]:
        """Who has a row."""
        return [*self.valued, NULLS]

    @property
    def valued(self) -> list[str]:
        """Who has values."""
        return [*(f"row-{number}" for number in range(ROWS)), *self.twins]

    @property
    def twins(self) -> list[str]:
        """Who has the same values."""
        return [f"twin{number}" for number in range(TWINS)]

    def cells(self) -> dict[str, dict[Column, Any]]:
        """What the table holds, by customer."""
        names = ", ".join(["id", *(quote(str(each)) for each in self.columns)])
        with self._connection.begin():
            rows = self._connection.exec_driver_sql(f"SELECT {names} FROM {self._table}").all()  # noqa: S608 - ours
        return {row[0]: dict(zip(self.columns, row[1:], strict=True)) for row in rows}

    def store(self, masked: Sequence[Column]) -> SqlStore:
        """A store that masks these columns."""
        self._stores.append(SqlStore(self.rules(masked)))
        return self._stores[-1]

    def close(self) -> None:
        """Release what was opened."""
        for store in self._stores:
            store.close()
        self.drop()

    def _run(self, sql: str) -> None:
        with self._connection.begin():
            self._connection.exec_driver_sql(sql)


def _rules(subject: StrategySubject, table: Mapping[str, object]) -> Rules:
    document = {
        "version": 1,
        "service": "conformance",
        "purpose": "conformance",
        "store": {"kind": "sql", "url": subject.url, "schema": subject.schema},
        "customer": {"type": "text"},
        "ledger": "none",
        "tables": {TABLE: dict(table)},
    }
    return rules_of(document, "conformance")


@contextmanager
def bench_of(subject: StrategySubject) -> Iterator[Bench]:
    """The subject's table, filled; dropped at the end.

    Raises:
        RulesError: a strategy is not fit, or not with these arguments.
    """
    plain = _rules(subject, {"key": ["id"], "flag": "done"})
    engine = engine_for(plain).execution_options(**{WRITES: True})
    try:
        with engine.connect() as connection:
            bench = Bench(subject, connection)
            try:
                bench.create()
                bench.fill()
                yield bench
            finally:
                bench.close()
    finally:
        engine.dispose()
