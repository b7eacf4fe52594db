"""Root rows by customer id, on databases without places of rows."""

from consumers.stores.rules.model import Rules
from consumers.stores.sql.catalog import Catalog
from consumers.stores.sql.links import looked_up
from consumers.stores.sql.names import quote
from consumers.stores.sql.staged.levels import Level
from consumers.stores.sql.staged.words import Words


class Finder:
    """Finds unflagged root rows by customer id; `ord` counts the ids from 1."""

    def __init__(self, words: Words, rules: Rules, catalog: Catalog, root: Level) -> None:
        self.join = words.join
        self.flag = f"t0.{quote(root.rules.flag)} IS NOT TRUE" if root.rules.flag else ""
        self._words, self._rules, self._catalog, self._root = words, rules, catalog, root.relation.sql
        self._ids = words.customers(rules.customer.type)

    def source(self) -> str:
        """FROM … JOIN the root as t0."""
        lookup, found = self._found("t0")
        return f"FROM {self._ids}{lookup} {self.join} {self._root} AS t0 ON {found}"

    def where(self) -> str:
        """The condition for rows not anonymized yet."""
        return f" WHERE {self.flag}" if self.flag else ""

    def asked(self, root: str) -> str:
        """Finds something where the root row under this alias is of a customer asked for."""
        lookup, found = self._found(root)
        return f"SELECT 1 FROM {self._ids}{lookup} WHERE {found}"  # noqa: S608 - names are quoted

    def _found(self, root: str) -> tuple[str, str]:
        rules = self._rules
        column = self._catalog.relations[rules.store.schema_name, rules.customer_table].columns[rules.customer_column]

        def is_customer(alias: str) -> str:
            return self._words.is_customer(f"{alias}.{quote(column.name)}", column, rules.customer.type)

        return looked_up(rules, self._catalog, self.join, is_customer, root)

    def done(self) -> str:
        """The condition for rows that count as anonymized."""
        return self.flag.replace(" IS NOT TRUE", " IS TRUE")
