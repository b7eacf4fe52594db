"""Votes on real services: refused, down, failing for good after the commit."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.local import Services
from consumers.operations.status import status
from tests.support.build import new_id
from tests.support.installation import PURPOSE, Installation, installation, wait_for
from tests.support.sql_store import unnoticed_by_roles

SERVICES = ("crm", "loans", "news")


@pytest.fixture
def lapse(services: Services, tmp_path: Path) -> Iterator[Installation]:
    with installation(services, tmp_path, SERVICES, voters=("loans",), refusal_retry_seconds=2) as made:
        yield made


def due(lapse: Installation, count: int) -> list[str]:
    made = [new_id() for _ in range(count)]
    lapse.people(*made)
    lapse.close_product(*made)
    lapse.wait_until_folded()
    return made


def anonymized(lapse: Installation, customer: str) -> list[bool]:
    return [customer in lapse.anonymized(service) for service in SERVICES]


def test_one_service_refuses_and_nobody_is_touched_until_it_agrees(lapse: Installation) -> None:
    with lapse.roles():
        refused, agreed = due(lapse, 2)
        lapse.open_loan("loans", refused)
        lapse.tick()
        lapse.wait_until_completed(agreed)
        wait_for("the refusal is written", lambda: lapse.item(refused).of(PURPOSE).retry_at)
        assert anonymized(lapse, refused) == [False, False, False]
        assert anonymized(lapse, agreed) == [True, True, True]
        assert {each["service"] for each in lapse.results("REFUSED")} == {"loans"}
        lapse.close_loan("loans", refused)
        at = lapse.item(refused).of(PURPOSE).retry_at or 0
        wait_for("the retry has come", lambda: lapse.app.clock.now() > at)
        lapse.tick()
        lapse.wait_until_completed(refused)
        assert anonymized(lapse, refused) == [True, True, True]
    assert lapse.count("dead-letters") == 0


def test_a_voter_that_is_down_keeps_everybody_untouched_and_is_named(lapse: Installation) -> None:
    with lapse.roles("state", "ticker", "anonymizer.crm", "anonymizer.news"):
        (customer,) = due(lapse, 1)
        lapse.tick()
        wait_for("the question is asked", lambda: lapse.item(customer).of(PURPOSE).command)
        command = lapse.item(customer).of(PURPOSE).command
        assert command is not None
        assert (command.phase, command.votes["loans"].vote) == ("ASKED", "UNKNOWN")
        assert anonymized(lapse, customer) == [False, False, False]
        wait_for("the voter is named", lambda: _named(lapse, "loans", "vote"))
        with lapse.roles("anonymizer.loans"):
            lapse.wait_until_completed(customer)
    assert anonymized(lapse, customer) == [True, True, True]


def test_a_service_that_fails_for_good_after_the_commit_is_partial_and_counted(
    lapse: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    unnoticed_by_roles(monkeypatch)
    with lapse.roles():
        failing, fine = due(lapse, 2)
        with lapse.connect("news") as database:
            # a rule of the database's own, that no pre-flight can foresee: it speaks of one value
            database.execute(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
                "$$BEGIN IF OLD.name LIKE 'Name of " + failing + "' THEN RAISE 'no' USING ERRCODE = '23514'; "
                "END IF; RETURN NEW; END$$"
            )
        with lapse.connect("news") as database:
            database.execute("CREATE TRIGGER refuse BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION refuse()")
        lapse.tick()
        lapse.wait_until_completed(fine)
        wait_for("the failure is written", lambda: _outcomes(lapse, failing).get("news") == "FAILED")
        assert anonymized(lapse, failing) == [True, True, False]
        app = lapse.app
        assert status(app.sources())["customers"]["partial"] == 1
        assert lapse.count("dead-letters") == 1


def _outcomes(lapse: Installation, customer: str) -> dict[str, str]:
    command = lapse.item(customer).of(PURPOSE).command
    return dict(command.outcomes) if command else {}


def _named(lapse: Installation, *words: str) -> bool:
    blockers = status(lapse.app.sources())["blockers"]
    return any(all(word in each for word in words) for each in blockers)
