"""Strategies that a third party got wrong, each in one way that loading or pre-flight finds."""

from collections.abc import Callable
from typing import ClassVar

from pydantic import BaseModel, field_validator

from consumers.stores import Cell, CustomStrategy, Declared, Expression, Reason, everywhere
from tests.support.acme.strategies import FixedLength

TEXT = everywhere("text")


class NoStrategy:
    """Anything else."""


class Abstract(CustomStrategy):
    """It cannot rewrite."""

    declared: ClassVar[Declared] = Declared(TEXT)


class Undeclared(FixedLength):
    """It says nothing of itself."""

    declared = None  # type: ignore[assignment]  # what is tested


class UnknownTypes(FixedLength):
    """There is no such family."""

    declared: ClassVar[Declared] = Declared({"sqlite": frozenset({"words"})})  # type: ignore[arg-type]  # the same


class UnknownDatabase(FixedLength):
    """There is no such database."""

    declared: ClassVar[Declared] = Declared({"oracle": frozenset({"text"})})  # type: ignore[dict-item]  # the same


class UnknownNull(FixedLength):
    """There is no such word."""

    declared: ClassVar[Declared] = Declared(TEXT, null="goes")  # type: ignore[arg-type]  # the same


class UniqueAndRepeating(FixedLength):
    """It cannot be both."""

    declared: ClassVar[Declared] = Declared(TEXT, unique=True)


class Unaccepted(FixedLength):
    """Nobody could accept that it can be reversed."""

    declared: ClassVar[Declared] = Declared(TEXT, reversible="it is")


class AcceptedForNothing(FixedLength):
    """There is nothing to accept."""

    accept_reversible: Reason


class Bounded(FixedLength):
    """Its bound is none."""

    @property
    def longest(self) -> int:
        """No number."""
        raise RuntimeError("CANARY")


class Raising(FixedLength):
    """It raises what is no ValueError."""

    @field_validator("letters")
    @classmethod
    def _checked(cls, letters: int) -> int:
        raise RuntimeError(f"CANARY {letters}")


class Inner(BaseModel):
    """An argument of its own type."""

    letters: int


class Nested(FixedLength):
    """Fit: its argument has parts."""

    letters: int = 12
    inner: Inner


class Untold(FixedLength):
    """Fit, but its argument has no JSON Schema."""

    letters: int = 12
    any: Callable[[], int]


class OnlyThere(FixedLength):
    """Fit: it knows PostgreSQL only."""

    declared: ClassVar[Declared] = Declared({"postgresql": frozenset({"text"})})


class WithoutSql(FixedLength):
    """It gives no SQL."""

    def rewritten(self, cell: Cell) -> Expression:
        """Nothing."""
        raise RuntimeError(f"CANARY {cell.sql}")


class Lazy(FixedLength):
    """It leaves the cell as it was."""

    def rewritten(self, cell: Cell) -> Expression:
        """The old value."""
        return Expression(cell.sql)


class WithQuery(FixedLength):
    """It looks at rows of others."""

    def rewritten(self, cell: Cell) -> Expression:
        """A query."""
        return Expression(f"coalesce((Select max(segment) FROM customers), {cell.sql})")


class WithOthers(FixedLength):
    """It looks at other cells of the row."""

    def rewritten(self, cell: Cell) -> Expression:
        """Another column."""
        return Expression(f"{cell.sql} || segment")


class WithSyntax(FixedLength):
    """No database reads it."""

    def met(self, cell: Cell) -> Expression:
        """Half an expression."""
        return Expression(f"({cell.sql} =")


class WithDraws(FixedLength):
    """It looks at other cells as well, and may stand under a unique constraint."""

    declared: ClassVar[Declared] = Declared(TEXT, repeats=False, unique=True)

    def rewritten(self, cell: Cell) -> Expression:
        """Another column."""
        return Expression(f"{cell.sql} || segment")


class WithParameters(FixedLength):
    """It uses a parameter it does not give."""

    def rewritten(self, cell: Cell) -> Expression:
        """Unbound."""
        del cell
        return Expression("{{all}}", {"letters": "X"})
