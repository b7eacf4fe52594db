"""A postpone before the commit point wins; activity after it is reported late or is a new beginning."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from consumers.domain.item import Last
from consumers.domain.retention import moment
from consumers.local import Services
from tests.support.by_hand import ago, ahead, read_all, standing, waits_for
from tests.support.installation import PURPOSE, Installation, installation

ANONYMIZERS = ("anonymizer.crm", "anonymizer.loans")
DAY = 24 * 3600 * 1_000_000


@pytest.fixture(scope="module")
def lapse(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("late")
    with installation(services, folder, ("crm", "loans"), barrier_seconds=0.5) as made:
        yield made


def in_flight(lapse: Installation, customer: str) -> str:
    """Make a customer due and claim them while no anonymizer runs; the command's id."""
    lapse.people(customer)
    with lapse.roles("state", "ticker"):
        lapse.close_product(customer)
        lapse.wait_until_folded()
        assert lapse.tick().taken == 1
    command = lapse.item(customer).of(PURPOSE).command
    assert command is not None
    assert command.phase == "ISSUED"
    return command.id


def last(lapse: Installation, customer: str) -> Last:
    found = lapse.item(customer).of(PURPOSE).last
    assert found is not None
    return found


def answers(lapse: Installation, customer: str, *outcomes: str) -> list[dict[str, Any]]:
    return [each for each in lapse.results(*outcomes) if each["customer_id"] == customer]


def say(lapse: Installation, customer: str, product: str, occurred: datetime) -> None:
    """A postpone for 40 days and a closing of another product, both occurred then."""
    with lapse.producer() as producer:
        producer.postpone(customer, product, until=ahead(days=40), occurred_at=occurred)
        producer.product_closed(customer, "loan/2", closed_at=occurred)


def assert_withdrawn(lapse: Installation, customer: str, command: str) -> None:
    state = lapse.item(customer).of(PURPOSE)
    assert (state.command, state.last) == (None, None)
    given = {(each["service"], each["command_id"], each["outcome"]) for each in answers(lapse, customer)}
    assert given == {("crm", command, "SUPERSEDED"), ("loans", command, "SUPERSEDED")}


def test_postpone_folded_before_the_commit_point_wins(lapse: Installation) -> None:
    command = in_flight(lapse, "early")
    before = standing(lapse, ["early"])
    with lapse.roles("state"):
        with lapse.producer() as producer:
            producer.postpone("early", "activity", until=ahead(days=9))
        lapse.wait_until_folded()
        with lapse.roles(*ANONYMIZERS):
            read_all(lapse, *ANONYMIZERS)
    after = standing(lapse, ["early"])
    assert (after.rows, after.ledgers) == (before.rows, before.ledgers)
    assert_withdrawn(lapse, "early", command)


def test_postpone_acknowledged_but_not_folded_is_waited_for_and_wins(lapse: Installation) -> None:
    command = in_flight(lapse, "unfolded")
    before = standing(lapse, ["unfolded"])
    with lapse.producer() as producer:
        producer.postpone("unfolded", "activity", until=ahead(days=9))
    with lapse.roles(*ANONYMIZERS) as anonymizers:
        for role in ANONYMIZERS:
            waits_for(anonymizers, role, "BarrierClosedError")
        assert standing(lapse, ["unfolded"]) == before
        with lapse.roles("state"):
            read_all(lapse, *ANONYMIZERS)
    after = standing(lapse, ["unfolded"])
    assert (after.rows, after.ledgers) == (before.rows, before.ledgers)
    assert_withdrawn(lapse, "unfolded", command)


def test_activity_after_the_commit_point_is_kept_and_late_only_if_it_occurred_before(lapse: Installation) -> None:
    lapse.people("late", "back")
    with lapse.roles():
        lapse.close_product("late", "back")
        lapse.wait_until_folded()
        assert lapse.tick().taken == 2
        lapse.wait_until_completed("late", "back")
        anonymized = standing(lapse, ["late", "back"])
        committed = moment(last(lapse, "late").committed_at)
        say(lapse, "late", "activity", committed - timedelta(milliseconds=1))
        say(lapse, "back", "activity", max(ago(), moment(last(lapse, "back").committed_at) + timedelta(milliseconds=1)))
        lapse.wait_until_folded()
        again = lapse.tick()
    after = standing(lapse, ["late", "back"])
    assert (again.report.due, again.taken) == (0, 0)
    assert (after.rows, after.ledgers) == (anonymized.rows, anonymized.ledgers)
    # one for each statement
    assert [each["command_id"] for each in answers(lapse, "late", "LATE")] == [last(lapse, "late").id] * 2
    assert answers(lapse, "back", "LATE") == []
    for customer in ("late", "back"):
        assert set(lapse.item(customer).products) == {"loan/1", "loan/2", "activity"}
        row = after.items[customer]
        assert row is not None
        assert row.keys is not None
        assert row.keys.due_shard.startswith("due#")
        assert row.keys.next_action_at > lapse.app.clock.now() + 39 * DAY


def test_late_activity_does_not_stop_a_service_that_still_owes_a_committed_command(lapse: Installation) -> None:
    in_flight(lapse, "half")
    with lapse.roles("state"):
        with lapse.roles("anonymizer.crm"):
            read_all(lapse, "anonymizer.crm")
        committed = lapse.item("half").of(PURPOSE).command
        assert committed is not None
        assert committed.phase == "COMMITTED"
        assert committed.committed_at is not None
        assert "half" not in lapse.anonymized("loans")
        say(lapse, "half", "activity", moment(committed.committed_at) - timedelta(milliseconds=1))
        lapse.wait_until_folded()
        with lapse.roles("anonymizer.loans"):
            lapse.wait_until_completed("half")
    assert {service for service in lapse.names if "half" in lapse.anonymized(service)} == {"crm", "loans"}
    assert last(lapse, "half").id == committed.id
    assert {each["command_id"] for each in answers(lapse, "half", "LATE")} == {committed.id}
    assert "activity" in lapse.item("half").products
