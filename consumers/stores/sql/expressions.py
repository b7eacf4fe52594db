"""One SQL expression per strategy; random values are made in the database, one per row. The table is in strategies."""

from collections.abc import Callable, Mapping
from typing import Any

from consumers.stores.rules.custom_strategies import Cell, CustomStrategy, Expression
from consumers.stores.rules.strategies import (
    PHONE_DIGITS,
    TOKEN,
    AnyStrategy,
    Bucket,
    Empty,
    Hash,
    JsonPaths,
    PartialMask,
    Redact,
    SetNull,
    Static,
    Template,
    Truncate,
    UniqueEmail,
    UniquePhone,
    UniqueToken,
    Zeros,
)
from consumers.stores.sql.catalog import Column
from consumers.stores.sql.custom import new_value
from consumers.stores.sql.documents import bound, remade
from consumers.stores.sql.names import quote

# inside brackets, ASCII that is neither letter nor digit: what [:alnum:] and [:cntrl:] mean depends on the locale
SIGNS = r"\x01-/:-@[-`{-\x7f"
_HEXADECIMAL = "replace(CAST(gen_random_uuid() AS text), '-', '')"


def rewritten(strategy: AnyStrategy, column: Column, alias: str, parameter: str) -> Expression:
    """The new value of `alias.column`, of the column's own type. `parameter` is a free name for a bound value."""
    cell = f"{alias}.{quote(column.name)}"
    if not isinstance(strategy, CustomStrategy):
        return _BUILDERS[strategy.kind](strategy, column, cell, parameter)
    new = new_value(strategy, cell_of(column, cell), cell, parameter)
    return new._replace(sql=f"CAST({new.sql} AS {column.type})")


def cell_of(column: Column, cell: str) -> Cell:
    """The cell as a strategy of somebody else is told of it."""
    return Cell(f"CAST({cell} AS text)" if column.is_text else cell, column.family, "postgresql")


def fresh_uuid(column: Column) -> str:
    """A random UUID as this column's type."""
    return f"CAST(gen_random_uuid() AS {column.type})"


def static_text(value: object) -> str:
    """A static value as PostgreSQL's input functions read it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def static_value(column: Column, parameter: str) -> str:
    """A bound static value as this column's type."""
    # text first: a cast from text runs the type's input function and never cuts silently, as a cast to varchar(n) does
    return f"CAST(CAST({{{{{parameter}}}}} AS text) AS {column.type})"


def zero(column: Column) -> str:
    """The zero of a number's or date's type."""
    written = "'1970-01-01 00:00:00+00'" if column.is_date else "0"
    return f"CAST({written} AS {column.type})"


def to_start(strategy: Truncate, column: Column, cell: str) -> str:
    """The first instant of the cell's year, month or day."""
    return f"CAST(date_trunc('{strategy.to}', {cell}) AS {column.type})"


def to_bucket(strategy: Bucket, column: Column, cell: str) -> str:
    """The multiple of the size at or below the cell, exactly, below 0 too."""
    number, size = f"CAST({cell} AS numeric)", strategy.size
    return f"CAST({number} - mod(mod({number}, {size}) + {size}, {size}) AS {column.type})"


def from_template(column: Column, token: str, parameter: str) -> str:
    """A bound template with the token in its place, as this column's type."""
    return f"CAST(replace(CAST({{{{{parameter}}}}} AS text), '{TOKEN}', {token}) AS {column.type})"


def part_masked(strategy: PartialMask, cell: str) -> str:
    """X for all but the last letters of the cell, as text; for each letter where there are no more than those."""
    text, kept = f"CAST({cell} AS text)", strategy.characters
    hidden = f"repeat('X', char_length({text}) - {kept}) || right({text}, {kept})"
    return f"CASE WHEN char_length({text}) > {kept} THEN {hidden} ELSE repeat('X', char_length({text})) END"


def _unless_null(cell: str, value: str) -> str:
    return f"CASE WHEN {cell} IS NOT NULL THEN {value} END"


