"""What strategies promise of every cell, as values that pre-flight, verification and the conformance suite read."""

from collections.abc import Mapping
from typing import ClassVar, Literal, NamedTuple, get_args

from consumers.stores.rules.shapes import Frozen
from consumers.stores.rules.urls import Backend

Family = Literal["text", "whole", "numeric", "float", "date", "uuid", "enum", "boolean", "json", "other"]
FAMILIES: frozenset[Family] = frozenset(get_args(Family))
BACKENDS: tuple[Backend, ...] = get_args(Backend)
Types = Mapping[Backend, frozenset[Family]]


def everywhere(*families: Family) -> Types:
    """These families of column types on every kind of database."""
    return dict.fromkeys(BACKENDS, frozenset(families))


class Declared(NamedTuple):
    """What a strategy promises of every cell, whatever its arguments; held against a database of each kind.

    `types` are the families of column types it takes, by kind of database: one that is left out it does not know.
    `null` is what becomes of NULL; `may_be_null`: something else may become NULL. `repeats`: the same value becomes the
    same; `unique`: rows stay different, so that a unique constraint may hold them; `differs`: no cell keeps its value.
    `reversible`: how who tries finds the old value, or the person; then `accept_reversible` is a field of it.
    """

    types: Types
    null: Literal["stays", "replaced"] = "stays"
    may_be_null: bool = False
    repeats: bool = True
    unique: bool = False
    differs: bool = False
    reversible: str = ""


class Declaring(Frozen):
    """A strategy, ours or somebody else's; its fields are its arguments."""

    declared: ClassVar[Declared]

    @property
    def longest(self) -> int:
        """Letters, or digits before the point: no new value has more, unless what was there had as many."""
        return 0
