"""Records to bytes and back: Avro in single-object encoding, and Confluent's framing where there is a registry.

| frame | first bytes |
|---|---|
| single object | 0xC3 0x01, fingerprint of the writer's schema (8 bytes, little-endian) |
| Confluent | 0x00, id of the writer's schema (4 bytes, big-endian) |

What cannot be read is an InvalidRecordError, whatever the bytes are. Its code is one of:

| code | meaning |
|---|---|
| tombstone | there is no value |
| undecodable | no frame (empty, short, other first bytes), or a body against its schema (UTF-8, enum, union) |
| unknown_schema | a frame, but its fingerprint or id is not known here, or its schema cannot be read as ours |
| wrong_type | a known record that does not belong here; of encode: a field missing, too many or of another type |
| truncated | the body ends before the record does |
| trailing_bytes | bytes follow the record |
"""

from collections.abc import Collection, Mapping
from copy import deepcopy
from functools import cache, lru_cache
from io import BytesIO
from typing import Any, NamedTuple

from fastavro import schemaless_reader
from fastavro.read import SchemaResolutionError

from consumers.domain.errors import InvalidRecordError
from schemas.library import NAMESPACE, newest, plain, versions, wire_fingerprint
from schemas.registry import SchemaRegistry
from schemas.writing import Write, WrongTypeError, writer

_SINGLE_OBJECT = b"\xc3\x01"
_SINGLE_OBJECT_HEADER = 10
_CONFLUENT = b"\x00"
_CONFLUENT_HEADER = 5


class Decoded(NamedTuple):
    """A record as read.

    Attributes:
        name: Record name without namespace.
        fields: By field name, in the newest version known: timestamps are microseconds since the epoch, ids are text.
    """

    name: str
    fields: dict[str, Any]


class _Writing(NamedTuple):
    """How to write a record."""

    header: bytes
    write: Write


class _Reading(NamedTuple):
    """How to read what one writer's schema wrote; `reader` is None where both are the same."""

    name: str
    writer: dict[str, Any]
    reader: dict[str, Any] | None
    shares_defaults: bool


def encode(name: str, fields: Mapping[str, Any]) -> bytes:
    """Frame a record as a single object, in its newest version.

    Args:
        name: Record name without namespace.
        fields: A dict of every field by name, timestamps as microseconds, ids as text. One with a default may be left
            out.

    Raises:
        InvalidRecordError: `wrong_type`.
    """
    writing = _writing().get(name)
    if writing is None:
        raise InvalidRecordError("wrong_type")
    record = bytearray(writing.header)
    try:
        writing.write(fields, record)
    except (WrongTypeError, UnicodeEncodeError):
        # UnicodeEncodeError: half a surrogate pair; `from None`, as its message holds the value
        raise InvalidRecordError("wrong_type") from None
    return bytes(record)


def decode(value: bytes | None, expected: Collection[str], *, registry: SchemaRegistry | None = None) -> Decoded:
    """Read a record that may stand here.

    Args:
        value: A record's value as it came from the topic.
        expected: Names of the records that belong on this topic.
        registry: Where ids of Confluent frames are looked up; without one they are `unknown_schema`.

    Raises:
        InvalidRecordError: See the table above.
        TransientError: The registry is away.
    """
    if value is None:
        raise InvalidRecordError("tombstone")
    if value[:2] == _SINGLE_OBJECT and len(value) >= _SINGLE_OBJECT_HEADER:
        reading, start = _by_fingerprint().get(value[2:10]), _SINGLE_OBJECT_HEADER
    elif value[:1] == _CONFLUENT and len(value) >= _CONFLUENT_HEADER:
        reading, start = _by_id(registry, int.from_bytes(value[1:5], "big")), _CONFLUENT_HEADER
    else:
        raise InvalidRecordError("undecodable")
    if reading is None:
        raise InvalidRecordError("unknown_schema")
    if reading.name not in expected:
        raise InvalidRecordError("wrong_type")
    return Decoded(reading.name, _fields(value, start, reading))


def _fields(value: bytes, start: int, reading: _Reading) -> Any:
    buffer = BytesIO(value)
    buffer.seek(start)
    try:
        fields = schemaless_reader(buffer, reading.writer, reading.reader)
    except EOFError:
        raise InvalidRecordError("truncated") from None
    except SchemaResolutionError:
        raise InvalidRecordError("unknown_schema") from None
    except IndexError:
        # a varint that breaks off, or an enum or union index that does not exist
        breaks_off = buffer.tell() == len(value) and value[-1] & 0x80
        raise InvalidRecordError("truncated" if breaks_off else "undecodable") from None
    except (ValueError, OverflowError, RecursionError):
        raise InvalidRecordError("undecodable") from None
    if buffer.tell() != len(value):
        raise InvalidRecordError("trailing_bytes")
    # fastavro fills in a default by handing out the schema's own list or map
    return deepcopy(fields) if reading.shares_defaults else fields


@cache
def _writing() -> dict[str, _Writing]:
    return {
        name: _Writing(_SINGLE_OBJECT + version.fingerprint, writer(version.plain))
        for name, version in newest().items()
    }


@cache
def _by_fingerprint() -> dict[bytes, _Reading]:
    # of versions that differ in docs or defaults only, the newest comes last and stays
    return {version.fingerprint: _reading(version.name, version.plain, version.fingerprint) for version in versions()}


def _by_id(registry: SchemaRegistry | None, schema_id: int) -> _Reading | None:
    return None if registry is None else _registered(registry, schema_id)


@lru_cache(maxsize=1024)
def _registered(registry: SchemaRegistry, schema_id: int) -> _Reading:
    schema = registry.writer_schema(schema_id)
    if schema is None:
        # raised and not returned: an error is not cached, so an id registered later is found
        raise InvalidRecordError("unknown_schema")
    try:
        return _reading_of(schema)
    except Exception:  # noqa: BLE001 - fastavro meets a malformed schema with any exception there is
        raise InvalidRecordError("unknown_schema") from None


def _reading_of(schema: Mapping[str, Any]) -> _Reading:
    fingerprint = wire_fingerprint(schema)
    known = _by_fingerprint().get(fingerprint)
    if known is not None:
        return known
    writer = plain(schema)
    namespace, _, name = str(writer["name"]).rpartition(".")
    if namespace != NAMESPACE:
        raise InvalidRecordError("unknown_schema")
    return _reading(name, writer, fingerprint)


def _reading(name: str, writer: dict[str, Any], fingerprint: bytes) -> _Reading:
    target = newest().get(name)
    if target is None or target.fingerprint == fingerprint:
        return _Reading(name, writer, None, shares_defaults=False)
    return _Reading(name, writer, target.plain, shares_defaults=_has_mutable_default(target.source))


def _has_mutable_default(schema: Any) -> bool:
    if isinstance(schema, list):
        return any(_has_mutable_default(part) for part in schema)
    if not isinstance(schema, dict):
        return False
    return isinstance(schema.get("default"), list | dict) or any(map(_has_mutable_default, schema.values()))
