"""What must be true of a cell after its strategy: a condition of the value alone.

A cell that meets it holds nothing of an old value that did not meet it already. Where the new value is made anew each
time, it must differ from the old one even so.
"""

from collections.abc import Callable, Mapping
from typing import Any

from consumers.stores.rules.custom_strategies import CustomStrategy, Expression
from consumers.stores.rules.strategies import (
    HASH_LENGTH,
    PHONE_DIGITS,
    TOKEN_LENGTH,
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
from consumers.stores.sql.documents import bound, is_remade
from consumers.stores.sql.expressions import (
    SIGNS,
    cell_of,
    from_template,
    part_masked,
    static_text,
    static_value,
    to_bucket,
    to_start,
    zero,
)
from consumers.stores.sql.names import quote

_UUID = "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"


def met(strategy: AnyStrategy, column: Column, alias: str, parameter: str) -> Expression:
    """True, never NULL, where `alias.column` is as the strategy leaves it. `parameter`: a free name to bind a value."""
    cell = f"{alias}.{quote(column.name)}"
    if isinstance(strategy, CustomStrategy):
        return expected(strategy, cell_of(column, cell), cell, parameter)
    return _BUILDERS[strategy.kind](strategy, column, cell, parameter)


def is_uuid(cell: str) -> str:
    """True, never NULL, for a random UUID."""
    return f"coalesce(CAST({cell} AS text) ~ '{_UUID}', false)"


def _or_null(cell: str, condition: str) -> str:
    return f"({cell} IS NULL OR {condition})"


def _set_null(_strategy: AnyStrategy, _column: Column, cell: str, _parameter: str) -> Expression:
    return Expression(f"{cell} IS NULL")


def _static(strategy: Static, column: Column, cell: str, parameter: str) -> Expression:
    same = f"{cell} IS NOT DISTINCT FROM {static_value(column, parameter)}"
    return Expression(same, {parameter: static_text(strategy.value)})


def _empty(_strategy: AnyStrategy, _column: Column, cell: str, _parameter: str) -> Expression:
    return Expression(_or_null(cell, f"CAST({cell} AS text) = ''"))


def _zeros(_strategy: AnyStrategy, column: Column, cell: str, _parameter: str) -> Expression:
    if column.is_text:
        return Expression(_or_null(cell, f"CAST({cell} AS text) ~ '^0*$'"))
    return Expression(_or_null(cell, f"{cell} = {zero(column)}"))


def _redact(_strategy: AnyStrategy, _column: Column, cell: str, _parameter: str) -> Expression:
    return Expression(_or_null(cell, f"CAST({cell} AS text) !~ '[^X{SIGNS}]'"))


def _unique_token(_strategy: AnyStrategy, _column: Column, cell: str, _parameter: str) -> Expression:
    return Expression(_or_null(cell, is_uuid(cell)))


def _unique_email(strategy: UniqueEmail, _column: Column, cell: str, parameter: str) -> Expression:
    address = f"left({cell}, 33) ~ '^[0-9a-f]{{32}}@$' AND substr({cell}, 34) = CAST({{{{{parameter}}}}} AS text)"
    return Expression(_or_null(cell, f"({address})"), {parameter: strategy.domain})


def _unique_phone(strategy: UniquePhone, _column: Column, cell: str, _parameter: str) -> Expression:
    number = f"^{strategy.prefix.replace('+', '[+]')}[0-9]{{{PHONE_DIGITS}}}$"
    return Expression(_or_null(cell, f"CAST({cell} AS text) ~ '{number}'"))


def _template(strategy: Template, column: Column, cell: str, parameter: str) -> Expression:
    token = f"substr(CAST({cell} AS text), {len(strategy.before) + 1}, {TOKEN_LENGTH})"
    same = f"CAST({cell} AS text) = CAST({from_template(column, token, parameter)} AS text)"
    shaped = f"({same} AND {token} ~ '^[0-9a-f]{{{TOKEN_LENGTH}}}$')"
    return Expression(_or_null(cell, shaped), {parameter: strategy.text})


def _truncate(strategy: Truncate, column: Column, cell: str, _parameter: str) -> Expression:
    if strategy.to is not None:
        return Expression(_or_null(cell, f"{cell} = {to_start(strategy, column, cell)}"))
    return Expression(_or_null(cell, f"char_length(CAST({cell} AS text)) <= {strategy.characters}"))


def _bucket(strategy: Bucket, column: Column, cell: str, _parameter: str) -> Expression:
    return Expression(_or_null(cell, f"{cell} = {to_bucket(strategy, column, cell)}"))


def _json(strategy: JsonPaths, column: Column, cell: str, parameter: str) -> Expression:
    remade = is_remade(strategy, cell, parameter)
    if column.base == "json":
        # text of json may hold a member twice, of which only the last is seen; what Lapse has written does not
        remade = f"({remade} AND CAST({cell} AS text) = CAST(CAST({cell} AS jsonb) AS text))"
    return Expression(_or_null(cell, remade), bound(strategy, parameter))


def _hash(_strategy: AnyStrategy, _column: Column, cell: str, _parameter: str) -> Expression:
    return Expression(_or_null(cell, f"CAST({cell} AS text) ~ '^[0-9a-f]{{{HASH_LENGTH}}}$'"))


def _partial_mask(strategy: PartialMask, _column: Column, cell: str, _parameter: str) -> Expression:
    return Expression(_or_null(cell, f"CAST({cell} AS text) = {part_masked(strategy, cell)}"))


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
