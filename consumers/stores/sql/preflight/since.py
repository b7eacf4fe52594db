"""Rows that are left alone for being newer than a command: told by a time, and found again by the next one."""

from collections.abc import Iterable, Iterator, Mapping

from consumers.domain.work import Finding
from consumers.stores.sql.links import resolve_join
from consumers.stores.sql.names import listed
from consumers.stores.sql.preflight.subject import Subject, subjects

_AS_ONE = "a row that is left alone and one that is masked may lead to the same rows: {} of {} is not unique."


def since_findings(subject: Subject) -> Iterator[Finding]:
    """What stands in the way of leaving newer rows of this table alone, or rows that hang on such."""
    if subject.table.since is not None:
        yield from _column(subject, subject.table.since)
        yield from _chain(subject)
    elif not subject.is_root and not subject.table.shared:  # a shared row stays for who is left alone
        yield from _led_to_by_several(subject)


def _column(subject: Subject, name: str) -> Iterator[Finding]:
    column, place = subject.relation.columns.get(name), f"{subject.place}.since"
    if column is None:
        yield Finding("unknown_column", place, f"no column {name}.", "correct the name, or take it out.")
    elif not subject.dialect.tells_time(column):
        message = f"the column {name} is {column.base}, which tells no time."
        yield Finding("since_type", place, message, "name a column that says when a row was made, of a date's type.")


def _chain(subject: Subject) -> Iterator[Finding]:
    """What is masked on the way down to the table: the next command could not come along there again."""
    on_the_way = {each.name: each for each in subjects(subject.rules, subject.catalog, subject.dialect)}
    message = f"it leads to rows of {subject.name}, and those that are left alone would not be found again."
    for table, columns in _way(subject).items():
        above = on_the_way.get(table)
        if above is None:
            continue
        for column in sorted(set(columns) & (above.changed | above.computed.keys())):
            repair = f"keep it with a reason, or take {subject.place}.since out."
            yield Finding("since", above.written(column), message, repair)
        if above.table.deletes:
            repair = f"mask its columns, or take {subject.place}.since out."
            yield Finding("since", f"{above.place}.rows", message, repair)


def _way(subject: Subject) -> Mapping[str, list[str]]:
    """Columns by which rows of the table are found, by table: all but its own, which are as they were in such a row."""
    rules, found = subject.rules, dict[str, list[str]]()
    if subject.is_root:
        return found
    found[rules.root] = list(rules.customer_columns)
    if lookup := rules.customer.lookup:
        found[lookup.table] = [lookup.match, *lookup.gives.values()]
    for name in rules.lineage(subject.name)[1:]:
        join, parent = resolve_join(rules, subject.catalog, name) or {}, rules.tables[name].parent or ""
        found.setdefault(parent, []).extend(join.values())
        if name != subject.name:
            found.setdefault(name, []).extend(join)
    return found


def _led_to_by_several(subject: Subject) -> Iterator[Finding]:
    """A row that hangs on two rows, one of which is left alone: nobody could say what becomes of it."""
    rules = subject.rules
    above = [each for each in rules.lineage(subject.name)[:-1] if rules.tables[each].since]
    join = resolve_join(rules, subject.catalog, subject.name)
    if above and join and not _of_one_row(subject, subject.table.parent or "", above[-1], join.values()):
        message = _AS_ONE.format(listed(join.values()), subject.table.parent)
        repair = f"write since for {subject.name}, or join over a unique key."
        yield Finding("since", f"{subject.place}.join", message, repair)


def _of_one_row(subject: Subject, table: str, top: str, columns: Iterable[str]) -> bool:
    """Whether rows of `table` that agree in `columns` are, or hang on, one row of `top`, which is above it."""
    given = set(columns)
    relation = subject.catalog.relations.get((subject.rules.store.schema_name, table))
    if relation is None or relation.is_unique(given):
        return True
    if table == top:
        return False
    join = resolve_join(subject.rules, subject.catalog, table) or {}
    carried = {theirs for own, theirs in join.items() if own in given}
    return _of_one_row(subject, subject.rules.tables[table].parent or "", top, carried)
