"""JSON documents, json and jsonb alike: what is removed and set, what must hold afterwards, what else there is.

A document that is JSON's null holds nothing and stays. One that is no object, or has a list where a path has a member,
is refused by the database (22023, 22P02): that customer fails, because a path could not be followed.
"""

import json
from collections.abc import Iterable
from typing import Any

from consumers.stores.rules.json_paths import members
from consumers.stores.rules.strategies import JsonPaths
from consumers.stores.sql.names import array

# strict: lists are not opened, so that one is a value; an object without members is none
_ANY_VALUE = "'strict $.** ? (@.type() != \"object\")'"


def remade(strategy: JsonPaths, cell: str, parameter: str) -> str:
    """The document, as jsonb, without what is removed, and with what is set where there was something."""
    made = _without(strategy.remove, _document(cell))
    for number, path in enumerate(strategy.set):
        made = f"jsonb_set({made}, '{_steps(path)}', {_bound(parameter, number)}, false)"
    return _unless_nothing(cell, made)


def left_alone(strategy: JsonPaths, cell: str) -> str:
    """All of the document that is neither removed nor set, as jsonb."""
    return _unless_nothing(cell, _without([*strategy.remove, *strategy.set], _document(cell)))


def is_remade(strategy: JsonPaths, cell: str, parameter: str) -> str:
    """True, never NULL, where nothing is at a removed path and only the value at a set one; the cell is not NULL."""
    document = _document(cell)
    gone = [f"{document} #> '{_steps(path)}' IS NULL" for path in strategy.remove]
    same = [
        f"coalesce({document} #> '{_steps(path)}' = {_bound(parameter, number)}, true)"
        for number, path in enumerate(strategy.set)
    ]
    return f"({_is_nothing(cell)} OR ({' AND '.join([*gone, *same])}))"


def has_others(strategy: JsonPaths, cell: str) -> str:
    """True where the document has a value that no path of the strategy covers."""
    rest = _without([*strategy.remove, *strategy.set, *strategy.kept], _document(cell))
    return f"(NOT {_is_nothing(cell)} AND jsonb_path_exists({rest}, {_ANY_VALUE}))"


def bound(strategy: JsonPaths, parameter: str) -> dict[str, Any]:
    """The values that are set, as JSON text, by the names they are bound under."""
    return {f"{parameter}_{number}": json.dumps(value) for number, value in enumerate(strategy.set.values())}


def _document(cell: str) -> str:
    return f"CAST({cell} AS jsonb)"


def _is_nothing(cell: str) -> str:
    return f"jsonb_typeof({_document(cell)}) = 'null'"


def _unless_nothing(cell: str, made: str) -> str:
    return f"CASE WHEN {_is_nothing(cell)} THEN {_document(cell)} ELSE {made} END"


def _without(paths: Iterable[str], document: str) -> str:
    return "(" + " #- ".join([document, *(f"'{_steps(path)}'" for path in paths)]) + ")"


def _steps(path: str) -> str:
    return array(members(path))


def _bound(parameter: str, number: int) -> str:
    return f"CAST(CAST({{{{{parameter}_{number}}}}} AS text) AS jsonb)"
