"""Whether a new value can violate what the table promises: unique, check, foreign key; and what triggers would do."""

from collections.abc import Iterator

from consumers.domain.work import Finding
from consumers.stores.rules.strategies import UNIQUE
from consumers.stores.sql.catalog import Check, Index, Trigger
from consumers.stores.sql.preflight.accepted import acceptable
from consumers.stores.sql.preflight.subject import Subject


def constraint_findings(subject: Subject) -> Iterator[Finding]:
    """Constraints and triggers that masking this table would meet."""
    yield from _unique(subject)
    yield from _checks(subject)
    yield from _partitions(subject)
    yield from _foreign_keys(subject)
    yield from _triggers(subject)


def _unique(subject: Subject) -> Iterator[Finding]:
    written = {*subject.table.mask, *subject.computed}
    for index in subject.relation.indexes:
        masked = sorted(index.touched & written)
        if index.unique and masked and not _stays_unique(subject, index):
            message = f"rows would become equal in the unique index {_named(index)}."
            ddl = subject.dialect.ddl.replaced(
                subject.relation, subject.table.token, index, subject.catalog.foreign_keys
            )
            for column in masked:
                repair = ddl or _unique_repair(subject, masked, index)
                found = Finding("unique", subject.written(column), message, repair, ddl)
                yield acceptable(subject, found) if _may_stay_unique(subject, index, masked) else found


def _named(part: Index | Check | Trigger) -> str:
    return f"{part.name} of the partition {'.'.join(part.partition)}" if part.partition else part.name


def _unique_repair(subject: Subject, masked: list[str], index: Index) -> str:
    if not {*masked} <= {*subject.table.mask}:
        return f"keep what {', '.join(masked)} is computed from with a reason, or drop the index {index.name}."
    columns = ", ".join(masked)
    token = subject.table.token.column if subject.table.token else "anonymization_token"
    return (
        f"use one of {', '.join(UNIQUE)}, or replace the index by one that includes a token: "
        f"token: {{column: {token}, unique_with: [{columns}]}}"
    )


def _stays_unique(subject: Subject, index: Index) -> bool:
    mask, token = subject.table.mask, subject.table.token
    plain = [column for column in index.columns if column]
    kept = set(plain) - subject.changed - subject.computed.keys()
    if subject.relation.is_unique(kept):
        return True  # another key already tells the rows apart
    if token is not None and token.column in plain:
        return True
    return any(
        mask[column].declared.unique or (mask[column].kind == "set_null" and not index.nulls_equal)
        for column in plain
        if column in mask
    )


def _may_stay_unique(subject: Subject, index: Index, masked: list[str]) -> bool:
    """Whether nothing proves that it does not: not every row is in it, or an expression of a value that differs is."""
    mask = subject.table.mask
    strategies = [mask[column] for column in masked if column in mask]
    differs = any(each.declared.unique or each.kind == "set_null" for each in strategies)
    return index.partial or (not index.plain and differs)


def _checks(subject: Subject) -> Iterator[Finding]:
    if subject.table.deletes:
        return
    for check in subject.relation.checks:
        for column in sorted(check.columns & (subject.changed | subject.computed.keys())):
            ddl = subject.dialect.ddl.without_check(subject.relation, check)
            message = f"whether the new value meets the constraint {_named(check)} cannot be proven."
            found = Finding("check_constraint", subject.written(column), message, f"keep the column, or {ddl}")
            yield acceptable(subject, found)


def _partitions(subject: Subject) -> Iterator[Finding]:
    written = subject.changed | subject.computed.keys()
    for column in sorted(subject.relation.placed_by & written if not subject.table.deletes else ()):
        message = f"rows are placed by {column}, and for the new value there may be no partition."
        repair = "keep the column with a reason, or add a partition that takes what no other does (DEFAULT, MAXVALUE)."
        yield Finding("partition", subject.written(column), message, repair)


def _foreign_keys(subject: Subject) -> Iterator[Finding]:
    for key in subject.catalog.foreign_keys:
        broken = set()
        if key.target == subject.id:
            broken |= set(key.target_columns) & {*subject.table.mask, *subject.computed}
        if key.table == subject.id:
            broken |= {column for column in key.columns if _leaves_dangling(subject, column)}
            broken |= set(key.columns) & subject.computed.keys()
        for column in sorted(broken):
            repair = f"keep the column with a reason, or drop the foreign key {key.name}."
            message = f"the new value would break the foreign key {key.name}."
            yield Finding("foreign_key", subject.written(column), message, repair)
    if subject.table.deletes:
        yield from _deleted_targets(subject)


def _leaves_dangling(subject: Subject, column: str) -> bool:
    strategy = subject.table.mask.get(column)
    return strategy is not None and strategy.kind != "set_null"


def _deleted_targets(subject: Subject) -> Iterator[Finding]:
    for key in subject.catalog.foreign_keys:
        referrer = subject.rules.tables.get(key.table[1]) if key.table[0] == subject.relation.schema else None
        deleted_before = referrer is not None and referrer.deletes and referrer.parent == subject.name
        if key.target == subject.id and not deleted_before:
            table = ".".join(key.table)
            message = f"{table} refers to these rows (foreign key {key.name}), so they cannot be deleted."
            yield Finding("foreign_key", f"{subject.place}.rows", message, f"map {table} below it with rows: delete.")


def _triggers(subject: Subject) -> Iterator[Finding]:
    for trigger in subject.relation.triggers:
        if trigger.on_delete if subject.table.deletes else trigger.on_update:
            message = f"{_named(trigger)} would run with every change Lapse makes."
            repair = subject.dialect.ddl.without_trigger(subject.relation, trigger)
            found = Finding("trigger", subject.place, message, repair)
            # one that runs before decides what is written, and a rule puts another statement in its place
            yield acceptable(subject, found) if trigger.after and not trigger.is_rule else found
