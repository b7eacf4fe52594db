"""What fuzzing has found in files, each in its smallest form: rules, settings."""

from pathlib import Path

import pytest

from consumers.settings import SettingsError, load_settings
from consumers.stores import Rules, RulesError, load_sql_rules
from tests.fuzz.cases import bounded
from tests.fuzz.rules import ENVIRON
from tests.fuzz.words import LAUGHS
from tests.support.sql_store import RULES

SETTINGS = """
kafka: {properties: {sasl.password: c2VjcmV0/CANARY+=, max.poll.interval.ms: 300000}}
purposes: {care: {retention: {days: 30}, services: [crm]}}
active_products: {kind: http, url: "https://a.example/", token: c2VjcmV0/CANARY+=}
lease_seconds: 100
personal_data: "[@]"
"""
MANY = "\n".join(
    f"  t{each}: {{parent: {f't{each - 1}' if each else 'customers'}, rows: delete}}" for each in range(1200)
)


def load(folder: Path, text: str) -> Rules:
    path = folder / "crm.yaml"
    path.write_text(text, encoding="utf-8")
    return load_sql_rules(path, ENVIRON)


# found by fuzzing: every one ended in a traceback instead of a RulesError
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("OTHER", "2024-13-45"),
        ("OTHER", "!!int abc"),
        ("OTHER", "!!float abc"),
        ("OTHER", "!!bool abc"),
        ("OTHER", '"\\U00110000"'),
        ("OTHER", '"${\\ud800}"'),
        ("version: 1", "version: " + "9" * 5000),
        ("version: 1", "version: " + "[" * 500 + "]" * 500),
        ("[countries]", "&a [*a]"),
        ("ignore: {", "ignore: &a {x: *a, "),
        ("kind: sql", "kind: [sql]"),
        ("rows: delete", "rows: [delete]"),
        (
            "ledger:",
            'guard: "SELECT id FROM t WHERE id IN :customers AND ' + "(" * 900 + "a" + ")" * 900 + '"\nledger:',
        ),
        ("\nversion", "%YAML " + "9" * 5000 + ".1\n---\nversion"),
    ],
)
def test_a_rules_file_that_trips_its_reader_is_refused(tmp_path: Path, old: str, new: str) -> None:
    assert old in RULES
    with pytest.raises(RulesError) as caught:
        load(tmp_path, RULES.replace(old, new, 1))
    assert all(found.place and found.repair for found in caught.value.findings)


# found by fuzzing: it took a column as long to spell out as the machine has memory
def test_a_rules_file_of_few_lines_and_endless_values_is_refused(tmp_path: Path) -> None:
    with bounded(), pytest.raises(RulesError):
        load(tmp_path, RULES + LAUGHS)


# found by fuzzing: text that neither a database nor a terminal takes was understood, and failed with the first customer
@pytest.mark.parametrize("letter", ["\\ud800", "\\0"])
def test_text_that_cannot_be_written_is_refused(tmp_path: Path, letter: str) -> None:
    with pytest.raises(RulesError):
        load(tmp_path, RULES.replace("OTHER", f'"{letter}"'))


# found by fuzzing: what stood for a variable was quoted by the refusal
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("phone: set_null", 'phone: "${CRM_URL}"'),
        ("phone: set_null", 'phone: {"${SECRET_WORD}": 1}'),
        ("key: [id]", 'key: ["${SECRET_WORD}", "${SECRET_WORD}"]'),
        ("flag: anonymized", 'flag: "${SECRET_WORD}"\n    join: {a: b}\n    rows: x${SECRET_WORD}'),
        ("${CRM_URL}", "postgresql://u:p@[::${SECRET_WORD}/x"),
        ("${CRM_URL}", "${SECRET_URL}"),
    ],
)
def test_no_refusal_shows_what_stands_for_a_variable(tmp_path: Path, old: str, new: str) -> None:
    assert old in RULES
    with pytest.raises(RulesError) as caught:
        load(tmp_path, RULES.replace(old, new, 1))
    assert "CANARY" not in f"{caught.value} {caught.value.findings}"


# found by fuzzing: every lineage was a recursion as deep
def test_tables_below_one_another_may_be_many(tmp_path: Path) -> None:
    rules = load(tmp_path, RULES.replace("ignore:", f"{MANY}\nignore:"))
    assert len(rules.lineage("t1199")) == 1201


# found by fuzzing: a warning on standard error printed both lines, secrets and all
def test_an_anchor_set_twice_is_no_warning(tmp_path: Path) -> None:
    load(tmp_path, RULES.replace("[countries]", "&a [countries]").replace("[segment]", "&a [segment]"))


def refused(folder: Path, text: str) -> str:
    path = folder / "lapse.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_settings(path, ENVIRON)
    return str(caught.value)


# found by fuzzing: every one ended in a traceback, or was obeyed as an argument of a library (--help, other prefixes)
@pytest.mark.parametrize(
    "line",
    [
        "1: 2",
        "~: 2",
        "__pydantic_self__: 2",
        "_cli_parse_args: [--help]",
        "_env_prefix: HOME",
        "_build_sources: 3",
        "batch: 2024-13-45",
        "batch: " + "9" * 5000,
        "always: " + "[" * 500 + "]" * 500,
        'table: {name: "\\ud800"}',
        "always: &a [*a]",
    ],
)
def test_settings_that_trip_their_reader_are_refused(tmp_path: Path, line: str) -> None:
    assert "lapse.yaml" in refused(tmp_path, f"{SETTINGS}{line}\n")


# found by fuzzing: as above, but only once the value was used
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("300000", "abc"),
        ("300000", "1" + "0" * 400),
        ("300000", ".nan"),
        ('"[@]"', '"' + "(" * 900 + ")" * 900 + '"'),
        ('"[@]"', '"a{99999999999}"'),
    ],
)
def test_settings_that_cannot_be_used_are_refused(tmp_path: Path, old: str, new: str) -> None:
    assert old in SETTINGS
    refused(tmp_path, SETTINGS.replace(old, new, 1))


# found by fuzzing: the secret was quoted, by the parser or as a key
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("token: ", "token: other, token: "),
        ("token: ", "token:"),
        ("kind: http", "kind: c2VjcmV0/CANARY+="),
        ("lease_seconds", "token:c2VjcmV0/CANARY+=: 1\nlease_seconds"),
    ],
)
def test_no_refusal_of_settings_shows_a_secret(tmp_path: Path, old: str, new: str) -> None:
    assert old in SETTINGS
    assert "CANARY" not in refused(tmp_path, SETTINGS.replace(old, new, 1))
