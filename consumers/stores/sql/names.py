"""Quoting of names. Every statement and every repair goes through here."""

import re
from collections.abc import Iterable, Sequence

from sqlalchemy import TextClause, text
from sqlalchemy.dialects.mysql.reserved_words import RESERVED_WORDS_MARIADB
from sqlalchemy.dialects.postgresql.base import RESERVED_WORDS
from sqlalchemy.dialects.sqlite.base import SQLiteIdentifierPreparer

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
PARAMETER = re.compile(r'("(?:[^"]|"")*")|\{\{(\w+)\}\}')
_RESERVED = RESERVED_WORDS | RESERVED_WORDS_MARIADB | SQLiteIdentifierPreparer.reserved_words


def quote(name: str) -> str:
    """The name as every database reads it back (MariaDB in our sessions' ANSI mode); plain ones stay readable."""
    if _PLAIN.fullmatch(name) and name not in _RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def qualified(schema: str, name: str) -> str:
    """`schema.name`, quoted."""
    return f"{quote(schema)}.{quote(name)}"


def literal(text: str) -> str:
    """Text as a string constant, for SQL that is printed; what is run binds its values."""
    return "'" + text.replace("'", "''") + "'"


def printed(statements: Iterable[str]) -> str:
    """Statements as a person runs them."""
    return "".join(f"{each};\n" for each in statements)


def listed(names: Iterable[str], alias: str = "") -> str:
    """Column names after one another, quoted, each with the alias in front."""
    prefix = f"{alias}." if alias else ""
    return ", ".join(prefix + quote(name) for name in names)


def statement(sql: str, **parameters: object) -> TextClause:
    """A statement with `{{name}}` for each bind parameter, so that colons and braces in a quoted name stay so."""
    clause = text(PARAMETER.sub(lambda found: found[1] or f":{found[2]}", sql.replace(":", "\\:")))
    return clause.bindparams(**parameters) if parameters else clause


def array(values: Sequence[str]) -> str:
    """An array literal of text, to be cast to an array type; the driver's own dump of a list costs more."""
    joined = '","'.join(values)
    plain = "\\" not in joined and joined.count('"') == 2 * (len(values) - 1)
    if not plain:
        joined = '","'.join(value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return f'{{"{joined}"}}' if values else "{}"


def integers(values: Iterable[int]) -> str:
    """An array literal of whole numbers."""
    return "{" + ",".join(map(str, values)) + "}"
