"""Whatever the bytes are: a record or InvalidRecordError, in bounded memory."""

import tracemalloc
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from consumers.domain.errors import InvalidRecordError
from schemas.codec import Decoded, decode, encode
from schemas.library import newest

EVERY = frozenset(newest())
CODES = {"undecodable", "unknown_schema", "truncated", "trailing_bytes"}
ID = str(UUID(int=7))
HUGE = b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f"  # 2^62 - 1 as a zigzag varint


def register() -> dict[str, Any]:
    date = {"date": 5, "not_before": None}
    return {"occurred_at": 1, "event_id": ID, "digest": "00ff", "spent": ["m", "é"], "traceparent": "00-1", **date}


def customer() -> dict[str, Any]:
    command = {
        "id": ID,
        "attempt": 3,
        "phase": "ISSUED",
        "services": ["crm", "news"],
        "votes": {"crm": {"vote": "AGREED", "at": 9}},
        "outcomes": {"news": "DONE"},
        "sent_at": 10,
        "lease_until": 11,
        "committed_at": None,
        "reopened": {},
    }
    last = {"id": ID, "services": [], "outcomes": {}, "committed_at": -1, "completed_at": 7}
    return {
        "customer_id": "c-41",
        "version": 2**40,
        "stamp": "s",
        "products": [{"product": "loan/1", "schedule": register(), "postpone": None}],
        "purposes": [
            {"purpose": "m", "attempt": 3, "retry_at": 4, "command": command, "last": last, "deferred": {"s3": 12}}
        ],
        "holds": [{"position": "events-7-41", "since": 1, "code": "undecodable", "by": None, "reason": "asked"}],
        "discarded": [{"position": "events-7-40", "at": 1, "by": "someone", "reason": "twice"}],
        "updated_at": 13,
    }


def result() -> dict[str, Any]:
    optional = dict.fromkeys(["rules_digest", "table_version", "command_partition", "command_offset", "committed_at"])
    optional |= dict.fromkeys(["started_at", "deferred_until", "error_code"])
    answer = {"outcome": "DONE", "rows_by_table": {"customers": 1, "notes": 0}, "finished_at": 2}
    return {"command_id": ID, "attempt": 1, "customer_id": "c", "purpose": "m", "service": "crm", **answer, **optional}


FRAMES = [encode("CustomerState", customer()), encode("AnonymizationResult", result())]
FINGERPRINTS = sorted(version.fingerprint for version in newest().values())


def outcome(value: bytes) -> Decoded | str | None:
    try:
        return decode(value, EVERY)
    except InvalidRecordError as refused:
        return refused.code


@pytest.mark.parametrize(("name", "fields"), [("CustomerState", customer()), ("AnonymizationResult", result())])
def test_decode_returns_what_was_encoded(name: str, fields: dict[str, Any]) -> None:
    assert decode(encode(name, fields), EVERY) == Decoded(name, fields)


@settings(deadline=None, max_examples=400)
@given(st.binary(max_size=64))
@example(b"\x00" * 5)
def test_decode_never_crashes_on_any_bytes(value: bytes) -> None:
    assert outcome(value) in CODES


@settings(deadline=None, max_examples=600)
@given(st.sampled_from(FINGERPRINTS), st.binary(max_size=200))
def test_decode_never_crashes_on_any_body(fingerprint: bytes, body: bytes) -> None:
    answer = outcome(b"\xc3\x01" + fingerprint + body)
    assert isinstance(answer, Decoded) or answer in CODES


@pytest.mark.parametrize("frame", FRAMES, ids=["state", "result"])
def test_decode_never_crashes_on_a_flipped_bit(frame: bytes) -> None:
    for bit in range(len(frame) * 8):
        flipped = bytearray(frame)
        flipped[bit // 8] ^= 1 << bit % 8
        answer = outcome(bytes(flipped))
        assert isinstance(answer, Decoded) or answer in CODES


@pytest.mark.parametrize("frame", FRAMES, ids=["state", "result"])
def test_decode_refuses_every_truncation(frame: bytes) -> None:
    assert {outcome(frame[:length]) for length in range(10)} == {"undecodable"}
    assert {outcome(frame[:length]) for length in range(10, len(frame))} == {"truncated"}


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(FRAMES), st.data())
def test_decode_never_crashes_on_a_replaced_slice(frame: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(10, len(frame)))
    stop = data.draw(st.integers(start, len(frame)))
    answer = outcome(frame[:start] + data.draw(st.binary(max_size=16)) + frame[stop:])
    assert isinstance(answer, Decoded) or answer in CODES


@pytest.mark.parametrize(
    "body",
    [HUGE + b"abc", b"\x01abc", b"\x02c\x00\x00" + HUGE + b"abc", b"\x02c\x00\x00" + b"\xff" * 8 + b"\x7f\x02abc"],
    ids=["text", "negative-text", "array", "negative-array"],
)
def test_decode_allocates_nothing_for_a_huge_length(body: bytes) -> None:
    value = b"\xc3\x01" + newest()["CustomerState"].fingerprint + body
    tracemalloc.start()
    try:
        assert outcome(value) == "truncated"
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
