"""How a child table hangs on its parent, and whether a joined row can belong to one customer only."""

from collections.abc import Callable, Iterable, Mapping

from consumers.stores.rules.model import Rules
from consumers.stores.sql.catalog import Catalog, ForeignKey
from consumers.stores.sql.names import quote


def foreign_keys_between(rules: Rules, catalog: Catalog, child: str) -> list[ForeignKey]:
    """Foreign keys from this table to its parent."""
    schema, parent = rules.store.schema_name, rules.tables[child].parent
    return [
        key for key in catalog.foreign_keys if key.table == (schema, child) and key.target == (schema, parent or "")
    ]


def resolve_join(rules: Rules, catalog: Catalog, child: str) -> Mapping[str, str] | None:
    """Child column: parent column, as written or as the only foreign key says; None where neither says it."""
    written = rules.tables[child].join
    if written is not None:
        return written
    keys = foreign_keys_between(rules, catalog, child)
    if len(keys) != 1:
        return None
    return dict(zip(keys[0].columns, keys[0].target_columns, strict=True))


def looked_up(
    rules: Rules, catalog: Catalog, joining: str, is_customer: Callable[[str], str], root: str
) -> tuple[str, str]:
    """What leads from a customer id to his root rows: a join of the lookup table as l, and the condition.

    `is_customer`: the condition over the column of the customer id, by its alias; `root`: the root's alias. Without a
    lookup the root table is asked directly, and there is no join.
    """
    lookup = rules.customer.lookup
    if lookup is None:
        return "", is_customer(root)
    relation = catalog.relations[rules.store.schema_name, lookup.table]
    given = " AND ".join(f"{root}.{quote(own)} = l.{quote(theirs)}" for own, theirs in lookup.gives.items())
    return f" {joining} {relation.sql} AS l ON {is_customer('l')}", given


def with_joins(rules: Rules, catalog: Catalog) -> Rules:
    """The rules with every join written out that the file leaves to a foreign key."""
    tables = {
        name: table.model_copy(update={"join": resolve_join(rules, catalog, name)}) if table.parent else table
        for name, table in rules.tables.items()
    }
    return rules.model_copy(update={"tables": tables})


def belongs_to_one_customer(rules: Rules, catalog: Catalog, table: str, columns: Iterable[str]) -> bool:
    """Whether rows of `table` that agree in `columns` are all of one customer.

    So a child joined over these columns cannot be shared by two. True for a unique key, for the customer id, and for
    columns that carry such a key down from a parent.
    """
    given = set(columns)
    relation = catalog.relations.get((rules.store.schema_name, table))
    if relation is not None and relation.is_unique(given):
        return True
    parent = rules.tables[table].parent
    if parent is None:
        return set(rules.customer_columns) <= given
    join = resolve_join(rules, catalog, table) or {}
    carried = {theirs for own, theirs in join.items() if own in given}
    return bool(carried) and belongs_to_one_customer(rules, catalog, parent, carried)
