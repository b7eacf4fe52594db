"""Columns that stay because rows are found by them: they still tell which rows belong together, or whose they were."""

from collections.abc import Iterator
from typing import NamedTuple

from consumers.stores.rules.model import Lookup, Rules


class Link(NamedTuple):
    """One column that is kept. `column` is None where the rules leave it to a foreign key of the schema."""

    table: str
    column: str | None
    role: str


def links(rules: Rules, table: str) -> list[Link]:
    """The links a table keeps, one for each role a column has. What is masked or deleted links nothing."""
    if rules.tables[table].deletes:
        return []
    masked = rules.tables[table].mask
    return [link for link in _links(rules, table) if link.column is None or link.column not in masked]


def lookup_links(rules: Rules) -> list[Link]:
    """The links of a table that customers are looked up in and that is not mapped."""
    lookup = rules.customer.lookup
    if lookup is None or lookup.table in rules.tables:
        return []
    return [Link(lookup.table, lookup.match, "customer id"), *_looked_up(rules, lookup, lookup.table)]


def _looked_up(rules: Rules, lookup: Lookup, name: str) -> Iterator[Link]:
    for own, theirs in lookup.gives.items():
        if name == lookup.table:
            yield Link(name, theirs, f"leads to {rules.root}")
        if name == rules.root:
            yield Link(name, own, f"{lookup.table} leads to it")


def _links(rules: Rules, name: str) -> Iterator[Link]:
    table = rules.tables[name]
    if name == rules.customer_table:
        yield Link(name, rules.customer_column, "customer id")
    if lookup := rules.customer.lookup:
        yield from _looked_up(rules, lookup, name)
    yield from (Link(name, column, "key") for column in table.key)
    if table.parent is not None:
        columns = table.join or (None,)
        role = f"{table.parent} refers to it" if table.shared else f"refers to {table.parent}"
        yield from (Link(name, column, role) for column in columns)
    for child, its in rules.children(name).items():
        role = f"refers to {child}" if its.shared else f"{child} refers to it"
        yield from (Link(name, column, role) for column in (its.join or {}).values())
