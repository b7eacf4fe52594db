"""What is wrong with a rules file, said so that the reader can repair it."""

from collections.abc import Sequence

from pydantic_core import PydanticCustomError

from consumers.domain.errors import PermanentError
from consumers.domain.work import Finding


class RulesError(PermanentError):
    """The rules file cannot be used.

    `findings` holds every problem found; the message shows all of them, one a line: file, path inside it, what is
    wrong, what to do. Values taken from the environment are never shown.
    """

    def __init__(self, file: str, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(f"{file}: {_line(found)}" for found in findings), code=findings[0].code)


def _line(found: Finding) -> str:
    return f"{found.place}: {found.message} Repair: {found.repair}"


def refusal(code: str, message: str, repair: str) -> PydanticCustomError:
    """An error a pydantic validator raises; it becomes a finding with this code and repair."""
    return PydanticCustomError(code, "{message}", {"message": message, "repair": repair})


def not_available(what: str, repair: str) -> PydanticCustomError:
    """The design has it, this version does not: refused, because ignoring a rule would leak."""
    return refusal("not_available", f"{what} is not available yet.", repair)
