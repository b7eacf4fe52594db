"""Whether a new value fits its column: NULL, type, length, members of an enum, generated columns."""

import datetime as dt
import re
import uuid
from collections.abc import Iterator

from consumers.domain.work import Finding
from consumers.stores.rules.custom_strategies import CustomStrategy
from consumers.stores.rules.strategies import AnyStrategy, Bucket, Static, Truncate, Zeros
from consumers.stores.sql.catalog import INTEGERS, Column
from consumers.stores.sql.preflight.subject import Subject

_NUMBERS = {*INTEGERS, "numeric", "float4", "float8"}


def mask_findings(subject: Subject) -> Iterator[Finding]:
    """Every masked column whose strategy cannot work on it."""
    for name, strategy in subject.table.mask.items():
        column = subject.relation.columns.get(name)
        if column is not None:
            place = f"{subject.place}.mask.{name}"
            yield from _one(subject, column, strategy, place)
    yield from _computed(subject)


def _one(subject: Subject, column: Column, strategy: AnyStrategy, place: str) -> Iterator[Finding]:
    if column.generated:
        yield Finding("generated_column", place, "the database computes this column.", "keep it with a reason.")
    elif column.checked:
        message = "the column's domain has a check that the new value may violate."
        yield Finding("check_constraint", place, message, "keep it with a reason, or use the type below the domain.")
    elif strategy.declared.may_be_null and column.not_null:
        ddl = subject.dialect.ddl.nullable(subject.relation, column)
        yield Finding("not_null", place, "the column cannot be NULL.", ddl)
    elif not _type_fits(subject, strategy, column):
        code = "enum_member" if _foreign_member(strategy, column) else "type_mismatch"
        message = f"{strategy.kind} does not work on {column.base}."
        yield Finding(code, place, message, "choose another strategy, or a value of the column's type.")
    elif (room := _room(strategy, column)) is not None and strategy.longest > room:
        message = f"{strategy.longest} letters do not fit {room}."
        yield Finding("too_long", place, message, _longer(subject, column, strategy))


def _computed(subject: Subject) -> Iterator[Finding]:
    """What the database computes from new values has to fit too, as far as it can be foreseen."""
    for name, sources in subject.computed.items():
        column = subject.relation.columns[name]
        masked = {source: strategy for source, strategy in subject.table.mask.items() if source in sources}
        longer = column.length is not None and sum(each.longest for each in masked.values()) > column.length
        for source, strategy in masked.items():
            emptied = column.not_null and strategy.declared.may_be_null
            if emptied or (longer and strategy.longest):
                how = "is NOT NULL" if emptied else f"may be too short with its {column.length} letters"
                message = f"the database computes {name} from it, which {how}."
                repair = f"keep it with a reason, or change {name}: text of any length, that may be NULL."
                yield Finding("generated_column", f"{subject.place}.mask.{source}", message, repair)


def _longer(subject: Subject, column: Column, strategy: AnyStrategy) -> str:
    if isinstance(strategy, Static | Bucket):
        return "write a shorter value."
    if column.family == "whole":
        return "choose another strategy, or a larger type of the column."
    return subject.dialect.ddl.widened(subject.relation, column, strategy.longest)


def _room(strategy: AnyStrategy, column: Column) -> int | None:
    """Letters or digits that always fit. Whether a number of ours fits a whole one, `_type_fits` knows to the unit."""
    if isinstance(strategy, CustomStrategy) and column.base in INTEGERS:
        return len(str(INTEGERS[column.base][-1])) - 1
    return column.length


def _foreign_member(strategy: AnyStrategy, column: Column) -> bool:
    return isinstance(strategy, Static) and column.category == "E"


def _type_fits(subject: Subject, strategy: AnyStrategy, column: Column) -> bool:
    backend = subject.rules.store.backend
    if column.family not in strategy.declared.types.get(backend, ()):
        return False
    if isinstance(strategy, Zeros) and backend == "mariadb" and column.base == "timestamptz":
        return False  # a TIMESTAMP cannot hold 1970-01-01, its first second being the next
    if isinstance(strategy, Static):
        return _static_fits(strategy.value, column)
    if isinstance(strategy, Truncate):
        return column.is_date if strategy.to else column.is_text
    return not isinstance(strategy, Bucket) or column.base == "numeric" or strategy.size in INTEGERS[column.base]


def _static_fits(value: object, column: Column) -> bool:
    if column.is_text:
        return isinstance(value, str) and "\0" not in value
    if column.category == "E":
        return value in column.labels
    if column.base == "bool":
        return isinstance(value, bool)
    if column.base in _NUMBERS:
        return _number_fits(value, column.base)
    if column.is_date:
        return isinstance(value, dt.date)
    return column.base == "uuid" and _is_uuid(value)


def _number_fits(value: object, base: str) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    whole = INTEGERS.get(base)
    return whole is None or (isinstance(value, int) and value in whole)


def _is_uuid(value: object) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"[0-9a-fA-F-]{32,36}", value)) and _parses(value)


def _parses(value: str) -> bool:
    try:
        uuid.UUID(value)
    except ValueError:
        return False
    return True
