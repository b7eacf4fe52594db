"""Statements that add what the rules need and the schema lacks. Each can be run again.

They are run one by one, outside a transaction: CREATE INDEX CONCURRENTLY, which lets the application write meanwhile,
allows none. None relies on the one before it having worked.
"""

import zlib
from collections.abc import Sequence

from consumers.domain.work import Finding
from consumers.stores.rules.model import Token
from consumers.stores.sql.catalog import Index, Relation
from consumers.stores.sql.names import listed, literal, qualified, quote
from consumers.stores.sql.preflight.subject import Subject

_NAME_BYTES = 63


def lacking(code: str, place: str, message: str, ddl: str, otherwise: str = "") -> Finding:
    """A finding that its `ddl` repairs; `otherwise` names another way."""
    return Finding(code, place, message, ddl + otherwise, ddl)


def add_flag(relation: Relation, flag: str) -> str:
    """The flag; no row is rewritten for it."""
    return f"ALTER TABLE {relation.sql} ADD COLUMN IF NOT EXISTS {quote(flag)} boolean NOT NULL DEFAULT false;"


def add_token(relation: Relation, token: Token) -> str:
    """The token and, where the columns beside it are there, the unique index over both."""
    column = f"ALTER TABLE {relation.sql} ADD COLUMN IF NOT EXISTS {quote(token.column)} uuid;"
    there = set(token.unique_with) <= set(relation.columns)
    return f"{column}\n{token_index(relation, token)}" if there else column


def token_index(relation: Relation, token: Token) -> str:
    """The unique index over columns and token: customers whose token is NULL stay unique among each other."""
    return _index(relation, [*token.unique_with, token.column], "UNIQUE ", " NULLS NOT DISTINCT")


def lookup_index(relation: Relation, columns: Sequence[str]) -> str:
    """An index that serves lookups by these columns."""
    return _index(relation, columns)


def replaced(subject: Subject, index: Index) -> str:
    """Drops a unique index that the token's stands in for, once that one is built; empty if it does not stand in."""
    token = subject.table.token
    if token is None or index.primary or not index.plain or set(index.columns) != set(token.unique_with):
        return ""
    if any(
        key.target == subject.id and set(key.target_columns) == set(index.columns)
        for key in subject.catalog.foreign_keys
    ):
        return ""
    kept = qualified(subject.relation.schema, _token_index_name(subject.relation, token))
    body = (
        f"BEGIN\n    IF EXISTS (SELECT FROM pg_index WHERE indexrelid = to_regclass({literal(kept)}) AND indisvalid) "
        f"THEN\n        {_drop(subject.relation, index)}\n    END IF;\nEND"
    )
    mark = "$lapse$"
    while mark in body:
        mark = f"$_{mark[1:]}"
    return f"DO {mark}{body}{mark};"


def _drop(relation: Relation, index: Index) -> str:
    if index.constraint:
        return f"ALTER TABLE {relation.sql} DROP CONSTRAINT IF EXISTS {quote(index.name)};"
    return f"DROP INDEX IF EXISTS {qualified(relation.schema, index.name)};"


def _token_index_name(relation: Relation, token: Token) -> str:
    columns = [*token.unique_with, token.column]
    there = (each.name for each in relation.indexes if each.unique and each.plain and set(each.columns) == set(columns))
    return next(there, _name(relation, columns))


def _index(relation: Relation, columns: Sequence[str], unique: str = "", nulls: str = "") -> str:
    # an index on a partitioned table cannot be built beside its writers
    beside = "" if relation.kind == "p" else "CONCURRENTLY "
    name = _name(relation, columns)
    rest = f"{quote(name)} ON {relation.sql} ({listed(columns)}){nulls};"
    made = f"CREATE {unique}INDEX {beside}IF NOT EXISTS {rest}"
    if name in relation.broken:
        return f"DROP INDEX {beside}IF EXISTS {qualified(relation.schema, name)};\n{made}"
    return made


def _name(relation: Relation, columns: Sequence[str]) -> str:
    name = "_".join([relation.name, *columns, "lapse"])
    whole = name.encode()
    if len(whole) <= _NAME_BYTES:
        return name
    return f"{whole[: _NAME_BYTES - 9].decode(errors='ignore')}_{zlib.crc32(whole):08x}"
