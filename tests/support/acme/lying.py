"""Strategies that are not what they declare, each in one thing; the conformance suite finds them out."""

from typing import ClassVar

from consumers.stores import Cell, CustomStrategy, Declared, Expression, everywhere
from tests.support.acme.strategies import AnyName

TEXT = everywhere("text")


class Plain(CustomStrategy):
    """No lie: the cell becomes an X."""

    declared: ClassVar[Declared] = Declared(TEXT)

    @property
    def longest(self) -> int:
        """One."""
        return 1

    def rewritten(self, cell: Cell) -> Expression:
        """The letter."""
        del cell
        return Expression("'X'")

    def met(self, cell: Cell) -> Expression:
        """The letter."""
        return Expression(f"{cell.sql} = 'X'")


class Elsewhere(Plain):
    """No lie: it knows PostgreSQL only."""

    declared: ClassVar[Declared] = Declared({"postgresql": frozenset({"text"})})


class OfDates(Plain):
    """It has nothing for dates."""

    declared: ClassVar[Declared] = Declared(everywhere("text", "date"))

    def rewritten(self, cell: Cell) -> Expression:
        """Of text only."""
        return Expression({"text": "'X'"}[cell.family])


class Short(Plain):
    """It is longer than it says."""

    def rewritten(self, cell: Cell) -> Expression:
        """Three letters."""
        del cell
        return Expression("'XXX'")

    def met(self, cell: Cell) -> Expression:
        """Three letters."""
        return Expression(f"{cell.sql} = 'XXX'")


class NullReplaced(Plain):
    """NULL stays."""

    declared: ClassVar[Declared] = Declared(TEXT, null="replaced")

    def rewritten(self, cell: Cell) -> Expression:
        """Nothing for nothing."""
        return Expression(f"CASE WHEN {cell.sql} IS NOT NULL THEN 'X' END")


class NeverNull(Plain):
    """A space becomes NULL."""

    def rewritten(self, cell: Cell) -> Expression:
        """Nothing for a space."""
        return Expression(f"CASE WHEN {cell.sql} <> ' ' THEN 'X' END")


class Repeating(AnyName):
    """It is drawn anew for each row."""

    declared: ClassVar[Declared] = AnyName.declared._replace(repeats=True)


class Drawn(Plain):
    """It is the same for each row."""

    declared: ClassVar[Declared] = Declared(TEXT, repeats=False)


class Unique(AnyName):
    """There are four of it."""

    declared: ClassVar[Declared] = AnyName.declared._replace(unique=True)


class Differing(Plain):
    """A space stays one."""

    declared: ClassVar[Declared] = Declared(TEXT, differs=True)

    def rewritten(self, cell: Cell) -> Expression:
        """The same for everybody."""
        del cell
        return Expression("' '")

    def met(self, cell: Cell) -> Expression:
        """A space."""
        return Expression(f"{cell.sql} = ' '")


class ExpectsMore(Plain):
    """It expects what it does not leave."""

    def met(self, cell: Cell) -> Expression:
        """Another letter."""
        return Expression(f"{cell.sql} = 'Y'")


class ExpectsNothing(Plain):
    """It cannot say whether a cell is as it leaves it."""

    def met(self, cell: Cell) -> Expression:
        """Neither true nor false."""
        return Expression(f"CASE WHEN {cell.sql} = '' THEN 1 = 1 END")


class ExpectsLess(Plain):
    """It expects any letter, which most old values have as well."""

    def met(self, cell: Cell) -> Expression:
        """Anything."""
        return Expression(f"{cell.sql} <> ''")


class Restless(Plain):
    """Run again, it changes what it has left."""

    def rewritten(self, cell: Cell) -> Expression:
        """X, then Y, then X."""
        return Expression(f"CASE WHEN {cell.sql} = 'X' THEN 'Y' ELSE 'X' END")

    def met(self, cell: Cell) -> Expression:
        """One of them."""
        return Expression(f"{cell.sql} IN ('X', 'Y')")


class Forgetting(Plain):
    """The last letter tells a person from others."""

    def rewritten(self, cell: Cell) -> Expression:
        """That letter."""
        length = "length" if cell.backend == "sqlite" else "char_length"
        return Expression(f"substr({cell.sql}, {length}({cell.sql}))")

    def met(self, cell: Cell) -> Expression:
        """One letter."""
        return Expression(f"{'length' if cell.backend == 'sqlite' else 'char_length'}({cell.sql}) = 1")
