"""A released schema stays as it is, and every version of a record reads every other."""

import hashlib
import json
from collections.abc import Iterator
from copy import deepcopy
from importlib.resources import files
from io import BytesIO
from itertools import groupby, permutations
from typing import Any

import pytest
from fastavro import schemaless_reader, schemaless_writer
from fastavro.read import SchemaResolutionError
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import writing
from schemas.codec import decode, encode
from schemas.library import NAMESPACE, newest, plain, versions, wire_fingerprint

AVRO = files("schemas") / "avro"
RELEASED: dict[str, dict[str, str]] = json.loads((AVRO / "released.json").read_text("utf-8"))
PRIMITIVES: dict[str, st.SearchStrategy[Any]] = {
    "null": st.none(),
    "boolean": st.booleans(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "string": st.text(max_size=8),
}


def values(schema: Any, named: dict[str, st.SearchStrategy[Any]] | None = None) -> st.SearchStrategy[Any]:
    """Any value of a schema without logical types."""
    named = {} if named is None else named
    if isinstance(schema, list):
        return st.one_of([values(part, named) for part in schema])
    if isinstance(schema, str):
        return PRIMITIVES[schema] if schema in PRIMITIVES else named[schema]
    match schema["type"]:
        case "array":
            return st.lists(values(schema["items"], named), max_size=3)
        case "map":
            return st.dictionaries(st.text(max_size=4), values(schema["values"], named), max_size=3)
        case "enum":
            named[schema["name"]] = st.sampled_from(schema["symbols"])
        case "record":
            fields = {field["name"]: values(field["type"], named) for field in schema["fields"]}
            named[schema["name"]] = st.fixed_dictionaries(fields)
        case other:
            return values(other, named)
    return named[schema["name"]]


def nested(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema inside a schema, itself first."""
    if isinstance(schema, list):
        for part in schema:
            yield from nested(part)
    elif isinstance(schema, dict):
        yield schema
        for key in ("type", "items", "values"):
            yield from nested(schema.get(key))
        for field in schema.get("fields", []):
            yield from nested(field["type"])


def assert_reads(writer: dict[str, Any], reader: dict[str, Any]) -> None:
    """The reader makes a record of its own of whatever the writer may write."""

    @settings(deadline=None, max_examples=40, database=None)
    @given(values(writer))
    def reads(value: Any) -> None:
        buffer = BytesIO()
        schemaless_writer(buffer, writer, value)
        buffer.seek(0)
        # raises where what was read is not exactly the reader's types
        writing.writer(reader)(schemaless_reader(buffer, writer, reader), bytearray())

    reads()


def assert_fully_compatible(first: dict[str, Any], second: dict[str, Any]) -> None:
    """Each reads what the other writes."""

    for writer, reader in permutations([plain(first), plain(second)]):
        assert_reads(writer, reader)


def tick_schema(*added: dict[str, Any], without: str = "") -> dict[str, Any]:
    schema = deepcopy(newest()["TickRequested"].source)
    kept = [field for field in schema["fields"] if field["name"] != without]
    return {**schema, "fields": [*kept, *added]}


def test_every_file_is_released() -> None:
    assert set(RELEASED) == {entry.name for entry in AVRO.iterdir() if entry.name.endswith(".avsc")}


@pytest.mark.parametrize("file_name", sorted(RELEASED))
def test_released_file_is_unchanged(file_name: str) -> None:
    # the fingerprint is what frames hold; it does not see defaults and docs, the digest does
    text = (AVRO / file_name).read_text("utf-8")
    found = {
        "fingerprint": wire_fingerprint(json.loads(text)).hex(),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    assert found == RELEASED[file_name]


def test_fingerprints_differ_between_records() -> None:
    owners = {(version.fingerprint, version.name) for version in versions()}
    assert len({fingerprint for fingerprint, _ in owners}) == len(owners)


@pytest.mark.parametrize("name", sorted(newest()))
def test_versions_are_numbered_without_a_gap(name: str) -> None:
    numbers = [version.number for version in versions() if version.name == name]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("name", sorted(newest()))
def test_every_version_reads_every_other(name: str) -> None:
    by_name = {key: list(group) for key, group in groupby(versions(), key=lambda version: version.name)}
    for first in by_name[name]:
        for second in by_name[name]:
            assert_fully_compatible(first.source, second.source)


@pytest.mark.parametrize("name", sorted(newest()))
@settings(deadline=None, max_examples=100)
@given(st.data())
def test_generated_record_survives_the_codec(name: str, data: st.DataObject) -> None:
    fields = data.draw(values(newest()[name].plain))
    assert decode(encode(name, fields), {name}) == (name, fields)


def test_compatibility_holds_for_an_added_field_with_a_default() -> None:
    added = {"name": "shard", "type": ["null", "long"], "default": None}
    assert_fully_compatible(tick_schema(), tick_schema(added))


@pytest.mark.parametrize(
    "changed",
    [
        tick_schema({"name": "shard", "type": "long"}),
        tick_schema(without="dry_run"),
        tick_schema({"name": "as_of", "type": "string"}, without="as_of"),
    ],
    ids=["added-without-default", "removed-without-default", "other-type"],
)
def test_compatibility_check_finds_a_break(changed: dict[str, Any]) -> None:
    with pytest.raises(SchemaResolutionError):
        assert_fully_compatible(tick_schema(), changed)


@pytest.mark.parametrize("version", versions(), ids=lambda version: f"{version.name}.v{version.number}")
def test_schema_follows_the_contract(version: Any) -> None:
    assert (version.source["name"], version.source["namespace"]) == (version.name, NAMESPACE)
    for schema in nested(version.source):
        if schema["type"] == "enum":
            assert schema["default"] == schema["symbols"][0] == "UNKNOWN"
        for field in schema.get("fields", []):
            assert field["doc"].endswith(".")
            assert_optional_is_null_first(field)
            assert_time_or_id_is_typed(field)


def assert_optional_is_null_first(field: dict[str, Any]) -> None:
    if isinstance(field["type"], list):
        assert field["type"][0] == "null"
        assert len(field["type"]) == 2
        assert field["default"] is None
    else:
        assert "default" not in field


def assert_time_or_id_is_typed(field: dict[str, Any]) -> None:
    bare = field["type"][-1] if isinstance(field["type"], list) else field["type"]
    times = ("_at", "_until", "_of", "not_before", "until", "since", "date")
    if field["name"].endswith(times) or field["name"] == "at":
        assert bare == {"type": "long", "logicalType": "timestamp-micros"}
    if field["name"] in {"id", "event_id", "tick_id", "command_id"}:
        assert bare == {"type": "string", "logicalType": "uuid"}
