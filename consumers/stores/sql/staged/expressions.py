"""One SQL expression per strategy, for databases without PostgreSQL's functions. The table is in strategies."""

from collections.abc import Callable, Mapping
from typing import Any

from consumers.stores.rules.custom_strategies import Cell, CustomStrategy, Expression
from consumers.stores.rules.strategies import (
    PHONE_DIGITS,
    TOKEN,
    AnyStrategy,
    Bucket,
    Hash,
    JsonPaths,
    PartialMask,
    Redact,
    Static,
    Template,
    Truncate,
    UniqueEmail,
    UniquePhone,
)
from consumers.stores.sql.catalog import Column
from consumers.stores.sql.custom import new_value
from consumers.stores.sql.staged.words import Words


def rewritten(words: Words, strategy: AnyStrategy, column: Column, cell: str, parameter: str) -> Expression:
    """The new value of a cell. `parameter` is a free name for a bound value."""
    if isinstance(strategy, CustomStrategy):
        return new_value(strategy, cell_of(words, column, cell), cell, parameter)
    return BUILDERS[strategy.kind](words, strategy, column, cell, parameter)


def cell_of(words: Words, column: Column, cell: str) -> Cell:
    """The cell as a strategy of somebody else is told of it."""
    return Cell(words.exact(cell) if column.is_text else cell, column.family, words.backend)


def fresh_uuid(words: Words) -> str:
    """A random UUID as text: version 4, variant 1."""
    variant = f"substr('89ab', 1 + ({_hexadecimal(words, 1)} > '7f') + 2 * ({_hexadecimal(words, 1)} > '7f'), 1)"
    groups = [
        _hexadecimal(words, 4),
        _hexadecimal(words, 2),
        f"'4' || substr({_hexadecimal(words, 2)}, 2)",
        f"{variant} || substr({_hexadecimal(words, 2)}, 2)",
        _hexadecimal(words, 6),
    ]
    joined = " || '-' || ".join(groups)
    return f"({joined})"


def to_bucket(words: Words, strategy: Bucket, cell: str) -> str:
    """The multiple of the size at or below the cell, exactly, below 0 too."""
    number, size = words.whole(cell), strategy.size
    return f"({number} - ((({number} % {size}) + {size}) % {size}))"


def from_template(token: str, parameter: str) -> str:
    """A bound template with the token in its place."""
    return f"replace({{{{{parameter}}}}}, '{TOKEN}', {token})"


def part_masked(words: Words, strategy: PartialMask, cell: str) -> str:
    """X for all but the last letters of the cell; for each letter where there are no more than those."""
    text, kept = words.text(cell), strategy.characters
    letters = words.letters(text)
    hidden = f"{_signs(words, f'{letters} - {kept}')} || substr({text}, -{kept})"
    return f"CASE WHEN {letters} > {kept} THEN {hidden} ELSE {_signs(words, letters)} END"


def _signs(words: Words, count: str) -> str:
    return f"replace({words.zeros(count)}, '0', 'X')"


def zero(column: Column) -> str:
    """The zero of a number's or date's type."""
    if column.base == "date":
        return "'1970-01-01'"
    return "'1970-01-01 00:00:00'" if column.is_date else "0"


def _hexadecimal(words: Words, size: int) -> str:
    return f"lower(hex({words.random(size)}))"


def _unless_null(cell: str, value: str) -> str:
    return f"CASE WHEN {cell} IS NOT NULL THEN {value} END"


def _set_null(_words: Words, _strategy: AnyStrategy, _column: Column, _cell: str, _parameter: str) -> Expression:
    return Expression("NULL")


def _static(words: Words, strategy: Static, column: Column, _cell: str, parameter: str) -> Expression:
    return Expression(f"{{{{{parameter}}}}}", {parameter: words.static(strategy.value, column)})


def _empty(_words: Words, _strategy: AnyStrategy, _column: Column, cell: str, _parameter: str) -> Expression:
    return Expression(_unless_null(cell, "''"))


def _zeros(words: Words, _strategy: AnyStrategy, column: Column, cell: str, _parameter: str) -> Expression:
    new = words.zeros(words.letters(words.text(cell))) if column.is_text else zero(column)
    return Expression(_unless_null(cell, new))


def _redact(words: Words, _strategy: Redact, _column: Column, cell: str, parameter: str) -> Expression:
    # bound: how a backslash or a bracket is written is not the session's to say
    return Expression(words.redacted(words.text(cell), f"{{{{{parameter}}}}}"), {parameter: words.letter})


def _unique_token(words: Words, _strategy: AnyStrategy, _column: Column, cell: str, _parameter: str) -> Expression:
    return Expression(_unless_null(cell, fresh_uuid(words)))


def _unique_email(words: Words, strategy: UniqueEmail, _column: Column, cell: str, parameter: str) -> Expression:
    address = f"{_hexadecimal(words, 16)} || '@' || {{{{{parameter}}}}}"
    return Expression(_unless_null(cell, address), {parameter: strategy.domain})


def _unique_phone(words: Words, strategy: UniquePhone, _column: Column, cell: str, _parameter: str) -> Expression:
    digits = f"substr('{'0' * PHONE_DIGITS}' || {words.number()}, -{PHONE_DIGITS})"
    return Expression(_unless_null(cell, f"'{strategy.prefix}' || {digits}"))


def _template(words: Words, strategy: Template, _column: Column, cell: str, parameter: str) -> Expression:
    new = from_template(_hexadecimal(words, 16), parameter)
    return Expression(_unless_null(cell, new), {parameter: strategy.text})


def _truncate(words: Words, strategy: Truncate, column: Column, cell: str, _parameter: str) -> Expression:
    if strategy.to is not None:
        return Expression(words.start(strategy.to, cell, column))
    return Expression(f"substr({words.text(cell)}, 1, {strategy.characters})")


def _bucket(words: Words, strategy: Bucket, _column: Column, cell: str, _parameter: str) -> Expression:
    return Expression(to_bucket(words, strategy, cell))


def _json(words: Words, strategy: JsonPaths, _column: Column, cell: str, parameter: str) -> Expression:
    return words.documents.remade(strategy, cell, parameter)


def _hash(words: Words, _strategy: Hash, _column: Column, cell: str, _parameter: str) -> Expression:
    return Expression(words.hashed(words.text(cell)))


def _partial_mask(words: Words, strategy: PartialMask, _column: Column, cell: str, _parameter: str) -> Expression:
    return Expression(_unless_null(cell, part_masked(words, strategy, cell)))


BUILDERS: Mapping[str, Callable[[Words, Any, Column, str, str], Expression]] = {
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
