"""How rows are found: joins that are clear, belong to one customer, and are served by an index."""

from collections.abc import Iterable, Iterator

from consumers.domain.work import Finding
from consumers.stores.sql.catalog import Index
from consumers.stores.sql.links import belongs_to_one_customer, resolve_join
from consumers.stores.sql.names import listed
from consumers.stores.sql.preflight.subject import Subject, lacking

_METHODS = {"btree", "hash"}


def link_findings(subject: Subject) -> Iterator[Finding]:
    """What stands in the way of finding this table's rows."""
    if subject.is_root:
        yield from _index(subject, [subject.rules.customer_column])
        return
    join = resolve_join(subject.rules, subject.catalog, subject.name)
    if join is None:
        message = f"not exactly one foreign key to {subject.table.parent} says how rows are joined."
        yield Finding("join", subject.place, message, "write join: {child column: parent column}.")
        return
    yield from _shared(subject, join.values())
    yield from _index(subject, list(join))


def _shared(subject: Subject, parent_columns: Iterable[str]) -> Iterator[Finding]:
    parent = subject.table.parent or ""
    if not belongs_to_one_customer(subject.rules, subject.catalog, parent, parent_columns):
        message = f"rows may belong to several customers: {listed(parent_columns)} of {parent} is not unique."
        repair = "join over a unique key or the customer id; shared rows are not available yet."
        yield Finding("shared_rows", f"{subject.place}.join", message, repair)


def _index(subject: Subject, columns: list[str]) -> Iterator[Finding]:
    if subject.table.index is not None or not set(columns) <= set(subject.relation.columns):
        return
    if not any(_serves(index, columns) for index in subject.relation.indexes):
        ddl = subject.dialect.ddl.lookup_index(subject.relation, columns)
        message = f"no index over {listed(columns)}: every batch would read the whole table."
        yield lacking("missing_index", subject.place, message, ddl, " or index: {accept_scan: REASON}")


def _serves(index: Index, columns: list[str]) -> bool:
    leading = index.columns[: len(columns)]
    return index.plain and index.method in _METHODS and set(leading) == set(columns)
