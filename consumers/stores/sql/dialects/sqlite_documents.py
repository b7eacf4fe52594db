"""SQLite: JSON documents, the pieces of statements and the functions behind them, which are ours.

Of a member given twice SQLite's own functions see the first only; here the last counts, as on PostgreSQL. What is no
JSON, no object, or has a list where a path has a member, is not as it must be, and fails its customer.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from consumers.stores.rules.custom_strategies import Expression
from consumers.stores.rules.json_paths import members
from consumers.stores.rules.strategies import JsonPaths
from consumers.stores.sql.dialects.sqlite_functions import Cell


class SqliteDocuments:
    """Fulfils Documents."""

    def remade(self, strategy: JsonPaths, cell: str, parameter: str) -> Expression:
        """The document rewritten, without spaces."""
        return Expression(f"lapse_json_remade({cell}, {{{{{parameter}}}}})", {parameter: _work(strategy)})

    def is_remade(self, strategy: JsonPaths, cell: str, parameter: str) -> Expression:
        """True, never NULL, for a document as the strategy leaves it; the cell is not NULL."""
        return Expression(f"lapse_json_is_remade({cell}, {{{{{parameter}}}}})", {parameter: _work(strategy)})

    def left_alone(self, strategy: JsonPaths, cell: str) -> str:
        """All of the document that is neither removed nor set."""
        return f"lapse_json_rest({cell}, {_literal([*strategy.remove, *strategy.set])})"

    def has_others(self, strategy: JsonPaths, cell: str, parameter: str) -> Expression:
        """True where the document has a value that no path of the strategy covers."""
        del parameter
        covered = _literal([*strategy.remove, *strategy.set, *strategy.kept])
        return Expression(f"lapse_json_has_others({cell}, {covered})")


def define(connection: sqlite3.Connection) -> None:
    """Make the functions known to a connection."""
    connection.create_function("lapse_json_remade", 2, _remade, deterministic=True)
    connection.create_function("lapse_json_is_remade", 2, _is_remade, deterministic=True)
    connection.create_function("lapse_json_rest", 2, _rest, deterministic=True)
    connection.create_function("lapse_json_has_others", 2, _has_others, deterministic=True)


class _Number(NamedTuple):
    """A number as it is written: 1.50 stays 1.50."""

    text: str


class _Work(NamedTuple):
    remove: Sequence[Sequence[str]]
    set: Sequence[tuple[Sequence[str], Any]]


class _UnreadableError(ValueError):
    """No JSON, no object, or a path that cannot be followed."""


def _work(strategy: JsonPaths) -> str:
    values = [[members(path), value] for path, value in strategy.set.items()]
    return json.dumps([[members(path) for path in strategy.remove], values])


def _literal(paths: Iterable[str]) -> str:
    # names of members have no quotes in them
    return f"'{json.dumps([members(path) for path in paths])}'"


@lru_cache(maxsize=64)
def _parsed(work: str) -> _Work:
    return _Work(*_read(work))


def _remade(cell: Cell, work: str) -> Cell:
    remove, values = _parsed(work)
    try:
        document = _opened(cell)
        for path in remove:
            _take(document, path)
        for path, value in values:
            holder = _holder(document, path)
            if path[-1] in holder:
                holder[path[-1]] = value
    except _UnreadableError:
        return cell  # as it was, which is not as it must be
    return cell if document is None else _written(document)


def _is_remade(cell: Cell, work: str) -> bool:
    remove, values = _parsed(work)
    try:
        document = _opened(cell, once=True)
        gone = all(path[-1] not in _holder(document, path) for path in remove)
        return gone and all(_holder(document, path).get(path[-1], value) == value for path, value in values)
    except _UnreadableError:
        return False


def _rest(cell: Cell, paths: str) -> Cell:
    try:
        document = _opened(cell)
        for path in json.loads(paths):
            _take(document, path)
    except _UnreadableError:
        return cell
    return _written(document)


def _has_others(cell: Cell, paths: str) -> bool:
    try:
        document = _opened(cell)
    except _UnreadableError:
        return False  # said already
    for path in json.loads(paths):
        try:
            _take(document, path)
        except _UnreadableError:
            return True  # a list where a path to keep has a member
    return document is not None and _holds_value(document)


def _holds_value(value: Any) -> bool:
    return any(map(_holds_value, value.values())) if isinstance(value, dict) else True


def _opened(cell: Cell, *, once: bool = False) -> dict[str, Any] | None:
    """The document; None for JSON's null. `once`: a member given twice is refused, not read as the last."""
    try:
        document = _read(cell, _once if once else dict) if isinstance(cell, str) else ()
    except (ValueError, RecursionError):
        document = ()
    if document is None or isinstance(document, dict):
        return document
    raise _UnreadableError


def _read(text: str, pairs: Any = dict) -> Any:
    return json.loads(
        text, object_pairs_hook=pairs, parse_float=_Number, parse_int=_Number, parse_constant=_refuse_constant
    )


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise _UnreadableError
    return made


def _refuse_constant(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity are no JSON


def _holder(document: dict[str, Any] | None, path: Sequence[str]) -> dict[str, Any]:
    """The object that has the last member of the path, or an empty one."""
    found: Any = document
    for step in path[:-1]:
        found = found.get(step) if isinstance(found, dict) else None
        if isinstance(found, list):
            raise _UnreadableError
    return found if isinstance(found, dict) else {}


def _take(document: dict[str, Any] | None, path: Sequence[str]) -> None:
    _holder(document, path).pop(path[-1], None)


def _written(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{_written(name)}:{_written(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    return value.text if isinstance(value, _Number) else json.dumps(value, ensure_ascii=False)
