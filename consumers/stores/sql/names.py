"""Quoting of names. Every statement and every repair goes through here."""

import re
from collections.abc import Iterable

from sqlalchemy import TextClause, text
from sqlalchemy.dialects.postgresql.base import RESERVED_WORDS

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")


def quote(name: str) -> str:
    """The name as PostgreSQL reads it back; plain names stay readable."""
    if _PLAIN.fullmatch(name) and name not in RESERVED_WORDS:
        return name
    return '"' + name.replace('"', '""') + '"'


def qualified(schema: str, name: str) -> str:
    """`schema.name`, quoted."""
    return f"{quote(schema)}.{quote(name)}"


def listed(names: Iterable[str], alias: str = "") -> str:
    """Column names after one another, quoted, each with the alias in front."""
    prefix = f"{alias}." if alias else ""
    return ", ".join(prefix + quote(name) for name in names)


def statement(sql: str, **parameters: object) -> TextClause:
    """A statement with `{{name}}` for each bind parameter, so that a colon inside a quoted name stays a colon."""
    escaped = sql.replace(":", "\\:")
    clause = text(re.sub(r"\{\{(\w+)\}\}", r":\1", escaped))
    return clause.bindparams(**parameters) if parameters else clause


def array(values: Iterable[str | None]) -> str:
    """An array literal, to be cast to an array type; the driver's own dump of a list is slower."""
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: str | None) -> str:
    if value is None:
        return "NULL"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def integers(values: Iterable[int]) -> str:
    """An array literal of whole numbers."""
    return "{" + ",".join(map(str, values)) + "}"
