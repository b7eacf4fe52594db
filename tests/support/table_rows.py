"""Builders of rows and of conditional writes."""

import itertools

from consumers.domain.index import IndexKeys
from consumers.domain.rows import Key, state_key
from consumers.ports import IndexEntry, Row, Table, Write

LATER = 1 << 52
"""A time after every `next_action_at`."""

_stamps = (f"stamp-{number}" for number in itertools.count())


def a_row(key: Key | str, *, version: int = 1, body: bytes = b"\x00body", keys: IndexKeys | None = None) -> Row:
    """A row with a stamp of its own."""
    return Row(state_key(key) if isinstance(key, str) else key, version, next(_stamps), body, keys)


def insert(row: Row) -> Write:
    return Write(row.key, None, row)


def update(expected: Row, row: Row) -> Write:
    return Write(expected.key, expected, row)


def delete(expected: Row) -> Write:
    return Write(expected.key, expected, None)


def stored(table: Table, *rows: Row) -> tuple[Row, ...]:
    assert list(table.write([insert(row) for row in rows])) == [None] * len(rows)
    return rows


def entries(*rows: Row) -> list[IndexEntry]:
    return [IndexEntry(row.key.id, row.keys.next_action_at) for row in rows if row.keys]
