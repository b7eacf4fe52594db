"""The command line against an installation: what each command prints and does."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from consumers.local import Services
from tests.support.by_hand import read_all
from tests.support.command_line import arguments, ask, both, ended, installed, refused, start
from tests.support.installation import PURPOSE, Installation, installation, wait_for


@pytest.fixture(scope="module")
def lapse(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installed(services, tmp_path_factory.mktemp("cli")) as made:
        yield made


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
        wait_for("the tick ends", lambda: lapse.tick_state(plan["tick"]) == "ENDED")
        refused(ask(lapse, "tick", "approve", plan["tick"]), "ENDED", "only a HALTED one can be approved")


def test_status_says_how_the_whole_stands(lapse: Installation) -> None:
    found = both(lapse, "status")
    assert found["customers"]["held"] == 0
    assert found["groups"]["state consumer"] == {"unread": 0, "behind_seconds": 0.0, "members": 1}
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
        lapse.make_database("crm")
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
