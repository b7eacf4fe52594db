"""SQLite: statements that repair a schema. It cannot change a column or a constraint: then the table is made anew."""

from collections.abc import Sequence

from consumers.stores.rules.model import Token
from consumers.stores.sql.catalog import Check, Column, ForeignKey, Index, Relation, Trigger
from consumers.stores.sql.dialects.index_names import index_name, stands_in
from consumers.stores.sql.names import listed, qualified, quote

_NAME_LETTERS = 128
_ANEW = "make the table anew (https://www.sqlite.org/lang_altertable.html#otheralter)"


class SqliteDdl:
    """Fulfils Ddl."""

    def add_flag(self, relation: Relation, flag: str) -> str:
        """The flag."""
        return f"ALTER TABLE {relation.sql} ADD COLUMN {quote(flag)} boolean NOT NULL DEFAULT false;"

    def add_token(self, relation: Relation, token: Token) -> str:
        """The token, empty for the living, and the unique index: with NULL nobody would be unique among them."""
        column = f"ALTER TABLE {relation.sql} ADD COLUMN {quote(token.column)} text NOT NULL DEFAULT '';"
        there = set(token.unique_with) <= set(relation.columns)
        return f"{column}\n{self.token_index(relation, token)}" if there else column

    def token_index(self, relation: Relation, token: Token) -> str:
        """The unique index over columns and token."""
        return _index(relation, [*token.unique_with, token.column], "UNIQUE ")

    def lookup_index(self, relation: Relation, columns: Sequence[str]) -> str:
        """An index that serves lookups by these columns."""
        return _index(relation, columns)

    def replaced(self, relation: Relation, token: Token | None, index: Index, keys: Sequence[ForeignKey]) -> str:
        """Drops a unique index that the token's stands in for; one that a constraint made cannot be dropped."""
        if token is None or index.constraint or not stands_in(relation, token, index, keys):
            return ""
        return f"{self.token_index(relation, token)}\nDROP INDEX IF EXISTS {qualified(relation.schema, index.name)};"

    def key(self, relation: Relation, columns: Sequence[str], nullable: Sequence[str]) -> str:
        """Makes the columns name one row each."""
        return (
            f"{_ANEW} with {listed(nullable or columns)} NOT NULL."
            if nullable
            else _index(relation, columns, "UNIQUE ")
        )

    def nullable(self, relation: Relation, column: Column) -> str:
        """Lets the column be NULL."""
        return f"{_ANEW}: {relation.sql} without NOT NULL on {quote(column.name)}."

    def widened(self, relation: Relation, column: Column, letters: int) -> str:
        """Gives a text column room; SQLite never lacks it."""
        return f"{_ANEW}: {relation.sql} with {quote(column.name)} varchar({letters})."

    def without_check(self, relation: Relation, check: Check) -> str:
        """Drops a check constraint."""
        return f"{_ANEW}: {relation.sql} without {check.name}."

    def without_trigger(self, relation: Relation, trigger: Trigger) -> str:
        """Drops a trigger."""
        return f"DROP TRIGGER {qualified(relation.schema, trigger.name)};"


def _index(relation: Relation, columns: Sequence[str], unique: str = "") -> str:
    name = qualified(relation.schema, index_name(relation, columns, _NAME_LETTERS))
    return f"CREATE {unique}INDEX IF NOT EXISTS {name} ON {quote(relation.name)} ({listed(columns)});"
