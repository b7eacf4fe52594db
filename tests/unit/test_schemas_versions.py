"""Other versions of a record: as files, and from a registry."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from io import BytesIO
from typing import Any
from uuid import UUID

import fastavro
import pytest

from consumers.domain.errors import InvalidRecordError, TransientError
from schemas import codec, library
from schemas.codec import decode, encode

TICKS = frozenset({"TickRequested"})
TICK = {"tick_id": str(UUID(int=7)), "as_of": 5, "dry_run": False, "requested_by": "cron"}
SHARDS = {"name": "shards", "type": {"type": "array", "items": "int"}, "default": []}


def tick_schema(*added: dict[str, Any], **changes: Any) -> dict[str, Any]:
    schema = deepcopy(library.newest()["TickRequested"].source)
    schema["fields"] += added
    return schema | changes


def confluent(schema: dict[str, Any], fields: Mapping[str, Any], schema_id: int = 7) -> bytes:
    buffer = BytesIO(b"\x00" + schema_id.to_bytes(4, "big"))
    buffer.seek(5)
    fastavro.schemaless_writer(buffer, library.plain(schema), fields)
    return buffer.getvalue()


class OneRegistry:
    """A registry that knows id 7, or is away."""

    def __init__(self, schema: Mapping[str, Any] | TransientError | None) -> None:
        self.schema = schema
        self.asked = 0

    def writer_schema(self, schema_id: int, /) -> Mapping[str, Any] | None:
        self.asked += 1
        if isinstance(self.schema, TransientError):
            raise self.schema
        return self.schema if schema_id == 7 else None


@pytest.fixture
def second_version(monkeypatch: pytest.MonkeyPatch) -> Iterator[library.Version]:
    """TickRequested.v2, which adds an array with a default."""
    source = tick_schema(SHARDS)
    second = library.Version("TickRequested", 2, source, library.plain(source), library.wire_fingerprint(source))
    everything = (*library.versions(), second)
    caches = (codec._writing, codec._by_fingerprint, codec._registered)
    monkeypatch.setattr(codec, "versions", lambda: everything)
    monkeypatch.setattr(codec, "newest", lambda: {**library.newest(), "TickRequested": second})
    for cached in caches:
        cached.cache_clear()
    yield second
    for cached in caches:
        cached.cache_clear()


def refusal(value: bytes, registry: OneRegistry | None) -> str | None:
    with pytest.raises(InvalidRecordError) as refused:
        decode(value, TICKS, registry=registry)
    return refused.value.code


def test_decode_resolves_an_older_version_to_the_newest(second_version: library.Version) -> None:
    older = b"\xc3\x01" + library.newest()["TickRequested"].fingerprint + confluent(tick_schema(), TICK)[5:]
    assert decode(older, TICKS).fields == {**TICK, "shards": []}
    assert encode("TickRequested", {**TICK, "shards": [3]})[2:10] == second_version.fingerprint


@pytest.mark.usefixtures("second_version")
def test_decode_gives_each_record_its_own_defaults() -> None:
    older = b"\xc3\x01" + library.newest()["TickRequested"].fingerprint + confluent(tick_schema(), TICK)[5:]
    decode(older, TICKS).fields["shards"].append(1)
    assert decode(older, TICKS).fields["shards"] == []


def test_decode_reads_a_registered_version_we_ship() -> None:
    registry = OneRegistry(tick_schema())
    for _ in range(3):
        assert decode(confluent(tick_schema(), TICK), TICKS, registry=registry).fields == TICK
    assert registry.asked == 1


def test_decode_drops_what_a_newer_registered_version_added() -> None:
    newer = tick_schema(SHARDS)
    value = confluent(newer, {**TICK, "shards": [1, 2]})
    assert decode(value, TICKS, registry=OneRegistry(newer)).fields == TICK


def test_decode_fills_in_what_an_older_registered_version_lacks() -> None:
    older = deepcopy(library.newest()["AnonymizeCustomer"].source)
    older["fields"] = [field for field in older["fields"] if field["name"] != "only_service"]
    fields = {"command_id": TICK["tick_id"], "attempt": 1, "customer_id": "c", "purpose": "p", "sent_at": 0}
    decoded = decode(confluent(older, fields), {"AnonymizeCustomer"}, registry=OneRegistry(older))
    assert decoded.fields == {**fields, "only_service": None}


def test_decode_refuses_an_id_the_registry_does_not_know_until_it_does() -> None:
    registry = OneRegistry(None)
    value = confluent(tick_schema(), TICK)
    assert refusal(value, registry) == "unknown_schema"
    registry.schema = tick_schema()
    assert decode(value, TICKS, registry=registry).fields == TICK


@pytest.mark.parametrize(
    "schema",
    [
        tick_schema(namespace="elsewhere"),
        {"type": "record", "name": "lapse.TickRequested", "fields": [{"name": "x", "type": "string"}]},
        {"type": "record", "name": "lapse.TickRequested", "fields": [{"name": "x", "type": "no such"}]},
        {},
    ],
    ids=["foreign", "incompatible", "malformed", "empty"],
)
def test_decode_refuses_a_registered_schema_that_is_not_ours(schema: dict[str, Any]) -> None:
    assert refusal(confluent(tick_schema(), TICK), OneRegistry(schema)) == "unknown_schema"


def test_decode_refuses_a_registered_record_of_another_topic() -> None:
    other = library.newest()["CheckCustomer"].source
    assert refusal(confluent(tick_schema(), TICK), OneRegistry(other)) == "wrong_type"


def test_decode_passes_on_that_the_registry_is_away() -> None:
    with pytest.raises(TransientError):
        decode(confluent(tick_schema(), TICK), TICKS, registry=OneRegistry(TransientError()))
