"""How rows are found: joins that are clear, belong to one customer, and are served by an index."""

from collections.abc import Iterator, Mapping

from consumers.domain.work import Finding
from consumers.stores.sql.catalog import Index
from consumers.stores.sql.links import belongs_to_one_customer, resolve_join
from consumers.stores.sql.names import listed, qualified, quote
from consumers.stores.sql.preflight.subject import Subject, lacking
from consumers.stores.sql.sharing import Reference, references

_METHODS = {"btree", "hash"}


def link_findings(subject: Subject) -> Iterator[Finding]:
    """What stands in the way of finding this table's rows."""
    if subject.is_root:
        yield from _index(subject, list(subject.rules.customer_columns))
        return
    join = resolve_join(subject.rules, subject.catalog, subject.name)
    if join is None:
        message = f"not exactly one foreign key to {subject.table.parent} says how rows are joined."
        yield Finding("join", subject.place, message, "write join: {child column: parent column}.")
        return
    yield from _index(subject, list(join))
    if subject.table.shared:
        yield from _references(subject)
    else:
        yield from _belongs_to_several(subject, join)


def _belongs_to_several(subject: Subject, join: Mapping[str, str]) -> Iterator[Finding]:
    parent, place = subject.table.parent or "", f"{subject.place}.join"
    repair = "write shared: keep or shared: refuse, or join over a unique key or the customer id."
    first, *others = references(subject.rules, subject.catalog, subject.name)
    if not belongs_to_one_customer(subject.rules, subject.catalog, parent, join.values()):
        message = f"rows may belong to several customers: {listed(join.values())} of {parent} is not unique."
        yield Finding("shared_rows", place, message, repair)
    elif first.key is not None and others:
        # the parent refers to them, and nothing in them says whose they are
        message = f"rows may belong to several customers: {'.'.join(others[0].table)} refers to them too."
        yield Finding("shared_rows", place, message, repair)


def _references(subject: Subject) -> Iterator[Finding]:
    """What must be known of who refers to shared rows, and keep him from doing so unseen."""
    for each in references(subject.rules, subject.catalog, subject.name):
        table, columns = qualified(*each.table), listed(each.columns)
        if each.key is None:
            message = f"no foreign key from {columns} of {table}, so a reference could be made while a row is changed."
            target = f"{subject.relation.sql} ({listed(each.columns.values())})"
            repair = f"ALTER TABLE {table} ADD FOREIGN KEY ({columns}) REFERENCES {target};"
            yield Finding("shared_reference", f"{subject.place}.shared", message, repair)
        elif each.key.deferrable:
            message = f"the foreign key {each.key.name} may be checked late, after a row was changed."
            repair = f"ALTER TABLE {table} ALTER CONSTRAINT {quote(each.key.name)} NOT DEFERRABLE;"
            yield Finding("shared_reference", f"{subject.place}.shared", message, repair)
        yield from _index_of_reference(subject, each)


def _index_of_reference(subject: Subject, reference: Reference) -> Iterator[Finding]:
    relation = subject.catalog.relations.get(reference.table)
    if relation is not None:
        yield from _index(subject._replace(relation=relation), list(reference.columns))


def _index(subject: Subject, columns: list[str]) -> Iterator[Finding]:
    if subject.table.index is not None or not set(columns) <= set(subject.relation.columns):
        return
    if not any(serves(index, columns) for index in subject.relation.indexes):
        ddl = subject.dialect.ddl.lookup_index(subject.relation, columns)
        message = f"no index over {listed(columns)} of {subject.relation.name}: every batch would read the whole table."
        yield lacking("missing_index", subject.place, message, ddl, " or index: {accept_scan: REASON}")


def serves(index: Index, columns: list[str]) -> bool:
    """Whether rows are found by these columns without reading all of them."""
    leading = index.columns[: len(columns)]
    return index.plain and index.method in _METHODS and set(leading) == set(columns)
