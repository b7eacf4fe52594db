"""What MariaDB and SQLite say differently, where the statements are the same.

MariaDB's sessions are in ANSI mode: names stand in double quotes, `||` joins text, and a backslash is a backslash.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from consumers.stores.rules.custom_strategies import Expression
from consumers.stores.rules.strategies import JsonPaths, StaticValue
from consumers.stores.rules.urls import Backend
from consumers.stores.sql.catalog import Column, Relation


class Documents(Protocol):
    """The pieces of a statement about JSON documents. `cell` is a qualified column, `parameter` a free name to bind."""

    def remade(self, strategy: JsonPaths, cell: str, parameter: str) -> Expression:
        """The document without what is removed, and with what is set where there was something.

        What cannot be followed is given back as it was.
        """

    def is_remade(self, strategy: JsonPaths, cell: str, parameter: str) -> Expression:
        """True, never NULL, where it is as `remade` leaves one that can be followed; the cell is not NULL."""

    def left_alone(self, strategy: JsonPaths, cell: str) -> str:
        """All of the document that is neither removed nor set, the same text for the same values."""

    def has_others(self, strategy: JsonPaths, cell: str, parameter: str) -> Expression:
        """True where the document has a value that no path of the strategy covers."""


class Words(Protocol):
    """The pieces of a statement. `cell` is a qualified column; what is text in the answer is compared byte by byte."""

    backend: Backend
    join: str
    """Joins in the order written: the staged rows drive, and tables are entered by their index."""
    lock: str
    """At the end of a SELECT: lock what it reads."""
    print_type: str
    """Type of a fingerprint."""
    ord_type: str
    """Type of an ordinal."""
    drop: str
    """DROP of a temporary table, and of none else."""
    letter: str
    """Pattern of one letter or digit, for `redacted`."""

    @property
    def documents(self) -> Documents:
        """What is said of JSON documents."""

    def temporary(self, schema: str, name: str) -> str:
        """A temporary table's name, quoted."""

    def type_of(self, column: Column) -> str:
        """A type for the column's values in a temporary table, with its collation."""

    def customers(self, kind: str) -> str:
        """Rows `k(ord, id)` of the bound JSON text `customers`, a list of [ordinal, id]."""

    def is_customer(self, cell: str, column: Column, kind: str) -> str:
        """Whether the cell holds `k.id`, served by an index over it."""

    def text(self, cell: str) -> str:
        """The cell as text, in which upper and lower case differ."""

    def exact(self, cell: str) -> str:
        """The cell as text, compared byte by byte."""

    def same(self, one: str, other: str) -> str:
        """Whether two values are equal, or both NULL."""

    def same_text(self, one: str, other: str) -> str:
        """Whether two texts are the same bytes; NULL where one is."""

    def letters(self, text: str) -> str:
        """How many letters a text has."""

    def redacted(self, text: str, pattern: str) -> str:
        """The text with an X for each match of the bound pattern, in a time that grows as the text does."""

    def zeros(self, count: str) -> str:
        """A text of so many zeros."""

    def hashed(self, text: str) -> str:
        """The SHA-256 of a text's UTF-8, hexadecimal."""

    def random(self, size: int) -> str:
        """So many random bytes, others for each row."""

    def number(self) -> str:
        """A random number below 10^12."""

    def whole(self, cell: str) -> str:
        """The cell as a number that `%` divides exactly."""

    def start(self, to: Literal["year", "month", "day"], cell: str, column: Column) -> str:
        """The first instant of the cell's year, month or day."""

    def newer(self, cell: str, committed: str) -> str:
        """Whether the time in the cell is later than so many microseconds; not true of NULL. A day is its midnight."""

    def static(self, value: StaticValue, column: Column) -> Any:
        """The value as it is bound for this column."""

    def fingerprint(self, cells: Mapping[str, Column], key: str) -> str:
        """64 bits of these cells under a key, the same for the same bytes."""

    def update(self, relation: Relation, staged: str, on: str, sets: Sequence[tuple[str, str]]) -> str:
        """Set columns of the table's rows, c, from the staged rows, s."""

    def delete(self, relation: Relation, staged: str, keys: Sequence[tuple[str, str]]) -> str:
        """Delete the table's rows by their key columns and the staged columns that hold them."""
