"""Where the customer id stands, and that it leads to rows of nobody else."""

from collections.abc import Iterator

from consumers.domain.work import Finding
from consumers.stores.rules.model import Lookup, Rules
from consumers.stores.sql.catalog import Catalog, Column, Relation
from consumers.stores.sql.dialect import Dialect
from consumers.stores.sql.names import listed
from consumers.stores.sql.preflight.links import serves
from consumers.stores.sql.preflight.subject import lacking

BASES = {
    "text": {"text", "varchar", "bpchar"},
    "integer": {"int2", "int3", "int4", "int8", "uint2", "uint3", "uint4", "uint8", "numeric"},
    "uuid": {"uuid"},
}


def customer_findings(rules: Rules, catalog: Catalog, dialect: Dialect) -> Iterator[Finding]:
    """Whether the column of the customer id is there and fits; of a lookup, all that leads from it to the root."""
    relation = catalog.relations.get((rules.store.schema_name, rules.customer_table))
    lookup = rules.customer.lookup
    if lookup is not None:
        root = catalog.relations.get((rules.store.schema_name, rules.root))
        yield from _looked_up(rules, lookup, relation, root, dialect)
    elif relation is not None and relation.is_table:
        yield from _column(rules, relation, "customer.column")


def _column(rules: Rules, relation: Relation, place: str) -> Iterator[Finding]:
    kind, name = rules.customer.type, rules.customer_column
    column = relation.columns.get(name)
    if column is None:
        repair = f"name the column of {relation.name} that holds the customer id."
        yield Finding("missing_customer_column", place, f"no column {name}.", repair)
    elif column.base not in BASES[kind]:
        message = f"the column {name} is {column.base}, not {kind}."
        yield Finding("customer_type", "customer.type", message, "write the type the column has.")


def _looked_up(
    rules: Rules, lookup: Lookup, relation: Relation | None, root: Relation | None, dialect: Dialect
) -> Iterator[Finding]:
    place = "customer.lookup"
    if relation is None or not relation.is_table:
        message = f"no table {rules.store.schema_name}.{lookup.table}."
        yield Finding("unknown_table", f"{place}.table", message, "name the table the customer id stands in.")
        return
    if relation.row_security:
        repair = "ALTER ROLE NAME BYPASSRLS; with the role of store.url."
        yield Finding("row_security", f"{place}.table", "row security would hide rows from Lapse.", repair)
    yield from _column(rules, relation, f"{place}.match")
    yield from _given(lookup, relation, root)
    if lookup.match in relation.columns and not any(serves(each, [lookup.match]) for each in relation.indexes):
        ddl = dialect.ddl.lookup_index(relation, [lookup.match])
        message = f"no index over {lookup.match} of {relation.name}: every batch would read the whole table."
        yield lacking("missing_index", f"{place}.match", message, ddl)
    given = list(lookup.gives.values())
    if set(given) <= set(relation.columns) and not relation.is_unique(given):
        message = f"rows may belong to several customers: {listed(given)} of {relation.name} is not unique."
        repair = f"add a unique constraint over {listed(given)} to {relation.sql}: one customer for each."
        yield Finding("shared_rows", f"{place}.gives", message, repair)


def _given(lookup: Lookup, relation: Relation, root: Relation | None) -> Iterator[Finding]:
    for own, theirs in lookup.gives.items():
        place = f"customer.lookup.gives.{own}"
        target, column = root.columns.get(own) if root else None, relation.columns.get(theirs)
        if column is None:
            yield Finding("unknown_column", place, f"no column {theirs} in {lookup.table}.", "correct the name.")
        elif root is not None and target is None:
            yield Finding("unknown_column", place, f"no column {own} in {root.name}.", "correct the name.")
        elif target is not None and _kind(target) != _kind(column):
            message = f"{theirs} of {lookup.table} is {column.base}, {own} is {target.base}."
            yield Finding("lookup_type", place, message, "name columns of one type.")


def _kind(column: Column) -> str:
    """Types that compare with each other."""
    return "text" if column.is_text else "number" if column.base in BASES["integer"] else column.base
