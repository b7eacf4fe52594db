"""A service added later, backfilled; one removed while it owes answers: on real services, by the command line."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.local import Services
from consumers.settings import PurposeSettings, RetentionSettings
from tests.support.build import new_id
from tests.support.command_line import ask, both
from tests.support.installation import PURPOSE, Installation, installation, wait_for

FIRST = ("crm", "loans")


def purposes(*services: str) -> dict[str, PurposeSettings]:
    retention = RetentionSettings(days=30, timezone="Europe/Stockholm")
    return {PURPOSE: PurposeSettings(retention=retention, services=services)}


@pytest.fixture
def lapse(services: Services, tmp_path: Path) -> Iterator[Installation]:
    """Three databases; the third serves no purpose yet."""
    with installation(services, tmp_path, FIRST, purposes=purposes(*FIRST)) as made:
        yield made


def told(lapse: Installation, *words: str) -> str:
    answer = ask(lapse, *words)
    assert answer.code == 0, answer.err
    return answer.out


def settle(lapse: Installation, *services: str) -> None:
    """Put the purpose with these services in force."""
    lapse._settings = {**lapse._settings, "purposes": purposes(*services)}
    lapse.names, lapse.purpose_by_service = services, dict.fromkeys(services, PURPOSE)
    lapse.app = lapse.new_app()
    told(lapse, "policy", "apply")


def modes(lapse: Installation) -> dict[str, str]:
    return {each["service"]: each["mode"] for each in both(lapse, "service", "list")}


def test_a_service_added_later_runs_dry_then_live_and_is_backfilled_alone(lapse: Installation) -> None:
    done, open_, early = new_id("done"), new_id("open"), new_id("early")
    lapse.people(done, open_, early)
    with lapse.roles():
        lapse.close_product(done)
        lapse.close_product(early, days_ago=3)
        lapse.wait_until_folded()
        lapse.tick()
        lapse.wait_until_completed(done)
    settle(lapse, *FIRST, "wiki")
    lapse.make_database("wiki")
    with lapse.connect("wiki") as database:
        for each in (done, open_, early):
            database.execute("INSERT INTO people VALUES (%s, 'Name', %s)", (each, f"{each}@example.invalid"))
    assert modes(lapse)["wiki"] == "dry_run"
    group, topic = lapse.group_and_topic("anonymizer.wiki")
    with lapse.roles():
        wait_for("wiki has read all", lambda: lapse.app.offsets.lag(group, topic) == 0)
        assert lapse.anonymized("wiki") == set()
        refused = ask(lapse, "service", "backfill", "wiki", "--execute")
        assert (refused.code, "lapse service enable wiki" in refused.err) == (1, True)
        told(lapse, "service", "enable", "wiki")
        before = {service: lapse.rows(service) for service in FIRST}
        assert "1 commands would be sent" in told(lapse, "service", "backfill", "wiki")
        assert "1 commands sent" in told(lapse, "service", "backfill", "wiki", "--execute")
        wait_for("it is backfilled", lambda: lapse.anonymized("wiki") == {done} and lapse.completed(done))
        assert "0 commands would be sent" in told(lapse, "service", "backfill", "wiki")
    assert {service: lapse.rows(service) for service in FIRST} == before
    last = lapse.item(done).of(PURPOSE).last
    assert last is not None
    assert dict(last.outcomes) == {"crm": "DONE", "loans": "DONE", "wiki": "DONE"}
    assert {each["outcome"] for each in lapse.results() if each["service"] == "wiki"} == {"DRY_RUN", "DONE"}


def test_a_service_is_removed_while_it_owes_answers_only_on_record(lapse: Installation) -> None:
    customer = new_id()
    lapse.people(customer)
    with lapse.roles("state", "ticker", "anonymizer.crm"):
        lapse.close_product(customer)
        lapse.wait_until_folded()
        lapse.tick()
        wait_for("crm is done", lambda: customer in lapse.anonymized("crm"))
        wait_for("and says so", lambda: _outcomes(lapse, customer) == {"crm": "DONE"})
        for words in (("service", "dry-run", "loans"), ("policy", "apply")):
            if words[0] == "policy":
                lapse._settings = {**lapse._settings, "purposes": purposes("crm")}
                lapse.app = lapse.new_app()
            refused = ask(lapse, *words)
            assert refused.code == 1
            assert "loans owes an answer to 1 commands" in refused.err
            assert "--abandon" in refused.err
        lapse._settings = {**lapse._settings, "purposes": purposes(*FIRST)}
        lapse.app = lapse.new_app()
        assert ask(lapse, "service", "dry-run", "loans", "--abandon").code == 2
        told(lapse, "service", "dry-run", "loans", "--abandon", "--reason", "sold to another company", "--by", "ann")
        assert lapse.completed(customer)
        settle(lapse, "crm")
    last = lapse.item(customer).of(PURPOSE).last
    assert last is not None
    assert dict(last.outcomes) == {"crm": "DONE", "loans": "ABANDONED"}
    assert [each["service"] for each in lapse.results("ABANDONED")] == ["loans"]
    with lapse.connect("loans") as database:
        found = database.execute("SELECT anonymized FROM people").fetchall()
    assert found == [(False,)]
    lapse.names = FIRST


def _outcomes(lapse: Installation, customer: str) -> dict[str, str]:
    command = lapse.item(customer).of(PURPOSE).command
    return dict(command.outcomes) if command else {}
