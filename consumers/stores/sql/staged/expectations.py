"""What must be true of a cell after its strategy, for databases without PostgreSQL's functions."""

from collections.abc import Callable, Mapping
from typing import Any

from consumers.stores.rules.custom_strategies import CustomStrategy, Expression
from consumers.stores.rules.strategies import (
    HASH_LENGTH,
    PHONE_DIGITS,
    TOKEN_LENGTH,
    UUID_LENGTH,
    AnyStrategy,
    Bucket,
    JsonPaths,
    PartialMask,
    Static,
    Template,
    Truncate,
    UniqueEmail,
    UniquePhone,
)
from consumers.stores.sql.catalog import Column
from consumers.stores.sql.custom import expected
from consumers.stores.sql.expressions import SIGNS
from consumers.stores.sql.names import quote
from consumers.stores.sql.staged.expressions import cell_of, from_template, part_masked, rewritten, to_bucket, zero
from consumers.stores.sql.staged.words import Words

# no $: it also stands before a line break at the end; the length is asked for beside it
_UUID = "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_HEXADECIMAL = f"^[0-9a-f]{{{TOKEN_LENGTH}}}"


def met(words: Words, strategy: AnyStrategy, column: Column, cell: str, parameter: str) -> Expression:
    """True, never NULL, where the cell is as the strategy leaves it. `parameter`: a free name to bind a value."""
    if isinstance(strategy, CustomStrategy):
        return expected(strategy, cell_of(words, column, cell), cell, parameter)
    return _BUILDERS[strategy.kind](words, strategy, column, cell, parameter)


def made_by(words: Words, strategy: CustomStrategy, column: Column) -> tuple[Expression, Expression]:
    """New value and expectation of the cell `c.column`."""
    cell = f"c.{quote(column.name)}"
    return rewritten(words, strategy, column, cell, "v"), met(words, strategy, column, cell, "e")


def is_uuid(words: Words, cell: str) -> str:
    """True, never NULL, for a random UUID."""
    return f"coalesce({_shaped(words, words.text(cell), _UUID, UUID_LENGTH)}, 0)"


def _shaped(words: Words, text: str, pattern: str, length: int) -> str:
    return f"({words.letters(text)} = {length} AND {text} REGEXP '{pattern}')"


def _or_null(cell: str, condition: str) -> str:
    return f"({cell} IS NULL OR {condition})"


def _set_null(_words: Words, _strategy: AnyStrategy, _column: Column, cell: str, _parameter: str) -> Expression:
    return Expression(f"({cell} IS NULL)")


def _static(words: Words, strategy: Static, column: Column, cell: str, parameter: str) -> Expression:
    value = {parameter: words.static(strategy.value, column)}
    bound = f"{{{{{parameter}}}}}"
    if isinstance(value[parameter], str) and not column.is_date:
        return Expression(f"coalesce({words.same_text(cell, bound)}, 0)", value)
    return Expression(f"({words.same(cell, bound)})", value)


def _empty(words: Words, _strategy: AnyStrategy, _column: Column, cell: str, _parameter: str) -> Expression:
    return Expression(_or_null(cell, f"{words.letters(words.text(cell))} = 0"))


def _zeros(words: Words, _strategy: AnyStrategy, column: Column, cell: str, _parameter: str) -> Expression:
    if column.is_text:
        return Expression(_or_null(cell, f"NOT ({words.text(cell)} REGEXP '[^0]')"))
    return Expression(_or_null(cell, f"{cell} = {zero(column)}"))


def _redact(words: Words, _strategy: AnyStrategy, _column: Column, cell: str, parameter: str) -> Expression:
    other = f"NOT ({words.text(cell)} REGEXP {{{{{parameter}}}}})"
    return Expression(_or_null(cell, other), {parameter: f"[^X{SIGNS}]"})


def _unique_token(words: Words, _strategy: AnyStrategy, _column: Column, cell: str, _parameter: str) -> Expression:
    return Expression(_or_null(cell, is_uuid(words, cell)))


def _unique_email(words: Words, strategy: UniqueEmail, _column: Column, cell: str, parameter: str) -> Expression:
    text = words.text(cell)
    domain = f"'@' || {{{{{parameter}}}}}"
    shaped = _shaped(words, f"substr({text}, 1, {TOKEN_LENGTH})", _HEXADECIMAL, TOKEN_LENGTH)
    address = f"{shaped} AND {words.same_text(f'substr({text}, {TOKEN_LENGTH + 1})', domain)}"
    return Expression(_or_null(cell, f"({address})"), {parameter: strategy.domain})


def _unique_phone(words: Words, strategy: UniquePhone, _column: Column, cell: str, _parameter: str) -> Expression:
    pattern = f"^{strategy.prefix.replace('+', '[+]')}[0-9]{{{PHONE_DIGITS}}}"
    shaped = _shaped(words, words.text(cell), pattern, len(strategy.prefix) + PHONE_DIGITS)
    return Expression(_or_null(cell, shaped))


def _template(words: Words, strategy: Template, _column: Column, cell: str, parameter: str) -> Expression:
    token = f"substr({words.text(cell)}, {len(strategy.before) + 1}, {TOKEN_LENGTH})"
    shaped = _shaped(words, token, _HEXADECIMAL, TOKEN_LENGTH)
    same = words.same_text(cell, from_template(token, parameter))
    return Expression(_or_null(cell, f"({same} AND {shaped})"), {parameter: strategy.text})


def _truncate(words: Words, strategy: Truncate, column: Column, cell: str, _parameter: str) -> Expression:
    if strategy.to is not None:
        return Expression(_or_null(cell, f"{cell} = {words.start(strategy.to, cell, column)}"))
    return Expression(_or_null(cell, f"{words.letters(words.text(cell))} <= {strategy.characters}"))


def _bucket(words: Words, strategy: Bucket, _column: Column, cell: str, _parameter: str) -> Expression:
    return Expression(_or_null(cell, f"{cell} = {to_bucket(words, strategy, cell)}"))


def _json(words: Words, strategy: JsonPaths, _column: Column, cell: str, parameter: str) -> Expression:
    remade = words.documents.is_remade(strategy, cell, parameter)
    return Expression(_or_null(cell, remade.sql), remade.parameters)


def _hash(words: Words, _strategy: AnyStrategy, _column: Column, cell: str, _parameter: str) -> Expression:
    return Expression(_or_null(cell, _shaped(words, words.text(cell), f"^[0-9a-f]{{{HASH_LENGTH}}}", HASH_LENGTH)))


def _partial_mask(words: Words, strategy: PartialMask, _column: Column, cell: str, _parameter: str) -> Expression:
    return Expression(_or_null(cell, words.same_text(cell, part_masked(words, strategy, cell))))


_BUILDERS: Mapping[str, Callable[[Words, Any, Column, str, str], Expression]] = {
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
