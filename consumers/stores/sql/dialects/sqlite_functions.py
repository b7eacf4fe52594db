"""What SQLite itself has no function for, given to a connection. Each is deterministic: what is random is SQLite's own.

A value of another kind than the column's type promises is refused: SQLite lets any value into any column.
"""

import datetime as dt
import hashlib
import re
import sqlite3
from functools import lru_cache

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
Cell = str | bytes | int | float | None


def define(connection: sqlite3.Connection) -> None:
    """Make them known to a connection."""
    connection.create_function("regexp", 2, _regexp, deterministic=True)
    connection.create_function("regexp_replace", 3, _regexp_replace, deterministic=True)
    connection.create_function("lapse_hash", 1, _hash, deterministic=True)
    connection.create_function("lapse_start", 2, _start, deterministic=True)
    connection.create_function("lapse_newer", 2, _newer, deterministic=True)
    connection.create_function("lapse_print", -1, _print, deterministic=True)


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _regexp(pattern: str, text: str | None) -> bool | None:
    return None if text is None else _compiled(pattern).search(text) is not None


def _regexp_replace(text: str | None, pattern: str, new: str) -> str | None:
    return None if text is None else _compiled(pattern).sub(new, text)


def _hash(text: str | None) -> str | None:
    return None if text is None else hashlib.sha256(text.encode()).hexdigest()


def _start(to: str, written: Cell) -> str | None:
    if written is None:
        return None
    if not isinstance(written, str):
        raise TypeError("no date as text")
    moment = dt.datetime.fromisoformat(written)
    if moment.tzinfo is not None:
        moment = moment.astimezone(dt.UTC).replace(tzinfo=None)
    first = {"year": {"month": 1, "day": 1}, "month": {"day": 1}, "day": {}}[to]
    day = moment.date().replace(**first).isoformat()
    return day if len(written) == len(day) else f"{day} 00:00:00"


def _newer(written: Cell, committed: int) -> bool:
    """Whether a time is later than so many microseconds: UTC if it names no zone, midnight if no hour."""
    if written is None:
        return False
    if not isinstance(written, str):  # seconds since 1970, as may be: nobody has said what it counts
        raise TypeError("no time as text")
    moment = _EPOCH + dt.timedelta(microseconds=committed)
    try:
        found = dt.datetime.fromisoformat(written.strip())
    except ValueError:
        return False
    return (found if found.tzinfo else found.replace(tzinfo=dt.UTC)) > moment


def _print(key: int, *cells: Cell) -> int:
    digest = hashlib.blake2b(digest_size=8, key=key.to_bytes(8, "big"))
    for cell in cells:
        value = cell if isinstance(cell, bytes) else repr(cell).encode("utf-8", "surrogatepass")
        digest.update(f"{type(cell).__name__}{len(value)}:".encode() + value)
    return int.from_bytes(digest.digest(), "big", signed=True)
