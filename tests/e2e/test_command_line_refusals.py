"""What the command line refuses, and how it exits: 1 refused or failed, 2 usage, 130 interrupted; no traceback."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from consumers.app import new_stamp
from consumers.local import Services
from consumers.operations.modes import set_mode
from tests.support.by_hand import topic_end
from tests.support.command_line import QUICK, arguments, ask, both, ended, installed, refused, run, start
from tests.support.installation import Installation, installation, wait_for

UNKNOWN = "3f0c9c1e-4f5e-4b57-9c55-1a9f6b1d2c3e"


@pytest.fixture(scope="module")
def lapse(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(services, tmp_path_factory.mktemp("cli")) as made:
        yield made


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("service enable nope", ["no service nope", "it has: crm, loans"]),
        ("tick --as-of 2100-01-01T00:00Z", ["--as-of lies in the future", "--dry-run"]),
        (f"tick show {UNKNOWN}", ["No plan of that tick"]),
        (f"tick approve {UNKNOWN}", ["No plan of that tick"]),
        ("customer unknown", ["Nothing is known of this customer"]),
        ("hold list unknown", ["Nothing is known of this customer"]),
        ("hold lift known person:1", ["no such hold", "`lapse hold list`"]),
        ("dlq discard events-0-0 --reason garbage", ["no dead letter of that name", "`lapse dlq list`"]),
        ("dlq discard events-0-0 --reason garbage --customer known", ["holds this customer", "`lapse hold list`"]),
        ("offsets reset --group nope --to-earliest", ["no group nope", "anonymizer.NAME"]),
        ("offsets reset --group state --to-earliest", ["1 members", "stop them first"]),
        ("run nope", ["no role nope", "state, ticker, anonymizer"]),
        ("run anonymizer --service absent", ["absent.yaml"]),
    ],
)
def test_refusal_exits_1_and_says_what_to_do(lapse: Installation, words: str, parts: list[str]) -> None:
    refused(ask(lapse, *words.split()), *parts)


def test_dry_run_of_a_service_is_refused_while_commands_are_in_flight(lapse: Installation) -> None:
    customer = "flying"
    lapse.people(customer)
    lapse.close_product(customer)
    lapse.wait_until_folded()
    lapse.tick()
    refused(ask(lapse, "service", "dry-run", "loans"), "commands in flight", "`lapse service stop loans`")
    with lapse.roles("anonymizer.crm", "anonymizer.loans"):
        lapse.wait_until_completed(customer)


def test_tick_without_a_ticker_says_so(lapse: Installation) -> None:
    with patch.dict(os.environ, {"LAPSE__KAFKA__PREFIX": f"other{lapse.id}."}):
        assert ask(lapse, "topics", "diff", "--dev").code == 1
    set_mode(lapse.app.table, "crm", "live", "test", lapse.app.clock, new_stamp)
    refused(ask(lapse, "tick", "--wait", "0.001"), "No ticker has carried the tick out in time", "`lapse status`")


def test_table_that_is_not_there_names_the_command_that_makes_it(lapse: Installation) -> None:
    with patch.dict(os.environ, {"LAPSE__TABLE__NAME": f"absent-{lapse.id}"}):
        refused(ask(lapse, "policy", "show"), "lapse table apply")
        refused(ask(lapse, "status"), "lapse table apply")
        assert both(lapse, "table", "check", "--dev", code=1)


@pytest.mark.parametrize(
    "words",
    [
        "nope",
        "service enable",
        "hold add known",
        "run",
        "tick --as-of yesterday",
        "tick --as-of 2020-01-01T00:00",
        "tick --wait soon",
        "offsets reset --group state",
        "topics diff --nope",
    ],
)
def test_wrong_arguments_exit_2(lapse: Installation, words: str) -> None:
    answer = ask(lapse, *words.split())
    assert answer.code == 2, answer
    assert "Usage" in answer.err
    assert "Traceback" not in answer.err


def test_settings_that_cannot_be_used_name_file_line_and_key(tmp_path: Path) -> None:
    absent, broken, wrong = tmp_path / "absent.yaml", tmp_path / "broken.yaml", tmp_path / "wrong.yaml"
    broken.write_text("kafka:\n  prefix: a.\n table: {\n", encoding="utf-8")
    wrong.write_text("kafka: {prefixx: a.}\npurposes: {care: {retention: {days: -1}, services: [crm]}}\n", "utf-8")
    refused(run("--config", str(absent), "status"), "absent.yaml", "cannot be read", "--config")
    refused(run("--config", str(broken), "status"), "broken.yaml", "not valid YAML at line 3")
    refused(run("--config", str(wrong), "status"), "wrong.yaml", "kafka.prefixx", "purposes.care.retention.days")
    with patch.dict(os.environ, {"LAPSE__CLAIMS_PER_DAY": "many"}):
        refused(run("--config", str(tmp_path / "wrong.yaml"), "status"), "claims_per_day (from LAPSE__CLAIMS_PER_DAY)")


def test_dependency_that_is_away_is_named_within_seconds(lapse: Installation) -> None:
    no_broker = {"LAPSE__KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    no_table = {"LAPSE__TABLE__ENDPOINT_URL": "http://127.0.0.1:1"}
    began = time.monotonic()
    topics, status = (
        start(*arguments(lapse, "topics", "diff"), **no_broker),
        start(*arguments(lapse, "status", "--json"), **no_table),
    )
    refused(ended(topics), "does not answer", "kafka.bootstrap_servers", "table.endpoint_url")
    told = ended(status)
    assert told.code == 1
    assert json.loads(told.out)["customers"] == {"away": "EndpointConnectionError"}
    assert time.monotonic() - began < QUICK


def test_ctrl_c_ends_a_waiting_command_with_130(services: Services, tmp_path: Path) -> None:
    with installation(services, tmp_path, ()) as lapse:
        waiting = start(*arguments(lapse, "tick", "--dry-run"))
        wait_for("the tick is asked for", lambda: topic_end(lapse, "ticks"))
        waiting.send_signal(signal.SIGINT)
        answer = ended(waiting)
    assert answer.code == 130, answer
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_ends_a_running_role_cleanly(services: Services, tmp_path: Path, number: signal.Signals) -> None:
    with installation(services, tmp_path, ()) as lapse:
        role = start(*arguments(lapse, "run", "state"))
        lapse.close_product("one")
        lapse.wait_until_folded()
        role.send_signal(number)
        answer = ended(role)
    assert answer.code == 0, answer
    assert '"event": "loop_stopped"' in answer.err
