"""Strategies that somebody else wrote: entry points in the group `lapse.strategies`, named as rules files name them.

    [project.entry-points."lapse.strategies"]
    fixed_length = "acme_lapse:FixedLength"

`phone: {fixed_length: {letters: 12}}` then is read by `FixedLength`, whose fields are the arguments. It is asked for
SQL when statements are made, and knows of a cell no more than `Cell` says: it sees no customer and no value. It has to
pass `consumers.stores.conformance.StrategyConformance`.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from inspect import isabstract
from typing import Any, NamedTuple

from pydantic import ValidationError

from consumers.stores.rules.declared import BACKENDS, FAMILIES, Declared, Declaring, Family
from consumers.stores.rules.entries import Brought
from consumers.stores.rules.problems import refusal
from consumers.stores.rules.urls import Backend

GROUP = "lapse.strategies"
MEND = "mend or update the package that brings it."
OWN = {"kind", "package"}


class Expression(NamedTuple):
    """SQL with `{{name}}` parameters, and their values, which come from the rules."""

    sql: str
    parameters: Mapping[str, Any] = {}


class Cell(NamedTuple):
    """One column, as a piece of a statement: `sql` is its qualified and quoted name; of text, compared byte by byte."""

    sql: str
    family: Family
    backend: Backend


class CustomStrategy(Declaring, ABC):
    """A strategy of somebody else. A subclass has its arguments as fields, `declared`, and `longest` where it has one.

    `kind` is its word in the rules file, `package` who brings it, with the version: both are set by Lapse.
    """

    kind: str
    package: str

    @abstractmethod
    def rewritten(self, cell: Cell) -> Expression:
        """The new value of a cell that is not NULL, unless `declared.null` is replaced. It becomes the column's type.

        Names of parameters are its own; values are bound, not written into the SQL, which has no query, comment or `;`.
        """

    @abstractmethod
    def met(self, cell: Cell) -> Expression:
        """True where the cell, which is not NULL, is as the strategy leaves it: a condition of the value alone.

        It must be false for an old value that the new one differs from. NULL counts as false.
        """


def read_custom(name: str, argument: object, brought: Brought[CustomStrategy]) -> CustomStrategy:
    """The strategy with the arguments a rules file gives it; `argument` is what stands behind its name, else empty.

    Raises a finding: it is not fit, or not with these arguments.
    """
    if problem := unfit(brought.cls):
        raise refusal("strategy", f"{name} of {brought.package} is not fit: {problem}.", MEND)
    declared = brought.cls.declared
    if not isinstance(argument, dict) or OWN & argument.keys():
        raise refusal("strategy_form", f"{name} does not take this argument.", f"write {_form(brought.cls, name)}.")
    if declared.reversible and "accept_reversible" not in argument:
        message = f"{name} can be reversed: {declared.reversible}."
        raise refusal("reversible", message, f"say why the data may stay personal: {_form(brought.cls, name)}.")
    try:
        return _tried(brought.cls.model_validate({**argument, "kind": name, "package": brought.package}))
    except ValidationError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever somebody else's code raises
        failure = type(error).__name__
    raise refusal("strategy", f"{name} of {brought.package} cannot be used ({failure}).", MEND)


def _tried(made: CustomStrategy) -> CustomStrategy:
    """The strategy, once it has shown that pre-flight and digest get their answers from it."""
    if not isinstance(made.longest, int) or made.longest < 0:
        raise TypeError
    made.model_dump(mode="json")
    return made


def unfit(brought: type[CustomStrategy]) -> str:
    """What is wrong with the class; empty: nothing."""
    declared = getattr(brought, "declared", None)
    if isabstract(brought):
        return f"it lacks {', '.join(sorted(brought.__abstractmethods__))}"
    if not isinstance(declared, Declared):
        return "it has no `declared = Declared(…)`"
    return _contradiction(brought, declared)


def _contradiction(brought: type[CustomStrategy], declared: Declared) -> str:
    if not _known(declared.types):
        return f"its types are no mapping of {', '.join(BACKENDS)} to some of {', '.join(sorted(FAMILIES))}"
    if declared.null not in {"stays", "replaced"}:
        return "NULL either stays or is replaced"
    if declared.unique and declared.repeats:
        return "what repeats is not unique"
    if bool(declared.reversible) != ("accept_reversible" in brought.model_fields):
        return "it declares why it can be reversed and has a field accept_reversible: Reason, both or none"
    return ""


def _known(types: object) -> bool:
    return isinstance(types, Mapping) and all(
        backend in BACKENDS and isinstance(families, frozenset | set) and families <= FAMILIES
        for backend, families in types.items()
    )


def _form(brought: type[CustomStrategy], name: str) -> str:
    """How it is written."""
    required = [field for field, each in brought.model_fields.items() if each.is_required() and field not in OWN]
    if not required:
        return name
    return f"{{{name}: {{{', '.join(f'{field}: …' for field in required)}}}}}"
