"""What may be written, exactly the schema's types, and the bytes it becomes: those of fastavro."""

from io import BytesIO
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.library import newest
from schemas.writing import WrongTypeError, writer

SCHEMA = {
    "type": "record",
    "name": "lapse.Sample",
    "fields": [
        {"name": "count", "type": "int"},
        {"name": "at", "type": "long"},
        {"name": "on", "type": "boolean"},
        {"name": "kind", "type": {"type": "enum", "name": "lapse.Kind", "symbols": ["UNKNOWN", "A"]}},
        {"name": "names", "type": {"type": "array", "items": "string"}},
        {"name": "dates", "type": {"type": "map", "values": "long"}},
        {"name": "inner", "type": ["null", {"type": "record", "name": "lapse.Inner", "fields": []}], "default": None},
        {"name": "again", "type": ["null", "lapse.Inner"], "default": None},
    ],
}
WRITE = writer(SCHEMA)


def written(value: Any) -> bytes:
    to = bytearray()
    WRITE(value, to)
    return bytes(to)


def accepts(value: Any) -> bool:
    try:
        written(value)
    except WrongTypeError:
        return False
    return True


def by_fastavro(schema: Any, value: Any) -> bytes:
    buffer = BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(schema), value)
    return buffer.getvalue()


def sample(**changes: Any) -> dict[str, Any]:
    plain = {"count": 1, "at": 2, "on": True, "kind": "A", "names": ["n"], "dates": {"d": 3}}
    return {**plain, "inner": {}, "again": None, **changes}


@pytest.mark.parametrize(
    "changes",
    [
        {"count": -(2**31)},
        {"at": 2**63 - 1},
        {"names": []},
        {"names": ["Å" * 64, ""]},
        {"names": ("n", "m")},
        {"dates": {}},
        {"inner": None},
        {"again": {}},
    ],
    ids=str,
)
def test_writer_accepts_what_the_schema_allows(changes: dict[str, Any]) -> None:
    assert written(sample(**changes)) == by_fastavro(SCHEMA, sample(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"count": 2**31},
        {"count": True},
        {"at": 2**63},
        {"at": 2.0},
        {"at": None},
        {"on": 1},
        {"kind": "B"},
        {"kind": []},
        {"names": "text"},
        {"names": [1]},
        {"dates": {1: 1}},
        {"dates": {"d": "x"}},
        {"dates": []},
        {"inner": {"unheard": 1}},
        {"again": 1},
        {"unheard": 1},
    ],
    ids=str,
)
def test_writer_refuses_everything_else(changes: dict[str, Any]) -> None:
    assert not accepts(sample(**changes))


def test_writer_lets_out_only_what_has_a_default() -> None:
    complete = sample()
    left_out = {name: accepts({k: v for k, v in complete.items() if k != name}) for name in complete}
    assert {name for name, accepted in left_out.items() if accepted} == {"inner", "again"}


@given(at=st.integers(-(2**63), 2**63 - 1), count=st.integers(-(2**31), 2**31 - 1), name=st.text(max_size=200))
def test_written_numbers_and_text_are_those_of_fastavro(at: int, count: int, name: str) -> None:
    value = sample(at=at, count=count, dates={name: at}, names=[name])
    assert written(value) == by_fastavro(SCHEMA, value)


def test_written_defaults_are_those_of_fastavro() -> None:
    value = {name: field for name, field in sample().items() if name not in {"inner", "again"}}
    assert written(value) == by_fastavro(SCHEMA, value)


@pytest.mark.parametrize("name", list(newest()))
def test_writer_knows_every_type_of_every_record(name: str) -> None:
    assert callable(writer(newest()[name].plain))
