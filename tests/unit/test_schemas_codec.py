"""Frames: what is written, what is read, and each code of what cannot be read."""

import io
import json
import traceback
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import fastavro
import pytest

from consumers.domain.errors import InvalidRecordError
from schemas.codec import Decoded, decode, encode
from schemas.library import newest, wire_fingerprint

EVENTS = frozenset({"ScheduleAnonymization", "PostponeAnonymization"})
CANARY = "canary " * 2  # never in one piece in a line a traceback shows


def schedule(**changes: Any) -> dict[str, Any]:
    return {
        "event_id": "8d3c3f0e-58f2-4c8e-9b55-0a1f8e0a7c11",
        "customer_id": "c-41",
        "product": "loan/8812",
        "occurred_at": 1_764_000_000_123_457,
        "retention_starts_at": -1,
        "not_before": None,
        "source": "loans",
    } | changes


def refusal(value: bytes | None, expected: frozenset[str] = EVENTS) -> str:
    with pytest.raises(InvalidRecordError) as refused:
        decode(value, expected)
    assert refused.value.code is not None
    return refused.value.code


def rabin(text: str) -> int:
    """CRC-64-AVRO as the Avro specification writes it."""
    empty = 0xC15D213AA4D7A795
    table = []
    for byte in range(256):
        entry = byte
        for _ in range(8):
            entry = (entry >> 1) ^ (empty if entry & 1 else 0)
        table.append(entry)
    checksum = empty
    for byte in text.encode():
        checksum = (checksum >> 8) ^ table[(checksum ^ byte) & 0xFF]
    return checksum


def test_encode_matches_golden_bytes() -> None:
    # written by Apache Avro for Java 1.12.0, BinaryMessageEncoder
    header = bytes.fromhex("c301") + 0x13F684919EB2E957.to_bytes(8, "little")
    body = (
        b"\x488d3c3f0e-58f2-4c8e-9b55-0a1f8e0a7c11"
        b"\x08c-41"
        b"\x12loan/8812" + bytes.fromhex("8289a196a896a206") + b"\x01\x00\x0aloans"
    )
    assert encode("ScheduleAnonymization", schedule()) == header + body


def test_encode_equals_plain_fastavro_with_logical_types_and_hand_framing() -> None:
    source = newest()["ScheduleAnonymization"].source
    canonical = fastavro.schema.to_parsing_canonical_form(source)
    buffer = io.BytesIO()
    typed = {
        "event_id": UUID("8d3c3f0e-58f2-4c8e-9b55-0a1f8e0a7c11"),
        "occurred_at": datetime(2025, 11, 24, 16, 0, 0, 123_457, UTC),
        "retention_starts_at": datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC),
    }
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(source), schedule(**typed))
    framed = b"\xc3\x01" + rabin(canonical).to_bytes(8, "little") + buffer.getvalue()
    assert encode("ScheduleAnonymization", schedule()) == framed


def test_fingerprint_matches_the_specification() -> None:
    # from Avro's own test vectors
    assert rabin('"null"') == 7195948357588979594
    assert wire_fingerprint({"type": "null"}) == (7195948357588979594).to_bytes(8, "little")


def test_decode_gives_plain_longs_and_text() -> None:
    decoded = decode(encode("ScheduleAnonymization", schedule()), EVENTS)
    assert decoded == Decoded("ScheduleAnonymization", schedule())
    assert type(decoded.fields["occurred_at"]) is int
    assert type(decoded.fields["event_id"]) is str


def test_encode_fills_in_what_has_a_default() -> None:
    fields = schedule()
    del fields["not_before"]
    assert encode("ScheduleAnonymization", fields) == encode("ScheduleAnonymization", schedule())


@pytest.mark.parametrize(
    "changes",
    [
        {"customer_id": None},
        {"customer_id": 41},
        {"customer_id": "\ud800"},
        {"occurred_at": "2025-11-24"},
        {"occurred_at": datetime(2025, 11, 24, tzinfo=UTC)},
        {"occurred_at": 1.5},
        {"occurred_at": True},
        {"occurred_at": 2**63},
        {"not_before": "later"},
        {"event_id": UUID(int=1)},
        {"unheard_of": 1},
    ],
    ids=lambda changes: f"{next(iter(changes))}-{type(next(iter(changes.values()))).__name__}",
)
def test_encode_refuses_wrong_types(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidRecordError, match="wrong_type"):
        encode("ScheduleAnonymization", schedule(**changes))


@pytest.mark.parametrize(
    "field", ["event_id", "customer_id", "product", "occurred_at", "retention_starts_at", "source"]
)
def test_encode_refuses_a_missing_field(field: str) -> None:
    fields = schedule()
    del fields[field]
    with pytest.raises(InvalidRecordError, match="wrong_type"):
        encode("ScheduleAnonymization", fields)


def test_encode_refuses_an_unknown_record() -> None:
    with pytest.raises(InvalidRecordError, match="wrong_type"):
        encode("Unheard", {})


def test_encode_shows_no_value() -> None:
    with pytest.raises(InvalidRecordError) as refused:
        encode("ScheduleAnonymization", schedule(customer_id=CANARY + "\ud800"))
    assert CANARY not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "tombstone"),
        (b"", "undecodable"),
        (b"\xc3", "undecodable"),
        (b"\xc3\x01\x01\x02", "undecodable"),
        (b"\x00\x00\x00\x01", "undecodable"),
        (json.dumps(schedule()).encode(), "undecodable"),
        (b"\xc3\x01" + bytes(8), "unknown_schema"),
        (b"\x00\x00\x00\x00\x01body", "unknown_schema"),
    ],
)
def test_decode_refuses_what_is_no_frame(value: bytes | None, code: str) -> None:
    assert refusal(value) == code


def test_decode_refuses_a_record_of_another_topic() -> None:
    command = {"command_id": str(UUID(int=1)), "attempt": 1, "customer_id": "c", "purpose": "p", "sent_at": 0}
    assert refusal(encode("CheckCustomer", command)) == "wrong_type"


def test_decode_refuses_trailing_bytes() -> None:
    assert refusal(encode("ScheduleAnonymization", schedule()) + b"\x00") == "trailing_bytes"


def test_decode_refuses_invalid_utf8() -> None:
    value = encode("ScheduleAnonymization", schedule(source="canary"))
    assert refusal(value.replace(b"canary", b"canar\xff")) == "undecodable"


def test_decode_refuses_a_union_branch_that_does_not_exist() -> None:
    value = encode("ScheduleAnonymization", schedule())
    assert refusal(value.replace(b"\x00\x0aloans", b"\x04\x0aloans")) == "undecodable"
