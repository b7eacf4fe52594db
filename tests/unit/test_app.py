import json
import logging
from contextlib import closing
from pathlib import Path

import pytest
import structlog

from consumers.adapters.logs import configure_logs
from consumers.app import App, RoleName
from consumers.domain.errors import PermanentError
from consumers.process import named_roles
from consumers.settings import Settings
from consumers.stores import S3Store
from tests.support.s3_store import RULES as S3_RULES

RULES = """
version: 1
service: other
purpose: care
store: {kind: sql, url: "postgresql://127.0.0.1/none", schema: public}
customer: {type: text}
ledger: none
tables: {people: {key: [id], flag: done, mask: {name: set_null}}}
"""


def app(folder: Path, *services: str) -> App:
    for service in services:
        (folder / f"{service}.yaml").write_text(RULES, encoding="utf-8")
    return App(Settings(services=folder))


def test_all_roles_are_the_three_with_an_anonymizer_per_rules_file(tmp_path: Path) -> None:
    found = named_roles(app(tmp_path, "crm", "loans"), ["all"], None)
    assert [str(each) for each in found] == ["state", "ticker", "anonymizer.crm", "anonymizer.loans"]


def test_one_service_is_run_when_it_is_named(tmp_path: Path) -> None:
    assert named_roles(app(tmp_path), ["anonymizer"], "crm") == [RoleName("anonymizer", "crm")]


def test_role_that_does_not_exist_is_refused_with_those_that_do(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="no role tocker; choose from state, ticker, anonymizer, all"):
        named_roles(app(tmp_path), ["state", "tocker"], None)


def test_anonymizer_without_rules_says_where_they_are_looked_for(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="no rules file"):
        named_roles(app(tmp_path), ["all"], None)


def test_rules_of_another_service_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="service is other, must be crm"):
        app(tmp_path, "crm").store("crm")


def test_store_is_of_the_kind_its_rules_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUCKET", "archive-1")
    monkeypatch.setenv("S3_ENDPOINT", "http://127.0.0.1:1")
    (tmp_path / "archive.yaml").write_text(S3_RULES, encoding="utf-8")

    store, purpose = App(Settings(services=tmp_path)).store("archive")

    with closing(store):
        assert (type(store), purpose) == (S3Store, "marketing")


def test_logs_are_json_lines_and_client_libraries_are_heard_only_when_they_fail(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs(as_json=True)
    structlog.get_logger().info("tick_done", claimed=3)
    logging.getLogger("consumers.adapters.kafka").warning("a warning")
    logging.getLogger("consumers.adapters.kafka").error("a failure")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["tick_done", "a failure"]
    assert lines[0]["claimed"] == 3
    structlog.reset_defaults()
    logging.basicConfig(handlers=[], force=True)
