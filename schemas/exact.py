"""Whether a value has exactly its schema's types, asked before it is written.

fastavro writes 1.5 and True as the long 1, and an int of any size: a wrong date would be on the wire without a word.
"""

from collections.abc import Callable
from typing import Any

Check = Callable[[Any], bool]

_INT_MAX = 2**31 - 1
_LONG_MAX = 2**63 - 1


def exactly(schema: Any) -> Check:
    """A check of values against a schema without logical types.

    Records must hold every field that has no default, and no other than the schema's.
    """
    return _exactly(schema, {})


def _exactly(schema: Any, named: dict[str, Check]) -> Check:
    if isinstance(schema, list):
        return _any_of([_exactly(part, named) for part in schema])
    if isinstance(schema, str):
        return _PRIMITIVES.get(schema) or named[schema]
    return _COMPLEX.get(schema["type"], _primitive)(schema, named)


def _primitive(schema: dict[str, Any], named: dict[str, Check]) -> Check:
    return _exactly(schema["type"], named)


def _any_of(checks: list[Check]) -> Check:
    def check(value: Any) -> bool:
        for accepts in checks:  # noqa: SIM110 - a generator costs a third more here, on the hot path
            if accepts(value):
                return True
        return False

    return check


def _array(schema: dict[str, Any], named: dict[str, Check]) -> Check:
    item = _exactly(schema["items"], named)
    return lambda value: type(value) in {list, tuple} and all(map(item, value))


def _map(schema: dict[str, Any], named: dict[str, Check]) -> Check:
    item = _exactly(schema["values"], named)
    return lambda value: isinstance(value, dict) and all(map(_is_text, value)) and all(map(item, value.values()))


def _enum(schema: dict[str, Any], named: dict[str, Check]) -> Check:
    symbols = frozenset(schema["symbols"])
    named[schema["name"]] = check = lambda value: isinstance(value, str) and value in symbols
    return check


def _record(schema: dict[str, Any], named: dict[str, Check]) -> Check:
    fields = {field["name"]: _exactly(field["type"], named) for field in schema["fields"]}
    required = {field["name"] for field in schema["fields"] if "default" not in field}

    def check(value: Any) -> bool:
        if not isinstance(value, dict) or not required <= value.keys():
            return False
        for name, item in value.items():
            accepts = fields.get(name)
            if accepts is None or not accepts(item):
                return False
        return True

    named[schema["name"]] = check
    return check


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


_PRIMITIVES: dict[str, Check] = {
    "null": lambda value: value is None,
    "boolean": lambda value: value is True or value is False,
    "int": lambda value: type(value) is int and -_INT_MAX - 1 <= value <= _INT_MAX,
    "long": lambda value: type(value) is int and -_LONG_MAX - 1 <= value <= _LONG_MAX,
    "string": _is_text,
}
_COMPLEX: dict[str, Callable[[dict[str, Any], dict[str, Check]], Check]] = {
    "array": _array,
    "map": _map,
    "enum": _enum,
    "record": _record,
}
