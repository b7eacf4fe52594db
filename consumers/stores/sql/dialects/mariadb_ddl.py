"""MariaDB: statements that repair a schema. Each can be run again, and lets the application write meanwhile.

INPLACE and NONE make the server refuse what it could only do by locking the table. A table with a unique index over
long text, which the server keeps by a hidden computed column, it can change in no other way: there a comment says so.
None relies on the one before it.
"""

from collections.abc import Sequence

from consumers.stores.rules.model import Token
from consumers.stores.sql.catalog import Check, Column, ForeignKey, Index, Relation, Trigger
from consumers.stores.sql.dialects.index_names import index_name, stands_in
from consumers.stores.sql.names import listed, qualified, quote

_NAME_LETTERS = 64
_ONLINE = ", ALGORITHM=INPLACE, LOCK=NONE;"
_COPIED = "-- its unique index over long text lets nobody write meanwhile, but where the server is 11.2 or newer"
TOKEN_TYPE = "char(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT ''"  # noqa: S105 - a type


class MariaDdl:
    """Fulfils Ddl."""

    def add_flag(self, relation: Relation, flag: str) -> str:
        """The flag; no row is rewritten for it."""
        return _online(relation, f"ADD COLUMN IF NOT EXISTS {quote(flag)} boolean NOT NULL DEFAULT false")

    def add_token(self, relation: Relation, token: Token) -> str:
        """The token, empty for the living, and the unique index: with NULL nobody would be unique among them."""
        column = _online(relation, f"ADD COLUMN IF NOT EXISTS {quote(token.column)} {TOKEN_TYPE}")
        there = set(token.unique_with) <= set(relation.columns)
        return f"{column}\n{self.token_index(relation, token)}" if there else column

    def token_index(self, relation: Relation, token: Token) -> str:
        """The unique index over columns and token."""
        return _online(relation, _unique(relation, token))

    def lookup_index(self, relation: Relation, columns: Sequence[str]) -> str:
        """An index that serves lookups by these columns."""
        name = quote(index_name(relation, columns, _NAME_LETTERS))
        return _online(relation, f"ADD INDEX IF NOT EXISTS {name} ({listed(columns)})")

    def replaced(self, relation: Relation, token: Token | None, index: Index, keys: Sequence[ForeignKey]) -> str:
        """Drops a unique index and builds the token's in one statement, so that no row is unguarded between them."""
        if token is None or not stands_in(relation, token, index, keys):
            return ""
        return _online(relation, f"{_unique(relation, token)}, DROP INDEX IF EXISTS {quote(index.name)}")

    def key(self, relation: Relation, columns: Sequence[str], nullable: Sequence[str]) -> str:
        """Makes the columns name one row each."""
        changes = [f"MODIFY {quote(name)} {relation.columns[name].type} NOT NULL" for name in nullable]
        return f"{_alter(relation)} {', '.join([*changes, f'ADD UNIQUE ({listed(columns)})'])};"

    def nullable(self, relation: Relation, column: Column) -> str:
        """Lets the column be NULL; a default or comment of it has to be written beside its type."""
        return f"{_alter(relation)} MODIFY {quote(column.name)} {column.type} NULL;"

    def widened(self, relation: Relation, column: Column, letters: int) -> str:
        """Gives a text column room for so many letters; NOT NULL, default or comment have to be written beside it."""
        collated = column.type.partition(")")[2]
        return f"{_alter(relation)} MODIFY {quote(column.name)} varchar({letters}){collated};"

    def without_check(self, relation: Relation, check: Check) -> str:
        """Drops a check constraint; that of a column goes by writing the column without it."""
        if check.name in relation.columns:
            return f"{_alter(relation)} MODIFY {quote(check.name)} {relation.columns[check.name].type};"
        return f"{_alter(relation)} DROP CONSTRAINT {quote(check.name)};"

    def without_trigger(self, relation: Relation, trigger: Trigger) -> str:
        """Drops a trigger: none can be switched off."""
        return f"DROP TRIGGER {qualified(relation.schema, trigger.name)};"


def _alter(relation: Relation) -> str:
    return f"ALTER TABLE {relation.sql}"


def _online(relation: Relation, change: str) -> str:
    if any(index.unique and index.method == "hash" for index in relation.indexes):
        return f"{_COPIED}\n{_alter(relation)} {change};"
    return f"{_alter(relation)} {change}{_ONLINE}"


def _unique(relation: Relation, token: Token) -> str:
    columns = [*token.unique_with, token.column]
    name = quote(index_name(relation, columns, _NAME_LETTERS))
    return f"ADD UNIQUE INDEX IF NOT EXISTS {name} ({listed(columns)})"