def _set_null(_strategy: SetNull, _column: Column, _cell: str, _parameter: str) -> Expression:
    return Expression("NULL")


def _static(strategy: Static, column: Column, _cell: str, parameter: str) -> Expression:
    return Expression(static_value(column, parameter), {parameter: static_text(strategy.value)})


def _empty(_strategy: Empty, column: Column, cell: str, _parameter: str) -> Expression:
    return Expression(_unless_null(cell, f"CAST('' AS {column.type})"))


def _zeros(_strategy: Zeros, column: Column, cell: str, _parameter: str) -> Expression:
    if column.is_text:
        return Expression(f"CAST(repeat('0', char_length({cell})) AS {column.type})")
    return Expression(_unless_null(cell, zero(column)))


def _redact(_strategy: Redact, column: Column, cell: str, _parameter: str) -> Expression:
    return Expression(f"CAST(regexp_replace(CAST({cell} AS text), '[^{SIGNS}]', 'X', 'g') AS {column.type})")


def _unique_token(_strategy: UniqueToken, column: Column, cell: str, _parameter: str) -> Expression:
    return Expression(_unless_null(cell, fresh_uuid(column)))


def _unique_email(strategy: UniqueEmail, column: Column, cell: str, parameter: str) -> Expression:
    address = f"{_HEXADECIMAL} || '@' || CAST({{{{{parameter}}}}} AS text)"
    return Expression(_unless_null(cell, f"CAST({address} AS {column.type})"), {parameter: strategy.domain})


def _unique_phone(strategy: UniquePhone, column: Column, cell: str, _parameter: str) -> Expression:
    # the first 48 bits of a UUID are all random; what is left over of 10^12 in 2^48 favours no number noticeably
    drawn = f"CAST(CAST('x' || left({_HEXADECIMAL}, 12) AS bit(48)) AS bigint)"
    digits = f"lpad(CAST(mod({drawn}, {10**PHONE_DIGITS}) AS text), {PHONE_DIGITS}, '0')"
    return Expression(_unless_null(cell, f"CAST('{strategy.prefix}' || {digits} AS {column.type})"))


def _template(strategy: Template, column: Column, cell: str, parameter: str) -> Expression:
    return Expression(_unless_null(cell, from_template(column, _HEXADECIMAL, parameter)), {parameter: strategy.text})


def _truncate(strategy: Truncate, column: Column, cell: str, _parameter: str) -> Expression:
    if strategy.to is not None:
        return Expression(to_start(strategy, column, cell))
    return Expression(f"CAST(left(CAST({cell} AS text), {strategy.characters}) AS {column.type})")


def _bucket(strategy: Bucket, column: Column, cell: str, _parameter: str) -> Expression:
    return Expression(to_bucket(strategy, column, cell))


def _json(strategy: JsonPaths, column: Column, cell: str, parameter: str) -> Expression:
    return Expression(f"CAST({remade(strategy, cell, parameter)} AS {column.type})", bound(strategy, parameter))


def _hash(_strategy: Hash, column: Column, cell: str, _parameter: str) -> Expression:
    return Expression(f"CAST(encode(sha256(convert_to(CAST({cell} AS text), 'UTF8')), 'hex') AS {column.type})")


def _partial_mask(strategy: PartialMask, column: Column, cell: str, _parameter: str) -> Expression:
    return Expression(f"CAST({part_masked(strategy, cell)} AS {column.type})")


_BUILDERS: Mapping[str, Callable[[Any, Column, str, str], Expression]] = {
    "set_null": _set_null,
    "static": _static,
    "empty": _empty,
    "zeros": _zeros,
    "redact": _redact,
    "unique_token": _unique_token,
    "unique_email": _unique_email,
    "unique_phone": _unique_phone,
    "template": _template,
    "truncate": _truncate,
    "bucket": _bucket,
    "json": _json,
    "hash": _hash,
    "partial_mask": _partial_mask,
}
