"""The JSON Schema for editors accepts what `load_rules` accepts, and points at what it refuses."""

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from consumers.stores import RulesError, load_rules, rules_schema
from consumers.stores.rules.forms import AVAILABLE
from consumers.yaml_text import read_yaml
from tests.support.command_line import run
from tests.support.json_schema import mismatches
from tests.support.sql_store import RULES

MANUAL = Path(__file__).parents[2] / "docs" / "rules.md"
FORMS = (
    "set_null",
    "zeros",
    "unique_token",
    "{static: Anonymized}",
    "{static: 7}",
    "{static: true}",
    "{unique_email: {domain: a.invalid}}",
    "{truncate: year}",
    "{truncate: {characters: 3}}",
    "empty",
    "redact",
    "unique_phone",
    '{unique_phone: {prefix: "+999"}}',
    '{template: "Customer {token}"}',
    "{bucket: {size: 10}}",
    "{hash: {accept_reversible: joined elsewhere}}",
    "{partial_mask: {characters: 4, accept_reversible: joined elsewhere}}",
    "{json: {remove: [$.a, $.b.c], set: {$.d: 1, $.e: ~}, keep: {statistics: [$.f]}, other_paths: keep}}",
)


def example() -> str:
    found = re.search(r"```yaml\n(version: 1\n.*?)```", MANUAL.read_text("utf-8"), re.DOTALL)
    assert found
    return found[1]


def demo_rules() -> list[str]:
    return [each.read_text("utf-8") for each in (files("consumers.demo") / "services").iterdir() if "yaml" in each.name]


def document(text: str) -> Any:
    return json.loads(json.dumps(read_yaml(text), default=str))


def test_rules_schema_accepts_the_manual_the_demo_and_the_tests() -> None:
    shared = RULES.replace("notes: {", "notes: {shared: keep, ").replace("orders: {", "orders: {shared: refuse, ")
    lookup = RULES.replace("column: customer_id", "lookup: {table: countries, match: a, gives: {id: b}}")
    texts = [example(), *demo_rules(), RULES, RULES.replace("{schema: lapse}", "none"), shared, lookup]
    assert len(texts) == 8
    for text in texts:
        assert mismatches(rules_schema(), document(text)) == []


@pytest.mark.parametrize("form", FORMS)
def test_rules_schema_accepts_each_short_form(form: str) -> None:
    assert mismatches(rules_schema(), document(RULES.replace("phone: set_null", f"phone: {form}"))) == []


def test_rules_schema_has_a_form_for_every_strategy() -> None:
    assert {name for name in AVAILABLE if any(name in form for form in FORMS)} == set(AVAILABLE)


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("version: 1", "version: 2", ".version"),
        ("service: crm", "service: CRM 1", ".service"),
        ("kind: sql", "kind: s3", ".store.kind"),
        ("statement_timeout: 5s", "statement_timeout: 5", ".store.statement_timeout"),
        ("{schema: lapse}", "~", ".ledger"),
        ("column: customer_id}", "lookup: {table: t}}", ".customer.lookup"),
        ("rows: delete}", "rows: keep}", ".tables.notes.rows"),
        ("rows: delete}", "rows: delete, since: [created_at]}", ".tables.notes.since"),
        ("unique_with: [personal_number]", "unique_with: []", ".tables.customers.token"),
        ("phone: set_null", "phone: encrypt", ".tables.customers.mask.phone"),
        ("phone: set_null", "phone: {zeros: 1}", ".tables.customers.mask.phone"),
        ("phone: set_null", "phone: {kind: zeros}", ".tables.customers.mask.phone"),
        ("phone: set_null", "phone: {static: 1, truncate: year}", ".tables.customers.mask.phone"),
        ("{truncate: year}", "{truncate: decade}", ".tables.customers.mask.birth_date"),
        ("{truncate: year}", "{truncate: {characters: 0}}", ".tables.customers.mask.birth_date"),
        ("{truncate: year}", "{truncate: {to: year}}", ".tables.customers.mask.birth_date"),
        ("domain: anonymized.invalid", "domain: a@b", ".tables.customers.mask.email"),
        ("parent: customers, rows", "parents: customers, rows", ".tables.notes.parents"),
        ("statistics, not personal", "no", ".tables.customers.keep.no"),
    ],
)
def test_rules_schema_refuses_where_the_loader_refuses(tmp_path: Path, old: str, new: str, place: str) -> None:
    text = RULES.replace(old, new, 1)
    assert text != RULES
    (tmp_path / "crm.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(RulesError):
        load_rules(tmp_path / "crm.yaml", {"CRM_URL": "postgresql://db/crm"})
    assert [found.partition(":")[0] for found in mismatches(rules_schema(), document(text))] == [place]


def test_rules_schema_command_prints_it_without_settings_or_database() -> None:
    answer = run("rules", "schema")
    assert answer.code == 0
    assert json.loads(answer.out) == rules_schema()
    assert "kind" not in json.dumps([each for name, each in rules_schema()["$defs"].items() if name != "StoreRules"])


def test_rules_schema_takes_no_argument() -> None:
    assert run("rules", "schema", "crm.yaml").code == 2
