"""One mapped table that is there, as every check sees it."""

from collections.abc import Iterator
from typing import NamedTuple

from consumers.domain.work import Finding
from consumers.stores.rules.model import Rules, Table
from consumers.stores.sql.catalog import Catalog, Relation, TableName
from consumers.stores.sql.dialect import Dialect


class Subject(NamedTuple):
    """A mapped table: its rules beside its live schema."""

    rules: Rules
    catalog: Catalog
    name: str
    table: Table
    relation: Relation
    dialect: Dialect

    @property
    def place(self) -> str:
        """Path of the table in the rules file."""
        return f"tables.{self.name}"

    @property
    def id(self) -> TableName:
        """Its key in the catalog."""
        return (self.relation.schema, self.relation.name)

    @property
    def is_root(self) -> bool:
        """Whether it holds the customer id."""
        return self.table.parent is None

    @property
    def own_columns(self) -> frozenset[str]:
        """Columns that are Lapse's own: flag and token."""
        token = self.table.token.column if self.table.token else None
        return frozenset(column for column in (self.table.flag, token) if column)

    @property
    def changed(self) -> frozenset[str]:
        """Every column an anonymization writes."""
        return frozenset(self.table.mask) | self.own_columns

    @property
    def computed(self) -> dict[str, frozenset[str]]:
        """Columns the database computes anew from what is written, each with the written columns it follows."""
        follows: dict[str, frozenset[str]] = {}
        for _ in self.relation.columns:  # one may be computed from another
            for name, column in self.relation.columns.items():
                direct = column.sources & self.changed
                over = [follows[each] for each in column.sources if each in follows]
                if written := direct.union(*over):
                    follows[name] = written
        return follows

    def written(self, column: str) -> str:
        """Path in the rules file of what changes the column."""
        names = self.computed.get(column, frozenset({column}))
        if masked := sorted(names & self.table.mask.keys()):
            return f"{self.place}.mask.{masked[0]}"
        return f"{self.place}.flag" if self.table.flag in names else f"{self.place}.token.column"


def subjects(rules: Rules, catalog: Catalog, dialect: Dialect) -> Iterator[Subject]:
    """The mapped tables that are there and are tables."""
    for name, table in rules.tables.items():
        relation = catalog.relations.get((rules.store.schema_name, name))
        if relation is not None and relation.is_table:
            yield Subject(rules, catalog, name, table, relation, dialect)


def lacking(code: str, place: str, message: str, ddl: str, otherwise: str = "") -> Finding:
    """A finding that its `ddl` repairs; `otherwise` names another way."""
    return Finding(code, place, message, ddl + otherwise, ddl)
