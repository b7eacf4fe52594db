"""A strategy of somebody else: found by its entry point, read as ours are, told by its package where it is not fit."""

import json
import re
from pathlib import Path

import pytest

from consumers.stores import (
    Cell,
    CustomStrategy,
    Rules,
    RulesError,
    load_sql_rules,
    markdown,
    register,
    rules_digest,
    rules_schema,
)
from consumers.stores.rules.forms import TAKEN
from consumers.yaml_text import read_yaml
from tests.support.acme.strategies import FixedLength, KeepsEnd
from tests.support.installed import BROKEN, GROUP, STRATEGIES, Installed
from tests.support.json_schema import mismatches
from tests.support.sql_store import RULES

FIXED = "phone: {fixed_length: {letters: 12}}"
MANUAL = Path(__file__).parents[2] / "docs" / "rules.md"
PLACE = "tables.customers.mask.phone"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    site = Installed(tmp_path / "site", monkeypatch)
    site.add(GROUP, STRATEGIES)
    return site


def written(phone: str) -> str:
    return RULES.replace("phone: set_null", phone)


def load(folder: Path, phone: str = FIXED) -> Rules:
    path = folder / "crm.yaml"
    path.write_text(written(phone), encoding="utf-8")
    return load_sql_rules(path, {"CRM_URL": "postgresql://db.example/crm", "LETTERS": "CANARY"})


def loaded(folder: Path, phone: str = FIXED) -> object:
    return load(folder, phone).tables["customers"].mask["phone"]


def refused(folder: Path, phone: str) -> tuple[str, str, str]:
    with pytest.raises(RulesError) as caught:
        load(folder, phone)
    found = next(each for each in caught.value.findings if each.place.startswith(PLACE))
    assert "CANARY" not in str(caught.value)
    assert caught.value.__context__ is None
    return found.code, found.place, f"{found.message} {found.repair}"


def test_custom_strategy_is_read_as_one_of_ours(installed: Installed, tmp_path: Path) -> None:
    assert loaded(tmp_path) == FixedLength(kind="fixed_length", package="acme-lapse 1.0", letters=12)
    assert loaded(tmp_path, "phone: any_name") == loaded(tmp_path, "phone: {any_name: {}}")
    ended = loaded(tmp_path, "phone: {keeps_end: {accept_reversible: for the test}}")
    assert isinstance(ended, KeepsEnd)
    assert ended.accept_reversible == "for the test"


@pytest.mark.parametrize(
    ("phone", "code", "place", "said"),
    [
        ("phone: fixed_length", "missing", f"{PLACE}.letters", "add it."),
        ("phone: {fixed_length: {letters: 0}}", "greater_than_equal", f"{PLACE}.letters", "greater than or equal"),
        ("phone: {fixed_length: {letters: '${LETTERS}'}}", "int_type", f"{PLACE}.letters", "integer"),
        ("phone: {fixed_length: {letters: 1, colour: red}}", "extra_forbidden", f"{PLACE}.colour", "take it out"),
        ("phone: {fixed_length: 12}", "strategy_form", PLACE, "write {fixed_length: {letters: …}}."),
        ("phone: {fixed_length: ~}", "strategy_form", PLACE, "write {fixed_length: {letters: …}}."),
        ("phone: {fixed_length: {letters: 1, package: ours 1}}", "strategy_form", PLACE, "does not take this"),
        ("phone: {any_name: {kind: zeros}}", "strategy_form", PLACE, "write any_name."),
        ("phone: keeps_end", "reversible", PLACE, "{keeps_end: {accept_reversible: …}}"),
        ("phone: {keeps_end: {accept_reversible: no}}", "string_too_short", f"{PLACE}.accept_reversible", "reader"),
    ],
)
def test_its_arguments_are_refused_by_their_place(
    installed: Installed, tmp_path: Path, phone: str, code: str, place: str, said: str
) -> None:
    found = refused(tmp_path, phone)
    assert found[:2] == (code, place)
    assert said in found[2]


def test_a_word_nobody_knows_is_answered_with_those_that_are_installed(installed: Installed, tmp_path: Path) -> None:
    code, place, said = refused(tmp_path, "phone: scramble")
    assert (code, place) == ("not_available", PLACE)
    assert said.endswith("other packages bring any_name, digits, fixed_length, keeps_end.")


def test_without_packages_such_a_word_is_answered_with_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Installed(tmp_path / "site", monkeypatch)
    assert refused(tmp_path, FIXED)[2].endswith("other_paths: refuse}}.")


