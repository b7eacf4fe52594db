"""The command line against an installation: what it prints, what it refuses, and how it exits."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest
import structlog

from consumers.app import new_stamp
from consumers.cli import main
from consumers.local import Services
from consumers.operations.modes import set_mode
from tests.support.by_hand import read_all, topic_end
from tests.support.installation import PURPOSE, Installation, installation, wait_for

QUICK = 45.0
"""Seconds: the longest any command may take with a dependency away, on a busy machine."""


class Answer(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="module")
def lapse(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """State consumer and ticker run; one customer is known and not due."""
    with installation(services, tmp_path_factory.mktemp("cli"), ("crm", "loans")) as made:
        with made.roles("state", "ticker"):
            made.close_product("known", days_ago=3)
            made.wait_until_folded()
            yield made
        structlog.reset_defaults()


def arguments(lapse: Installation, *words: str) -> list[str]:
    return ["--config", str(lapse.settings_file()), *words]


def run(*words: str) -> Answer:
    """Run a command as the console script does, without the second it takes to start an interpreter."""
    out, err = StringIO(), StringIO()
    with patch.object(sys, "argv", ["lapse", *words]), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Answer(code, out.getvalue(), err.getvalue())


def ask(lapse: Installation, *words: str) -> Answer:
    return run(*arguments(lapse, *words))


def start(*words: str, **environ: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "consumers.cli", *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env={**os.environ, **environ}, stdout=pipe, stderr=pipe, text=True)


def ended(process: "subprocess.Popen[str]", patience: float = QUICK) -> Answer:
    try:
        out, err = process.communicate(timeout=patience)
    finally:
        process.kill()
        process.wait()
    return Answer(process.returncode, out, err)


def both(lapse: Installation, *words: str, code: int = 0) -> Any:
    """Run a command that prints a table, with and without --json; what the JSON says."""
    table, as_json = ask(lapse, *words), ask(lapse, *words, "--json")
    assert (table.code, as_json.code) == (code, code), table.err + as_json.err
    assert table.out.strip()
    with pytest.raises(ValueError):  # noqa: PT011 - any reason not to be JSON will do
        json.loads(table.out)
    return json.loads(as_json.out)


def refused(answer: Answer, *parts: str) -> None:
    """The command exited 1, for a reason a person can read."""
    assert answer.code == 1, answer
    assert "Traceback" not in answer.out + answer.err
    said = " ".join((answer.out + answer.err).split())
    for part in parts:
        assert part in said


# ---- what each prints ------------------------------------------------------------------------------------------------


def test_topics_diff_and_apply_find_nothing_on_what_was_applied(lapse: Installation) -> None:
    assert both(lapse, "topics", "diff", "--dev") == []
    assert both(lapse, "topics", "apply", "--dev") == []
    found = both(lapse, "topics", "diff", code=1)  # one broker is not what production needs
    assert {each["setting"] for each in found} >= {"replication factor"}


def test_table_check_and_apply_find_nothing_on_what_was_applied(lapse: Installation) -> None:
    assert both(lapse, "table", "check", "--dev") == []
    applied = ask(lapse, "table", "apply", "--dev")
    assert (applied.code, applied.out.splitlines()[-1]) == (0, "POSITION rows written: 0")


def test_policy_show_and_apply_say_what_is_in_force(lapse: Installation) -> None:
    shown = both(lapse, "policy", "show")
    assert both(lapse, "policy", "apply") == shown
    assert shown["as_in_settings"]
    assert [each["purpose"] for each in shown["purposes"]] == [PURPOSE]


def test_policy_show_says_when_the_settings_are_not_in_force(lapse: Installation) -> None:
    with patch.dict(os.environ, {"LAPSE__CLAIMS_PER_DAY": "3"}):
        answer = ask(lapse, "policy", "show")
    assert (answer.code, "`lapse policy apply`" in answer.out) == (0, True)


def test_service_modes_are_listed_and_set_by_name(lapse: Installation) -> None:
    for command, mode in (("stop", "stopped"), ("dry-run", "dry_run"), ("enable", "live")):
        [changed] = both(lapse, "service", command, "crm", "--by", "ada")
        assert (changed["service"], changed["mode"], changed["by"]) == ("crm", mode, "ada")
        assert both(lapse, "service", "list")[0] == changed


def test_tick_reports_and_is_shown_again(lapse: Installation) -> None:
    [dry] = both(lapse, "tick", "--dry-run", "--as-of", "2099-01-01T00:00+01:00")
    assert (dry["state"], dry["due"], dry["claimed"], dry["by_purpose"]) == ("DRY_RUN", 1, 0, {PURPOSE: 1})
    assert both(lapse, "tick", "show", dry["tick"]) == [dry]
    [live] = both(lapse, "tick", "--by", "ada")
    assert (live["state"], live["due"], live["blockers"]) == ("ENDED", 0, [])
    asked = ask(lapse, "tick", "--wait", "0", "--json")
    read_all(lapse, "ticker")
    assert ask(lapse, "tick", "show", json.loads(asked.out)["tick_id"]).code == 0


def test_halted_tick_exits_1_and_goes_on_when_it_is_approved(services: Services, tmp_path: Path) -> None:
    with installation(services, tmp_path, ("crm",), claims_per_day=0) as lapse, lapse.roles():
        lapse.people("due")
        lapse.close_product("due")
        lapse.wait_until_folded()
        halted = ask(lapse, "tick", "--json")
        [plan] = json.loads(halted.out)
        refused(halted, "halted before anyone was touched", f"`lapse tick approve {plan['tick']}`")
        [approved] = json.loads(ask(lapse, "tick", "approve", plan["tick"], "--by", "ada", "--json").out)
        assert approved["approved_by"] == "ada"
        lapse.wait_until_completed("due")
        assert both(lapse, "tick", "show", plan["tick"])[0]["claimed"] == 1
        refused(ask(lapse, "tick", "approve", plan["tick"]), "ENDED", "only a HALTED one can be approved")


def test_status_says_how_the_whole_stands(lapse: Installation) -> None:
    found = both(lapse, "status")
    assert found["customers"]["due_later"] == 1
    assert found["events_not_in_table"] == 0
    assert set(found["services"]) == {"crm", "loans"}


def test_customer_is_explained_and_held_and_freed(lapse: Installation) -> None:
    explained = both(lapse, "customer", "known")
    assert explained["purposes"][PURPOSE]["due"] != "never"
    added = ask(lapse, "hold", "add", "known", "--by", "ada", "--reason", "a dispute")
    name = added.out.strip()
    [hold] = both(lapse, "hold", "list", "known")
    assert (hold["hold"], hold["by"], hold["reason"]) == (name, "ada", "a dispute")
    assert both(lapse, "customer", "known")["purposes"][PURPOSE]["due"] == "never"
    assert ask(lapse, "hold", "lift", "known", name).code == 0
    assert both(lapse, "hold", "list", "known") == []
    refused(ask(lapse, "hold", "lift", "known", name), "no such hold", "`lapse hold list`")


def test_rules_check_compares_with_the_live_schema(lapse: Installation, tmp_path: Path) -> None:
    assert both(lapse, "rules", "check") == []
    wrong = tmp_path / "crm.yaml"
    text = (lapse.folder / "crm.yaml").read_text(encoding="utf-8")
    wrong.write_text(text.replace("{name: {static: Anonymized}", "{name: set_null"), encoding="utf-8")
    [finding] = both(lapse, "rules", "check", str(wrong), code=1)
    assert (finding["service"], finding["place"]) == ("crm", "tables.people.mask.name")
    assert finding["message"]
    assert finding["repair"]
    refused(ask(lapse, "rules", "check", str(tmp_path / "absent.yaml")), "absent.yaml")


def test_offsets_reset_shows_then_does_and_refuses_a_group_with_members(lapse: Installation) -> None:
    with lapse.roles("anonymizer.crm"):
        lapse.people("moved")
        lapse.close_product("moved")
        lapse.wait_until_folded()
        lapse.tick()
        read_all(lapse, "anonymizer.crm")
        refused(ask(lapse, "offsets", "reset", "--group", "anonymizer.crm", "--to-earliest", "--execute"), "members")
    with lapse.roles("anonymizer.loans"):
        lapse.wait_until_completed("moved")
    before = lapse.group_offsets("anonymizer.crm")
    reset = ("offsets", "reset", "--group", "anonymizer.crm", "--to-earliest")
    planned = both(lapse, *reset)
    assert {each["partition"]: each["before"] for each in planned} == before
    assert lapse.group_offsets("anonymizer.crm") == before
    done = json.loads(ask(lapse, *reset, "--execute", "--json").out)
    assert [each["after"] for each in done] == [each["after"] for each in planned] == [0] * len(before)
    assert set(lapse.group_offsets("anonymizer.crm").values()) == {0}


def test_pipeline_runs_from_cron_with_nothing_but_commands(services: Services, tmp_path: Path) -> None:
    """A first installation, then each role once, in processes of their own."""
    lapse = Installation(services, tmp_path, ("crm",))
    try:
        for words in (["topics", "apply", "--dev"], ["table", "apply", "--dev"], ["policy", "apply"]):
            assert ask(lapse, *words).code == 0
        lapse._make_database("crm")
        assert ask(lapse, "service", "enable", "crm").code == 0
        lapse.people("due")
        lapse.close_product("due")
        caught_up(lapse, "state")
        assert ask(lapse, "tick", "--wait", "0").code == 0
        # the ticker's barrier and the anonymizer's need a table that contains every event, not a state consumer
        caught_up(lapse, "ticker", "anonymizer", "--service", "crm")
        caught_up(lapse, "anonymizer")
        assert lapse.anonymized("crm") == {"due"}
        refused(ask(lapse, "customer", "unknown"), "Nothing is known of this customer")
    finally:
        lapse.remove()


def caught_up(lapse: Installation, *roles: str) -> None:
    answer = ended(start(*arguments(lapse, "run", *roles, "--until-caught-up")))
    assert answer.code == 0, answer.err


# ---- what each refuses -----------------------------------------------------------------------------------------------

UNKNOWN = str(uuid.uuid4())


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
    refused(run("--config", str(broken), "status"), "broken.yaml line 3", "not YAML")
    refused(run("--config", str(wrong), "status"), "wrong.yaml", "kafka.prefixx", "purposes.care.retention.days")
    with patch.dict(os.environ, {"LAPSE__CLAIMS_PER_DAY": "many"}):
        refused(run("--config", str(tmp_path / "wrong.yaml"), "status"), "claims_per_day (from LAPSE__CLAIMS_PER_DAY)")


# ---- what is away, and Ctrl-C ----------------------------------------------------------------------------------------


def test_dependency_that_is_away_is_named_within_seconds(lapse: Installation) -> None:
    no_broker = {"LAPSE__KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    no_table = {"LAPSE__TABLE__ENDPOINT_URL": "http://127.0.0.1:1"}
    began = time.monotonic()
    processes = [
        start(*arguments(lapse, "topics", "diff"), **no_broker),
        start(*arguments(lapse, "run", "state"), **no_broker),
        start(*arguments(lapse, "status"), **no_table),
    ]
    for process in processes:
        refused(ended(process), "does not answer", "kafka.bootstrap_servers", "table.endpoint_url")
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
