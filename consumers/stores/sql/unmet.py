"""Rows that count as anonymized and hold what the rules mask: the queries, made of a dialect's conditions."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection, TextClause

from consumers.stores.sql.names import statement


class Wrong(Protocol):
    """A condition over a row that is true where `place` is wrong."""

    @property
    def place(self) -> str:
        """A column, or a path of one."""

    @property
    def wrong(self) -> str:
        """The condition."""

    @property
    def parameters(self) -> Any:
        """Its values."""


class Unmet(NamedTuple):
    """Of one table. `query` takes `customers`; behind the customer's ordinal it counts the rows of each place."""

    query: TextClause
    places: Sequence[str]


def unmet_of(table: str, sql: str, found: Sequence[Wrong]) -> Unmet:
    """The query with the values of its conditions."""
    values = {name: value for each in found for name, value in each.parameters.items()}
    return Unmet(statement(sql, **values), [f"{table}.{each.place}" for each in found])


def unmet_rows(connection: Connection, queries: Sequence[Unmet], given: Any) -> Iterator[tuple[int, str, int]]:
    """Ordinal, place and number of rows, for places that have some; one statement a table."""
    for query, places in queries:
        for ordinal, *counts in connection.execute(query, given):
            for place, rows in zip(places, counts, strict=True):
                if rows:
                    yield ordinal, place, int(rows)
