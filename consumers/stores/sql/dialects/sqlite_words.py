"""SQLite: the pieces of its statements. Functions it lacks are ours, in `sqlite_functions`."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from consumers.stores.rules.strategies import StaticValue
from consumers.stores.rules.urls import Backend
from consumers.stores.sql.catalog import Column, Relation
from consumers.stores.sql.dialects.sqlite_documents import SqliteDocuments
from consumers.stores.sql.expressions import SIGNS
from consumers.stores.sql.names import listed, quote


class SqliteWords:
    """Fulfils Words."""

    backend: Backend = "sqlite"
    join = "CROSS JOIN"  # SQLite enters what is joined so in the order written
    lock = ""  # the whole file is locked before: SQLite takes one writer
    print_type = "integer"
    ord_type = "integer"
    drop = "DROP TABLE"
    letter = f"[^{SIGNS}]"
    documents = SqliteDocuments()

    def temporary(self, schema: str, name: str) -> str:
        """A temporary table, which no table of the rules' schema can be taken for."""
        del schema
        return f"temp.{quote(name)}"

    def type_of(self, column: Column) -> str:
        """None: a column without a type gives back what was put in."""
        del column
        return ""

    def customers(self, kind: str) -> str:
        """Rows `k(ord, id)`."""
        del kind
        cells = "json_extract(value, '$[0]') AS ord, json_extract(value, '$[1]') AS id"
        return f"(SELECT {cells} FROM json_each({{{{customers}}}})) AS k"  # noqa: S608 - bound

    def is_customer(self, cell: str, column: Column, kind: str) -> str:
        """Whether the cell holds `k.id`: found by the column's collation, then compared byte by byte."""
        del column
        return f"{cell} = k.id" if kind == "integer" else f"{cell} = k.id AND {self.same_text(cell, 'k.id')}"

    def text(self, cell: str) -> str:
        """The cell as text."""
        return f"CAST({cell} AS text)"

    def exact(self, cell: str) -> str:
        """The cell as text; a cast alone keeps the column's collation."""
        return f"(CAST({cell} AS text) COLLATE BINARY)"

    def same(self, one: str, other: str) -> str:
        """Whether two values are equal, or both NULL."""
        return f"{one} IS {other}"

    def same_text(self, one: str, other: str) -> str:
        """Whether two texts are the same bytes."""
        return f"CAST({one} AS text) = CAST({other} AS text) COLLATE BINARY"

    def letters(self, text: str) -> str:
        """How many letters a text has."""
        return f"length({text})"

    def redacted(self, text: str, pattern: str) -> str:
        """The text with an X for each match."""
        return f"regexp_replace({text}, {pattern}, 'X')"

    def zeros(self, count: str) -> str:
        """A text of so many zeros."""
        return f"substr(hex(zeroblob({count})), 1, {count})"

    def hashed(self, text: str) -> str:
        """The SHA-256 of a text."""
        return f"lapse_hash({text})"

    def random(self, size: int) -> str:
        """So many random bytes."""
        return f"randomblob({size})"

    def number(self) -> str:
        """A random number below 10^12."""
        return f"abs(random() % {10**12})"

    def whole(self, cell: str) -> str:
        """The whole part: `%` takes no other."""
        return f"CAST({cell} AS integer)"

    def start(self, to: Literal["year", "month", "day"], cell: str, column: Column) -> str:
        """The first instant."""
        del column
        return f"lapse_start('{to}', {cell})"

    def newer(self, cell: str, committed: str) -> str:
        """Whether it is later, by what is written in the cell."""
        return f"lapse_newer({cell}, {committed})"

    def static(self, value: StaticValue, column: Column) -> Any:
        """The value as SQLite keeps it: booleans as numbers, times as text in UTC."""
        if isinstance(value, bool):
            return int(value)
        if isinstance(value, dt.datetime):
            moment = value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value
            return str(moment.date() if column.base == "date" else moment)
        return str(value) if isinstance(value, dt.date) else value

    def fingerprint(self, cells: Mapping[str, Column], key: str) -> str:
        """64 bits of BLAKE2b, of values and their types."""
        return f"lapse_print({', '.join([key, *cells])})"

    def update(self, relation: Relation, staged: str, on: str, sets: Sequence[tuple[str, str]]) -> str:
        """UPDATE from the staged rows."""
        assigned = ", ".join(f"{quote(name)} = {new}" for name, new in sets)
        return f"UPDATE {relation.sql} AS c SET {assigned} FROM {staged} AS s WHERE {on}"  # noqa: S608

    def delete(self, relation: Relation, staged: str, keys: Sequence[tuple[str, str]]) -> str:
        """DELETE of the staged rows."""
        columns, kept = listed(column for column, _ in keys), ", ".join(each for _, each in keys)
        return f"DELETE FROM {relation.sql} WHERE ({columns}) IN (SELECT {kept} FROM {staged})"  # noqa: S608
