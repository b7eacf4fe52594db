"""The Avro schemas shipped with Lapse, `avro/NAME.vN.avsc`, each parsed once.

A new version of a record is a new file; a released file is never edited (`avro/released.json` and a test hold it).
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from fastavro.schema import fingerprint, parse_schema, to_parsing_canonical_form

NAMESPACE = "lapse"
SCHEDULE, POSTPONE = "ScheduleAnonymization", "PostponeAnonymization"
EVENTS = frozenset({SCHEDULE, POSTPONE})
"""The records of lapse.events."""
ANONYMIZE, CHECK = "AnonymizeCustomer", "CheckCustomer"
COMMANDS = frozenset({ANONYMIZE, CHECK})
"""The records of lapse.commands."""

_FILE_NAME = re.compile(r"(?P<name>[A-Za-z]+)\.v(?P<number>[0-9]+)\.avsc")
# Where a schema may hold another; everything else (docs, defaults) is data and stays as it is.
_NESTED = ("type", "items", "values", "fields")


class Version(NamedTuple):
    """One version of one record.

    Attributes:
        name: Record name without namespace: ScheduleAnonymization.
        number: 1 and up.
        source: The schema as written in the file.
        plain: Parsed for fastavro without logical types, so that timestamps stay microseconds and ids stay text.
        fingerprint: 8 bytes, as they stand in a frame.
    """

    name: str
    number: int
    source: dict[str, Any]
    plain: dict[str, Any]
    fingerprint: bytes


@cache
def versions() -> tuple[Version, ...]:
    """Every version shipped, by name and number."""
    found = (_version(entry.name, entry.read_text("utf-8")) for entry in (files(__package__) / "avro").iterdir())
    return tuple(sorted((version for version in found if version), key=lambda version: (version.name, version.number)))


@cache
def newest() -> Mapping[str, Version]:
    """The version in force of each record, by record name."""
    return {version.name: version for version in versions()}


def wire_fingerprint(schema: Mapping[str, Any]) -> bytes:
    """CRC-64-AVRO of the parsing canonical form, 8 bytes little-endian as in a frame.

    fastavro prints the number in this byte order already; Apache Avro prints the long, which is the reverse.
    """
    return bytes.fromhex(fingerprint(to_parsing_canonical_form(dict(schema)), "CRC-64-AVRO"))


def plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Parse a record's schema without its logical types."""
    parsed: Any = parse_schema(_without_logical_types(dict(schema)))
    return dict(parsed)


def _version(file_name: str, text: str) -> Version | None:
    match = _FILE_NAME.fullmatch(file_name)
    if match is None:
        return None
    source = json.loads(text)
    return Version(match["name"], int(match["number"]), source, plain(source), wire_fingerprint(source))


def _without_logical_types(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_logical_types(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if key != "logicalType"}
    kept |= {key: _without_logical_types(kept[key]) for key in _NESTED if key in kept}
    # {"type": "long"} means "long", and fastavro reads the short form faster
    return kept["type"] if set(kept) == {"type"} else kept
