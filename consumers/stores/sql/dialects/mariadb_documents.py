"""MariaDB: JSON documents, the pieces of statements. A document is text; what its functions make of it is text again.

Of a member given twice they see the first only, so a document with one on a path is not as it must be, and fails its
customer. So does one that is no object, or has a list where a path has a member.
"""

import json
from collections.abc import Iterable

from consumers.stores.rules.custom_strategies import Expression
from consumers.stores.rules.json_paths import members
from consumers.stores.rules.strategies import JsonPaths

# objects in objects, and nothing else; possessive, so that a large document is read once
_OBJECTS_ONLY = r'^(?:[{},]|"(?:[^"\\]++|\\.)*+":(?=[{]))*+\z'


class MariaDocuments:
    """Fulfils Documents."""

    def remade(self, strategy: JsonPaths, cell: str, parameter: str) -> Expression:
        """The document rewritten, without spaces: it is never longer for them."""
        values, made = _bound(strategy, parameter), cell
        if strategy.set:
            pairs = (f"{_literal(path)}, {_json(name)}" for path, name in zip(strategy.set, values, strict=True))
            made = f"json_replace({made}, {', '.join(pairs)})"
        made = f"json_compact({_without(made, strategy.remove)})"
        return Expression(f"CASE WHEN {_followed(strategy, cell)} THEN {made} ELSE {cell} END", values)

    def is_remade(self, strategy: JsonPaths, cell: str, parameter: str) -> Expression:
        """True, never NULL, for a document as the strategy leaves it; the cell is not NULL."""
        values = _bound(strategy, parameter)
        same = (
            f"coalesce({_bytes(f'json_extract({cell}, {_literal(path)})')} = {_bytes(_json(name))}, 1)"
            for path, name in zip(strategy.set, values, strict=True)
        )
        gone = (f"NOT json_exists({cell}, {_literal(path)})" for path in strategy.remove)
        conditions = " AND ".join([_followed(strategy, cell), *gone, *same])
        return Expression(f"coalesce(json_type({cell}) = 'NULL' OR ({conditions}), 0)", values)

    def left_alone(self, strategy: JsonPaths, cell: str) -> str:
        """All of the document that is neither removed nor set."""
        return f"json_compact({_without(cell, [*strategy.remove, *strategy.set])})"

    def has_others(self, strategy: JsonPaths, cell: str, parameter: str) -> Expression:
        """True where the document has a value that no path of the strategy covers."""
        rest = f"json_compact({_without(cell, [*strategy.remove, *strategy.set, *strategy.kept])})"
        others = f"({_is_object(cell)} AND coalesce(NOT ({rest} REGEXP {{{{{parameter}}}}}), 1))"
        return Expression(others, {parameter: _OBJECTS_ONLY})


def _bound(strategy: JsonPaths, parameter: str) -> dict[str, str]:
    values = strategy.set.values()
    return {f"{parameter}_{number}": json.dumps(value, ensure_ascii=False) for number, value in enumerate(values)}


def _json(parameter: str) -> str:
    return f"json_compact({{{{{parameter}}}}})"


def _is_object(cell: str) -> str:
    return f"json_type({cell}) = 'OBJECT'"


def _without(document: str, paths: Iterable[str]) -> str:
    listed = "".join(f", {_literal(path)}" for path in paths)
    return f"json_remove({document}{listed})" if listed else document


def _followed(strategy: JsonPaths, cell: str) -> str:
    """An object in which each member along the paths is there once at most, and those on the way are no lists."""
    ways = [_along(path) for path in (*strategy.remove, *strategy.set)]
    once = (
        f"NOT json_exists(json_remove({cell}, {_literal(path)}), {_literal(path)})"
        for path in dict.fromkeys(path for way in ways for path in way)
    )
    opened = (
        f"coalesce(json_type(json_extract({cell}, {_literal(path)})) <> 'ARRAY', 1)"
        for path in dict.fromkeys(path for way in ways for path in way[:-1])
    )
    return " AND ".join([_is_object(cell), *once, *opened])


def _along(path: str) -> list[str]:
    """`$.a`, `$.a.b` for `$.a.b`."""
    steps = members(path)
    return [".".join(["$", *steps[: depth + 1]]) for depth in range(len(steps))]


def _literal(path: str) -> str:
    # each name in quotes: it may have a hyphen
    return "'$" + "".join(f'."{each}"' for each in members(path)) + "'"


def _bytes(text: str) -> str:
    return f"CAST(json_compact({text}) AS binary)"
