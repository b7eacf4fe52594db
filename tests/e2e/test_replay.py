"""Replay and restore change nothing that is right already, erase again what came back, and spare who came back."""

from collections.abc import Iterator
from typing import Any

import pytest

from consumers.app import new_stamp
from consumers.domain.item import Last
from consumers.domain.policy import Mode
from consumers.local import Services
from consumers.operations.modes import set_mode
from tests.support.by_hand import ahead, read_all, restore, standing, waits_for
from tests.support.installation import PURPOSE, Installation, installation

ANONYMIZERS = ("anonymizer.crm", "anonymizer.loans")
CUSTOMERS = ("right", "restored", "back", "twice")


@pytest.fixture(scope="module")
def lapse(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Commands of several customers complete in two live services; a third is in dry run."""
    with installation(services, tmp_path_factory.mktemp("replay"), ("crm", "loans", "news")) as made:
        switch(made, "news", "dry_run")
        made.people(*CUSTOMERS)
        with made.roles():
            made.close_product(*CUSTOMERS)
            made.wait_until_folded()
            assert made.tick().taken == len(CUSTOMERS)
            made.wait_until_completed(*CUSTOMERS)
            read_all(made, *ANONYMIZERS, "anonymizer.news")
        yield made


def switch(lapse: Installation, service: str, mode: Mode) -> None:
    set_mode(lapse.app.table, service, mode, "test", lapse.app.clock, new_stamp)


def replay(lapse: Installation, *services: str) -> None:
    """Set these groups back to the first command, and let them read all again side by side."""
    roles = [f"anonymizer.{service}" for service in services]
    for service in services:
        lapse.app.groups.reset(
            lapse.app.names.anonymizer_group(service),
            lapse.app.names.commands,
            lapse.app.offsets.beginning(lapse.app.names.commands),
        )
    with lapse.roles("state", *roles):
        read_all(lapse, *roles)


def last(lapse: Installation, customer: str) -> Last:
    state = lapse.item(customer).of(PURPOSE)
    assert state.command is None
    assert state.last is not None
    return state.last


def answers(lapse: Installation, customer: str, service: str) -> list[dict[str, Any]]:
    """What a service answered about a customer; one partition, so in order."""
    return [each for each in lapse.results() if (each["customer_id"], each["service"]) == (customer, service)]


def test_replay_of_what_is_complete_changes_nothing(lapse: Installation) -> None:
    before = standing(lapse, CUSTOMERS)
    replay(lapse, *lapse.names)
    assert standing(lapse, CUSTOMERS) == before
    assert [each["outcome"] for each in answers(lapse, "right", "crm")][:2] == ["DONE", "SUPERSEDED"]


def test_restored_database_is_erased_again_and_no_other(lapse: Installation) -> None:
    before, command = standing(lapse, ["restored"], ["loans", "news"]), last(lapse, "restored")
    restore(lapse, "crm", "restored")
    assert "restored" not in lapse.anonymized("crm")
    replay(lapse, "crm")
    assert "restored" in lapse.anonymized("crm")
    assert lapse.ledger("crm")["restored"] == "DONE"
    assert last(lapse, "restored")[:4] == command[:4]  # all but when it was complete, which is now
    after = standing(lapse, ["restored"], ["loans", "news"])
    assert (after.rows, after.ledgers) == (before.rows, before.ledgers)


def test_customer_who_came_back_since_is_not_erased_by_a_replay(lapse: Installation) -> None:
    restore(lapse, "crm", "back")
    with lapse.roles("state"):
        with lapse.producer() as producer:
            producer.postpone("back", "activity", until=ahead(days=40))
        lapse.wait_until_folded()
    before = standing(lapse, ["back"])
    replay(lapse, *lapse.names)
    assert standing(lapse, ["back"]) == before
    assert "back" not in lapse.anonymized("crm") | set(lapse.ledger("crm"))
    assert answers(lapse, "back", "crm")[-1]["outcome"] == "SUPERSEDED"


def test_customer_who_comes_back_while_the_replay_waits_is_not_erased(lapse: Installation) -> None:
    customer = "meanwhile"
    complete(lapse, customer)
    restore(lapse, "crm", customer)
    with lapse.producer() as producer:
        producer.postpone(customer, "activity", until=ahead(days=40))
    before = standing(lapse, [customer])
    lapse.app.groups.reset(
        lapse.app.names.anonymizer_group("crm"),
        lapse.app.names.commands,
        lapse.app.offsets.beginning(lapse.app.names.commands),
    )
    with lapse.roles("anonymizer.crm") as anonymizer:
        waits_for(anonymizer, "anonymizer.crm", "BarrierClosedError")
        with lapse.roles("state"):
            read_all(lapse, "anonymizer.crm")
    after = standing(lapse, [customer])
    assert (after.rows, after.ledgers) == (before.rows, before.ledgers)
    assert customer not in lapse.anonymized("crm")


def complete(lapse: Installation, customer: str) -> None:
    lapse.people(customer)
    with lapse.roles("state", "ticker", *ANONYMIZERS):
        lapse.close_product(customer)
        lapse.wait_until_folded()
        assert lapse.tick().taken == 1
        lapse.wait_until_completed(customer)


@pytest.mark.parametrize("at_once", [True, False], ids=["side by side", "one after the other"])
def test_two_databases_restored_at_once_are_both_erased_again(lapse: Installation, at_once: bool) -> None:
    command = last(lapse, "twice")
    restore(lapse, "crm", "twice")
    restore(lapse, "loans", "twice")
    for services in [("crm", "loans")] if at_once else [("crm",), ("loans",)]:
        replay(lapse, *services)
    for service in ("crm", "loans"):
        assert "twice" in lapse.anonymized(service)
        assert lapse.ledger(service)["twice"] == "DONE"
    assert last(lapse, "twice")[:4] == command[:4]  # all but when it was complete, which is now


def test_stopped_service_pauses_and_its_committed_command_waits_for_it(lapse: Installation) -> None:
    lapse.people("waiting")
    with lapse.roles("state", "ticker"):
        lapse.close_product("waiting")
        lapse.wait_until_folded()
        assert lapse.tick().taken == 1
        switch(lapse, "loans", "stopped")
        before = standing(lapse, ["waiting"], ["loans"])
        with lapse.roles(*ANONYMIZERS) as anonymizers:
            read_all(lapse, "anonymizer.crm")
            waits_for(anonymizers, "anonymizer.loans", "ServiceStoppedError")
            after = standing(lapse, ["waiting"], ["loans"])
            assert (after.rows, after.ledgers) == (before.rows, before.ledgers)
            command = lapse.item("waiting").of(PURPOSE).command
            assert command is not None
            assert (command.phase, dict(command.outcomes)) == ("COMMITTED", {"crm": "DONE"})
            switch(lapse, "loans", "live")
            lapse.wait_until_completed("waiting")
    assert "waiting" in lapse.anonymized("crm") & lapse.anonymized("loans")


def test_service_in_dry_run_counts_answers_and_is_no_part_of_a_command(lapse: Installation) -> None:
    command = last(lapse, "right")
    assert command.services == ("crm", "loans")
    assert set(command.outcomes) == {"crm", "loans"}
    assert lapse.anonymized("news") == set()
    assert lapse.ledger("news") == {}
    given = answers(lapse, "right", "news")
    assert {each["outcome"] for each in given} == {"DRY_RUN"}
    assert {each["command_id"] for each in given} == {command.id}
    assert given[0]["rows_by_table"] == {"people": 1}
