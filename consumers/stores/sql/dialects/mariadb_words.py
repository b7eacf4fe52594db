"""MariaDB: the pieces of its statements."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from consumers.stores.rules.strategies import StaticValue
from consumers.stores.rules.urls import Backend
from consumers.stores.sql.catalog import Column, Relation
from consumers.stores.sql.dialects.mariadb_documents import MariaDocuments
from consumers.stores.sql.expressions import SIGNS
from consumers.stores.sql.names import qualified, quote

ID_LETTERS = 1024
_ID_TYPES = {"integer": "bigint"}
_STARTS = {"year": "%Y-01-01", "month": "%Y-%m-01", "day": "%Y-%m-%d"}


class MariaWords:
    """Fulfils Words."""

    backend: Backend = "mariadb"
    join = "STRAIGHT_JOIN"
    lock = " FOR UPDATE"
    print_type = "binary(8)"
    ord_type = "bigint"
    drop = "DROP TEMPORARY TABLE"  # without the word it would commit
    letter = rf"[^{SIGNS}\x80-\xff]|[\xc0-\xff][\x80-\xbf]*"  # of UTF-8, byte by byte
    documents = MariaDocuments()

    def temporary(self, schema: str, name: str) -> str:
        """A temporary table in the rules' schema."""
        return qualified(schema, name)

    def type_of(self, column: Column) -> str:
        """The column's own type and collation."""
        return column.type

    def customers(self, kind: str) -> str:
        """Rows `k(ord, id)`."""
        # an id too long for the type is NULL, and found nowhere
        typed = _ID_TYPES.get(kind, f"varchar({ID_LETTERS}) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
        columns = f"ord bigint PATH '$[0]', id {typed} PATH '$[1]'"
        return f"json_table({{{{customers}}}}, '$[*]' COLUMNS ({columns})) AS k"

    def is_customer(self, cell: str, column: Column, kind: str) -> str:
        """Whether the cell holds `k.id`: found by the column's collation, then compared byte by byte."""
        if kind == "integer":
            return f"{cell} = k.id"
        if kind == "uuid":
            return f"{cell} = CAST(k.id AS uuid)"
        charset = column.collation.partition("_")[0]
        served = f"{cell} = CONVERT(k.id USING {charset}) COLLATE {column.collation}"
        return f"{served} AND {self.same_text(cell, 'k.id')}"

    def text(self, cell: str) -> str:
        """The cell as text."""
        return f"CAST({cell} AS char CHARACTER SET utf8mb4) COLLATE utf8mb4_bin"

    def exact(self, cell: str) -> str:
        """The cell as text; a collation that pads would take spaces at its end for none."""
        return f"(CAST({cell} AS char CHARACTER SET utf8mb4) COLLATE utf8mb4_nopad_bin)"

    def same(self, one: str, other: str) -> str:
        """Whether two values are equal, or both NULL."""
        return f"{one} <=> {other}"

    def same_text(self, one: str, other: str) -> str:
        """Whether two texts are the same bytes: a collation takes Anna for anna, and spaces at the end for none."""
        return f"{_bytes_of_text(one)} = {_bytes_of_text(other)}"

    def letters(self, text: str) -> str:
        """How many letters a text has."""
        return f"char_length({text})"

    def redacted(self, text: str, pattern: str) -> str:
        """The text with an X for each match.

        As bytes: of a text in UTF-8 all is looked at again for each match, 13 seconds for 64,000 letters.
        """
        return f"CONVERT(regexp_replace(CAST({text} AS binary), {pattern}, 'X') USING utf8mb4)"

    def zeros(self, count: str) -> str:
        """A text of so many zeros."""
        return f"repeat('0', {count})"

    def hashed(self, text: str) -> str:
        """The SHA-256 of a text."""
        return f"sha2({text}, 256)"

    def random(self, size: int) -> str:
        """So many random bytes."""
        return f"random_bytes({size})"

    def number(self) -> str:
        """A random number below 10^12."""
        # 48 random bits; what is left over of 10^12 in 2^48 favours no number noticeably
        return f"(CAST(conv(hex({self.random(6)}), 16, 10) AS unsigned) % {10**12})"

    def whole(self, cell: str) -> str:
        """The cell itself: `%` is exact on decimals."""
        return cell

    def start(self, to: Literal["year", "month", "day"], cell: str, column: Column) -> str:
        """The first instant; a zero date, which tells nothing, stays."""
        kind = "date" if column.base == "date" else "datetime"
        cut = f"CAST(date_format({cell}, '{_STARTS[to]}') AS {kind})"
        return f"CASE WHEN {cell} <> 0 THEN {cut} ELSE {cell} END"

    def newer(self, cell: str, committed: str) -> str:
        """Whether it is later; a zero date is not."""
        return f"{cell} > TIMESTAMP'1970-01-01 00:00:00' + INTERVAL {committed} MICROSECOND"

    def static(self, value: StaticValue, column: Column) -> Any:
        """The value; times in UTC, without their offset, which MariaDB would refuse."""
        if isinstance(value, bool):
            return int(value)
        if isinstance(value, dt.datetime):
            moment = value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value
            return str(moment.date() if column.base == "date" else moment)
        return str(value) if isinstance(value, dt.date) else value

    def fingerprint(self, cells: Mapping[str, Column], key: str) -> str:
        """64 bits of SHA-256. Each cell is hashed first: joined, large ones would exceed the largest packet."""
        each = [f"ifnull(sha2({_bytes(cell, column)}, 256), '-')" for cell, column in cells.items()]
        return f"unhex(left(sha2(concat_ws(',', {', '.join([key, *each])}), 256), 16))"

    def update(self, relation: Relation, staged: str, on: str, sets: Sequence[tuple[str, str]]) -> str:
        """UPDATE of a join."""
        assigned = ", ".join(f"c.{quote(name)} = {new}" for name, new in sets)
        return f"UPDATE {staged} AS s {self.join} {relation.sql} AS c ON {on} SET {assigned}"  # noqa: S608

    def delete(self, relation: Relation, staged: str, keys: Sequence[tuple[str, str]]) -> str:
        """DELETE of a join."""
        on = " AND ".join(f"c.{quote(column)} = s.{kept}" for column, kept in keys)
        return f"DELETE c FROM {staged} AS s {self.join} {relation.sql} AS c ON {on}"


def _bytes_of_text(cell: str) -> str:
    return f"CAST(CAST({cell} AS char CHARACTER SET utf8mb4) AS binary)"


def _bytes(cell: str, column: Column) -> str:
    # the text of a float has six digits only
    exact = f"CAST({cell} AS double)" if column.base == "float4" else cell
    return f"CAST({exact} AS binary)"
