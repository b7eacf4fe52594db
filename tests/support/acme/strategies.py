"""Strategies as a third party writes them: a number of one length, a colleague's first name, a suffix that is kept."""

from typing import ClassVar, Literal

from pydantic import Field

from consumers.stores import Cell, CustomStrategy, Declared, Expression, Reason, everywhere

NAMES = ("Robin", "Kim", "Sasha", "Alex")
_DRAWN = {"postgresql": "floor(random() * 4)", "mariadb": "floor(rand() * 4)", "sqlite": "abs(random() % 4)"}
_MATCHES = {"postgresql": "~", "mariadb": "REGEXP", "sqlite": "REGEXP"}


class FixedLength(CustomStrategy):
    """The cell becomes the same letter as often as is asked, so that not even its length is told."""

    declared: ClassVar[Declared] = Declared(everywhere("text"))
    letters: int = Field(ge=1, le=1000)
    letter: Literal["X", "0", "*"] = "X"

    @property
    def longest(self) -> int:
        """As many as are asked for."""
        return self.letters

    def rewritten(self, cell: Cell) -> Expression:
        """The letters, bound."""
        del cell
        return Expression("{{all}}", {"all": self.letter * self.letters})

    def met(self, cell: Cell) -> Expression:
        """These letters and no others."""
        return Expression(f"{cell.sql} = {{{{all}}}}", {"all": self.letter * self.letters})


class AnyName(CustomStrategy):
    """The cell becomes one of four first names, drawn anew for each row; NULL too."""

    declared: ClassVar[Declared] = Declared(everywhere("text"), null="replaced", repeats=False)

    @property
    def longest(self) -> int:
        """Letters of the longest name."""
        return max(map(len, NAMES))

    def rewritten(self, cell: Cell) -> Expression:
        """Drawn by the database."""
        drawn = _DRAWN[cell.backend]
        cases = " ".join(f"WHEN {number} THEN {{{{n{number}}}}}" for number in range(len(NAMES)))
        return Expression(f"CASE {drawn} {cases} END", _bound())

    def met(self, cell: Cell) -> Expression:
        """One of the names."""
        return Expression(f"{cell.sql} IN ({', '.join(f'{{{{{name}}}}}' for name in _bound())})", _bound())


class Digits(CustomStrategy):
    """The cell becomes a number of nines."""

    declared: ClassVar[Declared] = Declared(everywhere("whole"))
    count: int = Field(ge=1)

    @property
    def longest(self) -> int:
        """All of them."""
        return self.count

    def rewritten(self, cell: Cell) -> Expression:
        """The number, bound."""
        del cell
        return Expression("{{nines}}", {"nines": 10**self.count - 1})

    def met(self, cell: Cell) -> Expression:
        """The number."""
        return Expression(f"{cell.sql} = {{{{nines}}}}", {"nines": 10**self.count - 1})


class KeepsEnd(CustomStrategy):
    """The cell keeps its last four letters, behind a star."""

    declared: ClassVar[Declared] = Declared(
        everywhere("text"), may_be_null=True, reversible="what is left tells a person from others"
    )
    accept_reversible: Reason

    @property
    def longest(self) -> int:
        """The star and four."""
        return 5

    def rewritten(self, cell: Cell) -> Expression:
        """Of a text that has no more than four letters nothing."""
        end = f"substr({cell.sql}, {_letters(cell)} - 3)"
        return Expression(f"CASE WHEN {_letters(cell)} > 4 THEN '*' || {end} END")

    def met(self, cell: Cell) -> Expression:
        """A star and four letters."""
        return Expression(
            f"{_letters(cell)} = 5 AND {cell.sql} {_MATCHES[cell.backend]} {{{{star}}}}", {"star": "^[*]"}
        )


def _letters(cell: Cell) -> str:
    return f"length({cell.sql})" if cell.backend == "sqlite" else f"char_length({cell.sql})"


def _bound() -> dict[str, str]:
    return {f"n{number}": name for number, name in enumerate(NAMES)}
