"""One trace, from schedule() to the ledger row of each service and to dead letters, followed by the command line."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from consumers.local import Services
from tests.support.build import new_id
from tests.support.command_line import ask, both
from tests.support.installation import PURPOSE, Installation, installation

SERVICES = ("crm", "loans", "news")
NOWHERE = 'url: "postgresql+psycopg://nobody@127.0.0.1:1/none",'
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def lapse(services: Services, tmp_path: Path) -> Iterator[Installation]:
    with installation(services, tmp_path, SERVICES, voters=("loans",)) as made:
        yield made


def test_a_trace_is_followed_from_the_schedule_to_every_ledger(lapse: Installation) -> None:
    customer = new_id()
    lapse.people(customer)
    at = datetime.now(UTC) - timedelta(days=60)
    with lapse.producer() as producer:
        producer.schedule(customer, "loan/1", retention_starts_at=at, occurred_at=at, traceparent=TRACE)
    with lapse.roles():
        lapse.wait_until_folded()
        lapse.tick()
        lapse.wait_until_completed(customer)
    told = both(lapse, "customer", customer)
    assert told["purposes"][PURPOSE]["products"]["loan/1"]["traceparents"] == [TRACE]
    assert {service: [row["traceparent"] for row in rows] for service, rows in told["ledgers"].items()} == {
        service: [TRACE] for service in SERVICES
    }
    answers = [(each["service"], each["outcome"]) for each in told["trail"]]
    assert answers[0] == ("loans", "AGREED")
    assert sorted(answers[1:]) == [(service, "DONE") for service in SERVICES]
    assert {each["traceparent"] for each in told["trail"]} == {TRACE}
    command = told["purposes"][PURPOSE]["last"]["id"]
    assert both(lapse, "customer", "--command", command) == told
    for record in lapse.records("commands"):
        assert dict(record.headers)["traceparent"] == TRACE.encode()


def test_a_command_is_resolved_by_the_trail_where_no_ledger_is_at_hand(lapse: Installation) -> None:
    customer = new_id()
    lapse.people(customer)
    lapse.close_product(customer)
    with lapse.roles():
        lapse.wait_until_folded()
        lapse.tick()
        lapse.wait_until_completed(customer)
    last = lapse.item(customer).of(PURPOSE).last
    assert last is not None
    for service in SERVICES:
        (lapse.folder / f"{service}.yaml").unlink()
    told = both(lapse, "customer", "--command", last.id)
    assert (told["customer_id"], told["ledgers"]) == (customer, {})
    assert both(lapse, "customer", customer)["trail"] == told["trail"]


def test_a_database_that_cannot_be_asked_is_named_and_the_story_told(lapse: Installation) -> None:
    lapse.close_product("someone")
    with lapse.roles("state"):
        lapse.wait_until_folded()
    rules = lapse.folder / "crm.yaml"
    rules.write_text(re.sub("url: .*?,", NOWHERE, rules.read_text("utf-8")), encoding="utf-8")
    (lapse.folder / "loans.yaml").write_text("version: 1\n", encoding="utf-8")
    told = both(lapse, "customer", "someone")
    assert told["ledgers"]["crm"].startswith("away: ")
    assert told["ledgers"]["loans"] == "unusable: missing"
    assert told["ledgers"]["news"] == []


def test_an_unknown_command_and_a_missing_name_are_refused(lapse: Installation) -> None:
    unknown = ask(lapse, "customer", "--command", "00000000-0000-4000-8000-000000000000")
    assert unknown.code == 1
    assert "No ledger" in unknown.err
    assert ask(lapse, "customer").code == 2
    assert ask(lapse, "customer", "c", "--command", "x").code == 2
