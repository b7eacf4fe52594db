"""What may be written: exactly the schema's types."""

from typing import Any

import pytest

from schemas.exact import exactly

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
ACCEPTS = exactly(SCHEMA)


def sample(**changes: Any) -> dict[str, Any]:
    plain = {"count": 1, "at": 2, "on": True, "kind": "A", "names": ["n"], "dates": {"d": 3}}
    return {**plain, "inner": {}, "again": None, **changes}


@pytest.mark.parametrize(
    "changes",
    [
        {"count": -(2**31)},
        {"at": 2**63 - 1},
        {"names": []},
        {"names": ("n", "m")},
        {"dates": {}},
        {"inner": None},
        {"again": {}},
    ],
    ids=str,
)
def test_exactly_accepts_what_the_schema_allows(changes: dict[str, Any]) -> None:
    assert ACCEPTS(sample(**changes))


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
def test_exactly_refuses_everything_else(changes: dict[str, Any]) -> None:
    assert not ACCEPTS(sample(**changes))


def test_exactly_lets_out_only_what_has_a_default() -> None:
    complete = sample()
    left_out = {name: ACCEPTS({k: v for k, v in complete.items() if k != name}) for name in complete}
    assert {name for name, accepted in left_out.items() if accepted} == {"inner", "again"}
