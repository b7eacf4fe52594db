"""The tables of a service from the root down, each with what tells its rows apart and where they are staged."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from consumers.stores.rules.model import Rules, Table
from consumers.stores.sql.catalog import Catalog, Relation
from consumers.stores.sql.links import resolve_join
from consumers.stores.sql.names import quote
from consumers.stores.sql.staged.identity import identity_of
from consumers.stores.sql.staged.words import Words

PICKED = "lapse_picked"


class Level(NamedTuple):
    """One mapped table. `join` is child column: parent column, empty for the root; `drawn` are masked key columns.

    `names` are columns of `join` that hold a customer id beside ids which a collation takes for the same. `carries`: a
    table below asks when the command was committed.
    """

    table: str
    rules: Table
    relation: Relation
    join: Mapping[str, str]
    key: Sequence[str]
    staged: str
    drawn: Sequence[str]
    names: Collection[str]
    found: str  # where the rows of a shared table stand before it is decided which nobody else needs
    carries: bool

    @property
    def changes(self) -> bool:
        """Whether its rows are rewritten or deleted."""
        return self.rules.changes

    @property
    def asks(self) -> bool:
        """Whether it has to be known when the command was committed."""
        return self.carries or self.rules.since is not None

    def by_key(self, alias: str, staged: str, *, renewed: bool = False) -> str:
        """Rows of the table under `alias` that are those of `staged`; `renewed`: once they are rewritten."""
        pairs = zip(self.key, self.staged_key(renewed=renewed), strict=True)
        return " AND ".join(f"{alias}.{quote(column)} = {staged}.{kept}" for column, kept in pairs)

    def staged_key(self, *, renewed: bool = False) -> list[str]:
        """Columns of the staged rows that hold the key: as it was, or as it is once the rows are rewritten."""
        return [
            f"n{self.drawn.index(column)}" if renewed and column in self.drawn else f"k{number}"
            for number, column in enumerate(self.key)
        ]

    def typed_key(self, words: Words) -> list[str]:
        """Those columns as they are created."""
        columns, rowid = self.relation.columns, self.relation.rowid
        types = [words.ord_type if name == rowid else words.type_of(columns[name]) for name in self.key]
        return [f"{kept} {kind}" for kept, kind in zip(self.staged_key(), types, strict=True)]

    def by_join(self, words: Words, alias: str, parent: str) -> str:
        """Rows of the table under `alias` that hang on those of its parent."""
        cells = {own: (f"{alias}.{quote(own)}", f"{parent}.{quote(theirs)}") for own, theirs in self.join.items()}
        found = [" = ".join(each) for each in cells.values()]
        return " AND ".join([*found, *(words.same_text(*cells[own]) for own in self.names)])


def levels_of(words: Words, rules: Rules, catalog: Catalog) -> list[list[Level]]:
    """For each mapped table the levels from the root down to it, the shallow first. KeyError: not in the schema."""
    made = {name: _level(words, rules, catalog, number, name) for number, name in enumerate(rules.tables)}
    return sorted(([made[each] for each in rules.lineage(name)] for name in rules.tables), key=len)


def _level(words: Words, rules: Rules, catalog: Catalog, number: int, name: str) -> Level:
    table, schema = rules.tables[name], rules.store.schema_name
    relation = catalog.relations[schema, name]
    join = resolve_join(rules, catalog, name) if table.parent else None
    key = identity_of(table, relation)
    staged = words.temporary(schema, f"lapse_stage_{number}")
    drawn = [column for column in key if column in table.mask]
    found = words.temporary(schema, f"lapse_found_{number}") if table.shared else ""
    carries = any(rules.tables[each].since for each in rules.below(name) - {name})
    return Level(name, table, relation, join or {}, key, staged, drawn, _names(rules, catalog, name), found, carries)


def _names(rules: Rules, catalog: Catalog, name: str) -> Collection[str]:
    """Where anna and Anna can both be customers, a join over the id has to tell them apart as the root does."""
    root = catalog.relations[rules.store.schema_name, rules.root]
    if rules.customer.type != "text" or rules.customer.lookup or root.is_unique([rules.customer_column]):
        return ()
    names: Collection[str] = {rules.customer_column}
    for each in rules.lineage(name)[1:]:
        names = [own for own, theirs in (resolve_join(rules, catalog, each) or {}).items() if theirs in names]
    return names if rules.tables[name].parent else ()
