"""A store of somebody else: found by its entry point, told apart from one that is not fit."""

import json
from pathlib import Path

import pytest

from consumers.adapters.clock import SystemClock
from consumers.stores import RulesError, load_rules, markdown, open_store, outlook, register, rules_digest, suits
from consumers.stores.rules import entries
from tests.support.acme import Letters, LettersRules
from tests.support.command_line import run

FINE = "tests.support.acme:LettersRules"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    bring(tmp_path, FINE)
    written = {
        "version": 1,
        "service": "post",
        "purpose": "marketing",
        "store": {"kind": "letters", "folder": "${LETTERS}"},
    }
    path = tmp_path / "post.yaml"
    path.write_text(json.dumps(written), encoding="utf-8")
    return path


def bring(folder: Path, *targets: str) -> None:
    """A package each, as pip leaves it, whose entry point leads there."""
    for number, target in enumerate(targets):
        package = folder / "site" / f"acme_{number}-1.0.dist-info"
        package.mkdir(parents=True, exist_ok=True)
        (package / "METADATA").write_text(f"Metadata-Version: 2.1\nName: acme-{number}\nVersion: 1.0\n")
        (package / "entry_points.txt").write_text(f"[lapse.stores]\nletters = {target}\n")
    entries.forget()


def refusal(file: Path) -> str:
    with pytest.raises(RulesError) as refused:
        load_rules(file, {"LETTERS": "/nowhere"})
    return str(refused.value)


def test_rules_of_a_kind_somebody_brings_open_his_store(file: Path, tmp_path: Path) -> None:
    rules = load_rules(file, {"LETTERS": str(tmp_path)})
    assert isinstance(rules, LettersRules)
    assert isinstance(open_store(rules, SystemClock()), Letters)
    assert suits(rules, "c1")
    assert not suits(rules, "../c1")
    assert rules_digest(rules) != rules_digest(load_rules(file, {"LETTERS": "/elsewhere"}))
    assert outlook(rules, {"letters": 3})[0][:3] == ("letters", "deleted", 3)
    told = markdown([register(rules)])
    assert "A store of kind letters." in told
    assert "| letters | deleted |" in told


def test_unknown_keys_of_such_rules_are_refused_as_ours_are(file: Path) -> None:
    file.write_text(file.read_text().replace('"folder"', '"folders"'))
    assert "store.folders" in refusal(file)


def test_a_kind_nobody_brings_is_refused(file: Path) -> None:
    file.write_text(file.read_text().replace('"letters"', '"telegrams"'))
    assert "store.kind" in refusal(file)


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        (("nowhere.at.all:Rules",), "nowhere.at.all:Rules of acme-0 1.0 cannot be loaded (ModuleNotFoundError)"),
        (("tests.support.acme:Nothing",), "cannot be loaded (AttributeError)"),
        (("tests.support.acme:Letters",), "is no subclass of consumers.stores.CustomRules"),
        ((FINE, FINE), "several packages bring it"),
    ],
)
def test_an_entry_point_that_is_not_fit_is_named(
    file: Path, tmp_path: Path, targets: tuple[str, ...], said: str
) -> None:
    bring(tmp_path, *targets)
    assert said in refusal(file)


def test_commands_about_rules_take_such_files(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LETTERS", str(tmp_path))
    (tmp_path / "c1.json").write_text('["Dear", "Sir"]')
    assert run("rules", "check", str(file)).out == "0 findings in 1 files\n"
    assert "letters" in run("rules", "plan", str(file), "--customer", "c1").out
    assert "nothing to add" in run("rules", "ddl", str(file)).out
    monkeypatch.setenv("LETTERS", str(tmp_path / "nowhere"))
    refused = run("rules", "check", str(file))
    assert (refused.code, "make it, or correct the name." in refused.out) == (1, True)
