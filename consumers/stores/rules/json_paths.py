"""Paths into a JSON document: `$.member.member`. Members of objects only; a list is a value, taken or left whole."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Annotated

from pydantic import BeforeValidator, Field

from consumers.stores.rules.problems import refusal
from consumers.stores.rules.shapes import sequence

# a whole number in a path would be PostgreSQL's place in a list
Path = Annotated[str, Field(pattern=r"^\$(\.[A-Za-z_][A-Za-z0-9_-]*)+$")]
Paths = Annotated[tuple[Path, ...], BeforeValidator(sequence)]
Value = str | bool | int | Annotated[float, Field(allow_inf_nan=False)] | None


def members(path: str) -> list[str]:
    """The names along a path: `$.a.b` is a, b."""
    return path.split(".")[1:]


def checked(remove: Paths, replace: Mapping[Path, Value], keep: Iterable[Path]) -> None:
    """Raises a finding where nothing is masked, or where one path is, or is within, another."""
    if not remove and not replace:
        raise refusal(
            "json_paths", "nothing is removed or set.", "name a path under remove or set, or keep the column."
        )
    paths = sorted(members(path) for path in (*remove, *replace, *keep))
    if any(after[: len(before)] == before for before, after in pairwise(paths)):
        message = "a path is there twice, or within another one."
        raise refusal("json_paths", message, "leave the outer one, or name all paths within it.")
