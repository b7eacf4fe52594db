"""Avro single-object encoding of the two records, written out by hand.

A record is `0xC3 0x01`, the schema's 8-byte little-endian CRC-64-AVRO fingerprint, then its fields in order. The writer
here knows the two schemas and costs a quarter of a general one; tests compare its bytes with fastavro's.
"""

import json
from importlib import resources
from typing import Any, Final

import fastavro
from fastavro.schema import fingerprint, to_parsing_canonical_form

from producer_client.checks import MAX_ID_CHARACTERS

SCHEDULE: Final = "ScheduleAnonymization"
POSTPONE: Final = "PostponeAnonymization"


def schema(name: str) -> dict[str, Any]:
    """Returns the bundled Avro schema of a record, as parsed JSON."""
    file = resources.files("producer_client") / "avro" / f"{name}.v1.avsc"
    loaded: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return loaded


def frame(name: str) -> bytes:
    """Returns the ten bytes every value of this record starts with."""
    canonical = to_parsing_canonical_form(fastavro.parse_schema(schema(name)))
    crc: str = fingerprint(canonical, "CRC-64-AVRO")
    return b"\xc3\x01" + bytes.fromhex(crc)


def _varint(number: int) -> bytes:
    """Returns an Avro long: zigzag, then seven bits a byte, lowest first."""
    rest = number << 1 ^ number >> 63
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


# A long of 2**48 to 2**55 microseconds (December 1978 to the year 3111) takes eight bytes. Moving groups of 28, 14 and
# then 7 bits apart fills them in a few operations where a loop takes twenty-four.
_EIGHT_BYTES_FROM, _EIGHT_BYTES_TO = 1 << 48, 1 << 55


def timestamp(micros: int) -> bytes:
    """Returns a timestamp-micros as Avro writes it."""
    if not _EIGHT_BYTES_FROM <= micros < _EIGHT_BYTES_TO:
        return _varint(micros)
    spread = micros << 1
    spread = (spread & 0xFFFFFFF0000000) << 4 | spread & 0xFFFFFFF
    spread = (spread & 0x0FFFC0000FFFC000) << 2 | spread & 0x00003FFF00003FFF
    spread = (spread & 0x3F803F803F803F80) << 1 | spread & 0x007F007F007F007F
    return (spread | 0x0080808080808080).to_bytes(8, "little")


# Any id, product or source: at most 256 characters of at most 4 bytes.
_LENGTH = [_varint(size) for size in range(MAX_ID_CHARACTERS * 4 + 1)]
_NULL, _PRESENT = b"\x00", b"\x02"  # branches of ["null", "long"]
_SCHEDULE_START = frame(SCHEDULE) + _LENGTH[36]  # every value starts with the event id, 36 characters
_POSTPONE_START = frame(POSTPONE) + _LENGTH[36]


def text(encoded: bytes) -> bytes:
    """Returns UTF-8 text as Avro writes it."""
    return _LENGTH[len(encoded)] + encoded


def schedule_value(
    event_id: bytes,
    customer: bytes,
    product: bytes,
    occurred_at: int,
    retention_starts_at: int,
    not_before: int | None,
    source: bytes,
) -> bytes:
    """Returns a ScheduleAnonymization. Text is UTF-8, times are microseconds, `source` is as `text` returns it."""
    return b"".join(
        (
            _SCHEDULE_START,
            event_id,
            _LENGTH[len(customer)],
            customer,
            _LENGTH[len(product)],
            product,
            timestamp(occurred_at),
            timestamp(retention_starts_at),
            _NULL if not_before is None else _PRESENT + timestamp(not_before),
            source,
        )
    )


def postpone_value(
    event_id: bytes, customer: bytes, product: bytes, occurred_at: int, until: int | None, source: bytes
) -> bytes:
    """Returns a PostponeAnonymization. Text is UTF-8, times are microseconds, `source` is as `text` returns it."""
    return b"".join(
        (
            _POSTPONE_START,
            event_id,
            _LENGTH[len(customer)],
            customer,
            _LENGTH[len(product)],
            product,
            timestamp(occurred_at),
            _NULL if until is None else _PRESENT + timestamp(until),
            source,
        )
    )


_ID_AT = slice(len(_SCHEDULE_START), len(_SCHEDULE_START) + 36)


def event_id_in(value: bytes) -> str:
    """Returns the event id of an encoded event, without decoding the rest."""
    return value[_ID_AT].decode("ascii")