@pytest.mark.parametrize("word", sorted(TAKEN))
def test_no_package_takes_over_a_word_of_ours(installed: Installed, tmp_path: Path, word: str) -> None:
    installed.add(GROUP, {word: STRATEGIES["any_name"]}, package="greedy")
    code, place, said = refused(tmp_path, f"phone: {word}")
    assert (code, place) == ("strategy", PLACE)
    assert f"greedy 1.0 brings a strategy {word}, which is a word of Lapse. uninstall that package" in said


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere", "acme.nowhere:Nothing of bad-lapse 2.1 cannot be loaded (ModuleNotFoundError)"),
        ("no_strategy", "NoStrategy of bad-lapse 2.1 is no subclass of consumers.stores.CustomStrategy"),
        ("abstract", "bad-lapse 2.1 is not fit: it lacks met, rewritten."),
        ("undeclared", "bad-lapse 2.1 is not fit: it has no `declared = Declared(…)`."),
        ("unknown_types", "bad-lapse 2.1 is not fit: its types are no mapping of postgresql"),
        ("unknown_database", "bad-lapse 2.1 is not fit: its types are no mapping of postgresql"),
        ("unknown_null", "bad-lapse 2.1 is not fit: NULL either stays or is replaced."),
        ("unique_and_repeating", "bad-lapse 2.1 is not fit: what repeats is not unique."),
        ("unaccepted", "bad-lapse 2.1 is not fit: it declares why it can be reversed and has a field"),
        ("accepted_for_nothing", "bad-lapse 2.1 is not fit: it declares why it can be reversed and has a field"),
        ("bounded", "bounded of bad-lapse 2.1 cannot be used (RuntimeError)."),
        ("raising", "raising of bad-lapse 2.1 cannot be used (RuntimeError)."),
    ],
)
def test_a_strategy_that_is_not_fit_is_told_by_its_package(
    installed: Installed, tmp_path: Path, name: str, said: str
) -> None:
    installed.add(GROUP, BROKEN, package="bad-lapse", version="2.1")
    code, place, text = refused(tmp_path, f"phone: {{{name}: {{letters: 3}}}}")
    assert (code, place) == ("strategy", PLACE)
    assert said in text
    assert "mend or update the package" in text
    assert loaded(tmp_path)  # of the other package


def test_two_packages_with_one_word_are_both_named(installed: Installed, tmp_path: Path) -> None:
    installed.add(GROUP, STRATEGIES, package="twin", version="3")
    said = refused(tmp_path, FIXED)[2]
    assert "FixedLength of acme-lapse 1.0" in said
    assert "FixedLength of twin 3" in said


def test_digest_is_another_with_other_arguments_and_another_version(installed: Installed, tmp_path: Path) -> None:
    digest = rules_digest(load(tmp_path))
    assert digest == rules_digest(load(tmp_path))
    assert digest != rules_digest(load(tmp_path, "phone: {fixed_length: {letters: 13}}"))
    installed.add(GROUP, STRATEGIES, version="1.1")
    assert digest != rules_digest(load(tmp_path))


def test_register_tells_who_brings_it_and_what_can_be_reversed(installed: Installed, tmp_path: Path) -> None:
    told = markdown([register(load(tmp_path))])
    assert "| phone | masked, by acme-lapse 1.0: fixed_length 12 X | The cell becomes the same letter" in told
    assert "| status | masked: static OTHER |" in told
    told = markdown([register(load(tmp_path, "phone: {keeps_end: {accept_reversible: joined elsewhere}}"))])
    assert "| customers | phone | keeps_end | joined elsewhere |" in told
    assert "| phone | masked, can be reversed, by acme-lapse 1.0: keeps_end |" in told


@pytest.mark.parametrize(
    ("phone", "fits"),
    [
        (FIXED, True),
        ("phone: {fixed_length: {letters: 12, letter: '0'}}", True),
        ("phone: any_name", True),
        ("phone: {any_name: {}}", True),
        ("phone: {keeps_end: {accept_reversible: for the test}}", True),
        ("phone: {nested: {inner: {letters: 3}}}", True),
        ("phone: {nested: {inner: {letters: three}}}", False),
        ("phone: fixed_length", False),
        ("phone: {fixed_length: {letters: 0}}", False),
        ("phone: {fixed_length: {letters: 12, kind: fixed_length, package: acme}}", False),
        ("phone: keeps_end", False),
        ("phone: scramble", False),
        ("phone: abstract", False),
    ],
)
def test_schema_for_editors_knows_what_is_installed(
    installed: Installed, tmp_path: Path, phone: str, fits: bool
) -> None:
    installed.add(GROUP, BROKEN, package="bad-lapse")
    document = json.loads(json.dumps(read_yaml(written(phone)), default=str))
    assert (mismatches(rules_schema(), document) == []) is fits
    try:
        load(tmp_path, phone)
    except RulesError:
        assert not fits
    else:
        assert fits


def test_schema_goes_without_types_it_cannot_tell(installed: Installed) -> None:
    installed.add(GROUP, BROKEN, package="bad-lapse")
    document = json.loads(json.dumps(read_yaml(written("phone: {untold: {any: thing}}")), default=str))
    assert mismatches(rules_schema(), document) == []


def test_the_manuals_example_is_read(installed: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = re.search(r"```python\n(from typing import ClassVar\n.*?)```", MANUAL.read_text("utf-8"), re.DOTALL)
    assert code
    (tmp_path / "acme_lapse.py").write_text(code[1])
    monkeypatch.syspath_prepend(str(tmp_path))
    installed.add(GROUP, {"of_the_manual": "acme_lapse:FixedLength"}, package="manual")
    strategy = loaded(tmp_path, "phone: {of_the_manual: {letters: 3}}")
    assert isinstance(strategy, CustomStrategy)
    assert (strategy.longest, strategy.rewritten(Cell("c.phone", "text", "sqlite")).parameters) == (3, {"all": "XXX"})
