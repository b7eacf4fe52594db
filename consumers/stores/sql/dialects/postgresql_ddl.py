"""PostgreSQL: statements that repair a schema. Each can be run again.

They are run one by one, outside a transaction: CREATE INDEX CONCURRENTLY, which lets the application write meanwhile,
allows none. None relies on the one before it having worked.
"""

from collections.abc import Sequence

from consumers.stores.rules.model import Token
from consumers.stores.sql.catalog import Check, Column, ForeignKey, Index, Relation, Trigger
from consumers.stores.sql.dialects.index_names import index_name, stands_in
from consumers.stores.sql.names import listed, literal, qualified, quote

_NAME_BYTES = 63


class PostgresDdl:
    """Fulfils Ddl."""

    def add_flag(self, relation: Relation, flag: str) -> str:
        """The flag; no row is rewritten for it."""
        return f"ALTER TABLE {relation.sql} ADD COLUMN IF NOT EXISTS {quote(flag)} boolean NOT NULL DEFAULT false;"

    def add_token(self, relation: Relation, token: Token) -> str:
        """The token and, where the columns beside it are there, the unique index over both."""
        column = f"ALTER TABLE {relation.sql} ADD COLUMN IF NOT EXISTS {quote(token.column)} uuid;"
        there = set(token.unique_with) <= set(relation.columns)
        return f"{column}\n{self.token_index(relation, token)}" if there else column

    def token_index(self, relation: Relation, token: Token) -> str:
        """The unique index over columns and token: customers whose token is NULL stay unique among each other."""
        return _index(relation, [*token.unique_with, token.column], "UNIQUE ", " NULLS NOT DISTINCT")

    def lookup_index(self, relation: Relation, columns: Sequence[str]) -> str:
        """An index that serves lookups by these columns."""
        return _index(relation, columns)

    def replaced(self, relation: Relation, token: Token | None, index: Index, keys: Sequence[ForeignKey]) -> str:
        """Drops a unique index that the token's stands in for, once it is built; empty if it does not stand in."""
        if token is None or not stands_in(relation, token, index, keys):
            return ""
        kept = qualified(relation.schema, _token_index_name(relation, token))
        body = (
            "BEGIN\n    IF EXISTS (SELECT FROM pg_index WHERE "
            f"indexrelid = to_regclass({literal(kept)}) AND indisvalid) "
            f"THEN\n        {_drop(relation, index)}\n    END IF;\nEND"
        )
        mark = "$lapse$"
        while mark in body:
            mark = f"$_{mark[1:]}"
        return f"DO {mark}{body}{mark};"

    def key(self, relation: Relation, columns: Sequence[str], nullable: Sequence[str]) -> str:
        """Makes the columns name one row each."""
        changes = [f"ALTER COLUMN {quote(name)} SET NOT NULL" for name in nullable]
        return f"ALTER TABLE {relation.sql} {', '.join([*changes, f'ADD UNIQUE ({listed(columns)})'])};"

    def nullable(self, relation: Relation, column: Column) -> str:
        """Lets the column be NULL."""
        return f"ALTER TABLE {relation.sql} ALTER COLUMN {quote(column.name)} DROP NOT NULL;"

    def widened(self, relation: Relation, column: Column, letters: int) -> str:
        """Gives a text column room for so many letters."""
        return f"ALTER TABLE {relation.sql} ALTER COLUMN {quote(column.name)} TYPE varchar({letters});"

    def without_check(self, relation: Relation, check: Check) -> str:
        """Drops a check constraint."""
        return f"ALTER TABLE {_holding(relation, check)} DROP CONSTRAINT {quote(check.name)};"

    def without_trigger(self, relation: Relation, trigger: Trigger) -> str:
        """Switches a trigger off, or drops a rule."""
        name, table = quote(trigger.name), _holding(relation, trigger)
        if trigger.is_rule:
            return f"DROP RULE {name} ON {table};"
        return f"ALTER TABLE {table} DISABLE TRIGGER {name};"


def _holding(relation: Relation, part: Check | Trigger) -> str:
    return qualified(*part.partition) if part.partition else relation.sql


def _drop(relation: Relation, index: Index) -> str:
    if index.constraint:
        return f"ALTER TABLE {relation.sql} DROP CONSTRAINT IF EXISTS {quote(index.name)};"
    return f"DROP INDEX IF EXISTS {qualified(relation.schema, index.name)};"


def _token_index_name(relation: Relation, token: Token) -> str:
    columns = [*token.unique_with, token.column]
    there = (each.name for each in relation.indexes if each.unique and each.plain and set(each.columns) == set(columns))
    return next(there, index_name(relation, columns, _NAME_BYTES))


def _index(relation: Relation, columns: Sequence[str], unique: str = "", nulls: str = "") -> str:
    # an index on a partitioned table cannot be built beside its writers
    beside = "" if relation.kind == "p" else "CONCURRENTLY "
    name = index_name(relation, columns, _NAME_BYTES)
    rest = f"{quote(name)} ON {relation.sql} ({listed(columns)}){nulls};"
    made = f"CREATE {unique}INDEX {beside}IF NOT EXISTS {rest}"
    if name in relation.broken:
        return f"DROP INDEX {beside}IF EXISTS {qualified(relation.schema, name)};\n{made}"
    return made
