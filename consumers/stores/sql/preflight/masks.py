"""Whether a new value fits its column: NULL, type, length, members of an enum, generated columns."""

import datetime as dt
import re
import uuid
from collections.abc import Iterator

from consumers.domain.work import Finding
from consumers.stores.rules.strategies import (
    DECLARED,
    EMAIL_OVERHEAD,
    HASH_LENGTH,
    PHONE_DIGITS,
    UUID_LENGTH,
    AnyStrategy,
    Bucket,
    Static,
    Template,
    Truncate,
    UniqueEmail,
    UniquePhone,
)
from consumers.stores.sql.catalog import Column
from consumers.stores.sql.expressions import static_text
from consumers.stores.sql.preflight.subject import Subject

_BITS = {"int1": 8, "int2": 16, "int3": 24, "int4": 32, "int8": 64}
_INTEGERS = {name: range(-(2 ** (bits - 1)), 2 ** (bits - 1)) for name, bits in _BITS.items()}
_INTEGERS |= {f"u{name}": range(2**bits) for name, bits in _BITS.items()}
_NUMBERS = {*_INTEGERS, "numeric", "float4", "float8"}
_FAMILIES = {
    **dict.fromkeys(_INTEGERS, "whole"),
    "numeric": "numeric",
    "float4": "float",
    "float8": "float",
    "bool": "boolean",
    "uuid": "uuid",
    "json": "json",
    "jsonb": "json",
}


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
    elif strategy.kind == "set_null" and column.not_null:
        ddl = subject.dialect.ddl.nullable(subject.relation, column)
        yield Finding("not_null", place, "the column cannot be NULL.", ddl)
    elif not _type_fits(strategy, column) or subject.dialect.unfit(strategy.kind, column):
        code = "enum_member" if _foreign_member(strategy, column) else "type_mismatch"
        message = f"{strategy.kind} does not work on {column.base}."
        yield Finding(code, place, message, "choose another strategy, or a value of the column's type.")
    elif column.length is not None and longest(strategy) > column.length:
        message = f"{longest(strategy)} letters do not fit {column.length}."
        yield Finding("too_long", place, message, _longer(subject, column, strategy))


def _computed(subject: Subject) -> Iterator[Finding]:
    """What the database computes from new values has to fit too, as far as it can be foreseen."""
    for name, sources in subject.computed.items():
        column = subject.relation.columns[name]
        masked = {source: strategy for source, strategy in subject.table.mask.items() if source in sources}
        longer = column.length is not None and sum(map(longest, masked.values())) > column.length
        for source, strategy in masked.items():
            emptied = column.not_null and strategy.kind == "set_null"
            if emptied or (longer and longest(strategy)):
                how = "is NOT NULL" if emptied else f"may be too short with its {column.length} letters"
                message = f"the database computes {name} from it, which {how}."
                repair = f"keep it with a reason, or change {name}: text of any length, that may be NULL."
                yield Finding("generated_column", f"{subject.place}.mask.{source}", message, repair)


def _longer(subject: Subject, column: Column, strategy: AnyStrategy) -> str:
    if isinstance(strategy, Static | Bucket):
        return "write a shorter value."
    return subject.dialect.ddl.widened(subject.relation, column, longest(strategy))


def _foreign_member(strategy: AnyStrategy, column: Column) -> bool:
    return isinstance(strategy, Static) and column.category == "E"


def family_of(column: Column) -> str:
    """What strategies call the column's type."""
    if column.is_text or column.is_date:
        return "text" if column.is_text else "date"
    if column.category == "E":
        return "enum"
    return _FAMILIES.get(column.base, "other")


def _type_fits(strategy: AnyStrategy, column: Column) -> bool:
    if family_of(column) not in DECLARED[strategy.kind].types:
        return False
    if isinstance(strategy, Static):
        return _static_fits(strategy.value, column)
    if isinstance(strategy, Truncate):
        return column.is_date if strategy.to else column.is_text
    return not isinstance(strategy, Bucket) or column.base == "numeric" or strategy.size in _INTEGERS[column.base]


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
    whole = _INTEGERS.get(base)
    return whole is None or (isinstance(value, int) and value in whole)


def _is_uuid(value: object) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"[0-9a-fA-F-]{32,36}", value)) and _parses(value)


def _parses(value: str) -> bool:
    try:
        uuid.UUID(value)
    except ValueError:
        return False
    return True


def longest(strategy: AnyStrategy) -> int:
    """Letters of what the strategy makes, digits of a number; 0 where it is never longer than what was there."""
    if isinstance(strategy, Static):
        value = strategy.value
        return len(str(abs(int(value)))) if isinstance(value, int | float) else len(static_text(value))
    if isinstance(strategy, UniqueEmail):
        return EMAIL_OVERHEAD + len(strategy.domain)
    if isinstance(strategy, UniquePhone):
        return len(strategy.prefix) + PHONE_DIGITS
    if isinstance(strategy, Template):
        return strategy.length
    if isinstance(strategy, Bucket):
        return len(str(strategy.size))
    return {"unique_token": UUID_LENGTH, "hash": HASH_LENGTH}.get(strategy.kind, 0)
