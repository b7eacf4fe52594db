"""SQL of strategies that somebody else wrote, made safe to stand in a statement of ours.

NULL is looked after here, as the strategy declares it. Its parameters get names nobody else has, and whatever it raises
leaves its name and package only.
"""

import re
from collections.abc import Callable

from consumers.domain.errors import PermanentError
from consumers.stores.rules.custom_strategies import Cell, CustomStrategy, Expression
from consumers.stores.sql.names import PARAMETER

_MORE = re.compile(r"\bselect\b|;|--|/\*", re.IGNORECASE)  # a query, another statement, a comment
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class UnfitError(PermanentError):
    """A strategy of somebody else gives no SQL that can be used."""


def new_value(strategy: CustomStrategy, cell: Cell, raw: str, parameter: str) -> Expression:
    """What the cell becomes. `raw` is its bare name; `parameter` begins the names of bound values."""
    new = _asked(strategy, strategy.rewritten, cell, parameter)
    if strategy.declared.null == "replaced":
        return new._replace(sql=f"({new.sql})")
    return new._replace(sql=f"CASE WHEN {raw} IS NOT NULL THEN ({new.sql}) END")


def expected(strategy: CustomStrategy, cell: Cell, raw: str, parameter: str) -> Expression:
    """True, never NULL, where the cell is as the strategy leaves it."""
    met = _asked(strategy, strategy.met, cell, parameter)
    null = strategy.declared.null == "stays" or strategy.declared.may_be_null
    judged = f"coalesce(({met.sql}), false)"
    return met._replace(sql=f"({raw} IS NULL OR {judged})" if null else f"({raw} IS NOT NULL AND {judged})")


def _asked(strategy: CustomStrategy, ask: Callable[[Cell], Expression], cell: Cell, parameter: str) -> Expression:
    try:
        answer = _renamed(ask(cell), parameter)
    except Exception as error:  # noqa: BLE001 - whatever somebody else's code raises; its text may hold anything
        failure = type(error).__name__
    else:
        return answer
    name = f"{strategy.kind} of {strategy.package}"
    raise UnfitError(f"{name} gives no SQL for {cell.family} on {cell.backend} ({failure})", code="strategy")


def _renamed(made: Expression, parameter: str) -> Expression:
    """The expression with its parameters' names behind `parameter`; each is given, and each is used."""
    used: set[str] = set()

    def named(found: re.Match[str]) -> str:
        if found[1]:
            return found[1]  # a quoted name, whatever it holds
        used.add(found[2])
        return f"{{{{{parameter}_{found[2]}}}}}"

    sql = PARAMETER.sub(named, made.sql)
    if _MORE.search(made.sql):
        raise ValueError("more than an expression")
    if used != made.parameters.keys() or not all(map(_NAME.fullmatch, used)):
        raise ValueError("parameters that are used are not those that are given")
    return Expression(sql, {f"{parameter}_{name}": value for name, value in made.parameters.items()})
