"""Dead letters on real services, by the command line: held, redriven, parked, released, discarded."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from consumers.domain.errors import InvalidRecordError
from consumers.local import Services
from consumers.operations.discarding import halting
from consumers.operations.dlq import MAX_DELIVERIES
from consumers.state import reading
from schemas import codec
from tests.support.build import new_id
from tests.support.command_line import ask, both
from tests.support.installation import PURPOSE, Installation, installation, wait_for
from tests.support.sql_store import unnoticed_by_roles

SERVICES = ("crm", "loans", "news")


@pytest.fixture
def lapse(services: Services, tmp_path: Path) -> Iterator[Installation]:
    with installation(services, tmp_path, SERVICES) as made:
        yield made


@contextmanager
def before_the_fix(customer: str) -> Iterator[None]:
    """A state consumer that cannot read the postpones of a customer."""

    def older(value: bytes | None, expected: Any) -> Any:
        decoded = codec.decode(value, expected)
        if decoded.fields["customer_id"] == customer and decoded.name == "PostponeAnonymization":
            raise InvalidRecordError("unknown_schema")
        return decoded

    with patch.object(reading, "decode", older):
        yield


def told(lapse: Installation, *words: str) -> str:
    answer = ask(lapse, *words)
    assert answer.code == 0, answer.err
    return answer.out


def test_an_unreadable_postpone_keeps_its_customer_until_it_is_redriven(lapse: Installation) -> None:
    held, free = new_id(), new_id()
    lapse.people(held, free)
    lapse.close_product(held, free)
    with lapse.roles():
        with before_the_fix(held), lapse.producer() as producer:
            producer.product_opened(held, "activity")
            assert producer.flush(30) == 0
            wait_for("it is held", lambda: lapse.item(held).holds)
        lapse.tick()
        lapse.wait_until_completed(free)
        assert held not in lapse.anonymized("crm") | lapse.anonymized("loans") | lapse.anonymized("news")
        (row,) = both(lapse, "dlq", "list")
        assert (row["code"], row["attempts"], row["state"]) == ("unknown_schema", 1, "WAITING")
        assert held not in told(lapse, "dlq", "list")
        assert held in told(lapse, "dlq", "show", row["record"])
        assert row["record"] in told(lapse, "dlq", "redrive", "--json")
        assert lapse.item(held).holds
        assert "sent again: 1" in told(lapse, "dlq", "redrive", "--execute")
        wait_for("the copy is folded", lambda: not lapse.item(held).holds)
        assert lapse.item(held).products["activity"].postpone is not None
        assert both(lapse, "dlq", "list") == []
        # it was open until now: only what closes later than it opened can make the customer due
        assert lapse.tick().report.due == 0
    first, copy = [each for each in lapse.records("events") if each.value and b"activity" in each.value]
    assert (copy.key, copy.value) == (first.key, first.value)
    assert list(copy.headers)[: len(first.headers)] == list(first.headers)


def test_a_record_for_nobody_halts_everything_until_it_is_discarded_and_stays_so(lapse: Installation) -> None:
    customer = new_id()
    lapse.people(customer)
    lapse.close_product(customer)
    with lapse.roles():
        lapse.send("events", None, None)
        wait_for("everything halts", lambda: halting(lapse.app.table))
        lapse.tick()
        assert lapse.item(customer).of(PURPOSE).command is None
        (record,) = halting(lapse.app.table)
        told(lapse, "dlq", "discard", record, "--reason", "sent by hand", "--by", "ann")
        assert halting(lapse.app.table) == ()
        lapse.send("events", customer, b"no event")
        wait_for("it holds its customer", lambda: lapse.item(customer).holds)
        (held,) = lapse.item(customer).holds
        shown = both(lapse, "dlq", "show", held)
        assert (shown["undecodable"], shown["value"]) == ("undecodable", b"no event".hex())
        told(lapse, "dlq", "discard", held, "--reason", "sent by hand", "--by", "ann", "--customer", customer)
        assert both(lapse, "dlq", "list") == []
        lapse.tick()
        lapse.wait_until_completed(customer)
    letters = lapse.count("dead-letters")
    group, topic = lapse.group_and_topic("state")
    assert told(lapse, "offsets", "reset", "--group", group, "--to-earliest", "--execute")
    assert topic == lapse.app.names.events
    with lapse.roles("state"):
        lapse.wait_until_folded()
        wait_for("the log is read again", lambda: lapse.app.offsets.lag(group, topic) == 0)
    assert halting(lapse.app.table) == ()
    assert lapse.count("dead-letters") == letters


def test_a_redrive_reaches_the_group_that_failed_alone_and_is_parked_after_so_many(
    lapse: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    unnoticed_by_roles(monkeypatch)
    customer = new_id()
    lapse.people(customer)
    lapse.close_product(customer)
    fail = (
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE 'no' USING ERRCODE = '23514'; END$$; "
        "CREATE TRIGGER refuse BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    with lapse.roles():
        lapse.wait_until_folded()
        # pre-flight has passed: what fails now is the data
        with lapse.connect("loans") as database:
            database.execute(fail)
        lapse.tick()
        wait_for("loans has failed", lambda: lapse.count("dead-letters"))
        for attempt in range(1, MAX_DELIVERIES):
            told(lapse, "dlq", "redrive", "--execute", "--group", lapse.group_and_topic("anonymizer.loans")[0])
            wait_for("it failed again", lambda a=attempt: letter(lapse)["attempts"] == a + 1)  # type: ignore[misc]
        assert letter(lapse)["state"] == "PARKED"
        assert "sent again: 0" in told(lapse, "dlq", "redrive", "--execute")
        with lapse.connect("loans") as database:
            database.execute("DROP TRIGGER refuse ON people")
        assert "sent again: 1" in told(lapse, "dlq", "redrive", "--execute", "--parked")
        lapse.wait_until_completed(customer)
    commands = lapse.records("commands")
    assert len(commands) == MAX_DELIVERIES + 1
    assert len({(each.key, each.value) for each in commands}) == 1
    assert {each["outcome"] for each in lapse.results() if each["service"] != "loans"} == {"DONE"}
    assert len([each for each in lapse.results() if each["service"] != "loans"]) == 2
    assert all(customer in lapse.anonymized(service) for service in SERVICES)


def letter(lapse: Installation) -> dict[str, Any]:
    found = both(lapse, "dlq", "list", "--all")
    assert len(found) == 1
    return dict(found[0])
