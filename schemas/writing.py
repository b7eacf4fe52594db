"""Writers of Avro records that take exactly the schema's types and nothing near them.

fastavro writes 1.5 and True as the long 1, and an int of any size: a wrong date would be on the wire without a word.
Check and write are one pass here, made once per schema: it costs less than fastavro's writer alone, which tries every
branch of a union on the value before it writes one.
"""

from collections.abc import Callable
from typing import Any

Write = Callable[[Any, bytearray], None]

_INT_MAX = 2**31 - 1
_LONG_MAX = 2**63 - 1
_NULL, _PRESENT = 0, 2  # the first and the second branch of a union


class WrongTypeError(Exception):
    """A value is not of its schema's type."""


def writer(schema: Any) -> Write:
    """A function that appends a value to a buffer as Avro writes it.

    Records must hold every field that has no default, and no other than the schema's. Only what our records use can be
    written: no floating point, no bytes, and unions of null and one other type.

    The function raises WrongTypeError, or UnicodeEncodeError for text that is none; the buffer is of no use then.
    """
    return _writer(schema, {})


def _writer(schema: Any, named: dict[str, Write]) -> Write:
    if isinstance(schema, list):
        return _optional(schema, named)
    if isinstance(schema, str):
        return _PRIMITIVES.get(schema) or named[schema]
    return _COMPLEX.get(schema["type"], _primitive)(schema, named)


def _primitive(schema: dict[str, Any], named: dict[str, Write]) -> Write:
    return _writer(schema["type"], named)


def _optional(schema: list[Any], named: dict[str, Write]) -> Write:
    null, other = schema
    assert null == "null", "unions are of null and one other type, in this order"
    write_other = _writer(other, named)

    def write(value: Any, to: bytearray) -> None:
        if value is None:
            to.append(_NULL)
        else:
            to.append(_PRESENT)
            write_other(value, to)

    return write


def _array(schema: dict[str, Any], named: dict[str, Write]) -> Write:
    write_item = _writer(schema["items"], named)

    def write(value: Any, to: bytearray) -> None:
        if type(value) not in {list, tuple}:
            raise WrongTypeError
        if value:
            _varint(len(value), to)
            for item in value:
                write_item(item, to)
        to.append(0)

    return write


def _map(schema: dict[str, Any], named: dict[str, Write]) -> Write:
    write_item = _writer(schema["values"], named)

    def write(value: Any, to: bytearray) -> None:
        if not isinstance(value, dict):
            raise WrongTypeError
        if value:
            _varint(len(value), to)
            for key, item in value.items():
                _text(key, to)
                write_item(item, to)
        to.append(0)

    return write


def _enum(schema: dict[str, Any], named: dict[str, Write]) -> Write:
    numbers = {symbol: number for number, symbol in enumerate(schema["symbols"])}

    def write(value: Any, to: bytearray) -> None:
        if not isinstance(value, str) or value not in numbers:
            raise WrongTypeError
        _varint(numbers[value], to)

    named[schema["name"]] = write
    return write


def _record(schema: dict[str, Any], named: dict[str, Write]) -> Write:
    fields = [(field["name"], _writer(field["type"], named), _default(field, named)) for field in schema["fields"]]

    def write(value: Any, to: bytearray) -> None:
        if not isinstance(value, dict):
            raise WrongTypeError
        known = 0
        for name, write_field, default in fields:
            if name in value:
                known += 1
                write_field(value[name], to)
            elif default is None:
                raise WrongTypeError
            else:
                to += default
        if known < len(value):
            raise WrongTypeError

    named[schema["name"]] = write
    return write


def _default(field: dict[str, Any], named: dict[str, Write]) -> bytes | None:
    if "default" not in field:
        return None
    written = bytearray()
    _writer(field["type"], dict(named))(field["default"], written)
    return bytes(written)


def _null(value: Any, _: bytearray) -> None:
    if value is not None:
        raise WrongTypeError


def _boolean(value: Any, to: bytearray) -> None:
    if value is not True and value is not False:
        raise WrongTypeError
    to.append(value)


def _int(value: Any, to: bytearray) -> None:
    if type(value) is not int or not -_INT_MAX - 1 <= value <= _INT_MAX:
        raise WrongTypeError
    _varint(value, to)


def _long(value: Any, to: bytearray) -> None:
    if type(value) is not int or not -_LONG_MAX - 1 <= value <= _LONG_MAX:
        raise WrongTypeError
    _varint(value, to)


def _text(value: Any, to: bytearray) -> None:
    if not isinstance(value, str):
        raise WrongTypeError
    encoded = value.encode()
    size = len(encoded)
    if size < 64:  # nearly always, and a call less on the hot path
        to.append(size << 1)
    else:
        _varint(size, to)
    to += encoded


def _varint(number: int, to: bytearray) -> None:
    """Zigzag, then seven bits a byte, lowest first."""
    rest = number << 1 ^ number >> 63
    while rest > 0x7F:
        to.append(rest & 0x7F | 0x80)
        rest >>= 7
    to.append(rest)


_PRIMITIVES: dict[str, Write] = {"null": _null, "boolean": _boolean, "int": _int, "long": _long, "string": _text}
_COMPLEX: dict[str, Callable[[dict[str, Any], dict[str, Write]], Write]] = {
    "array": _array,
    "map": _map,
    "enum": _enum,
    "record": _record,
}
