"""Data that came back to a service: found, told without naming anybody, erased again by a command of their own."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consumers.local import Services
from tests.support.build import new_id
from tests.support.by_hand import ago, standing
from tests.support.command_line import Answer, ask
from tests.support.installation import PURPOSE, Installation, installation, wait_for

SERVICES = ("crm", "loans")


@pytest.fixture
def lapse(services: Services, tmp_path: Path) -> Iterator[Installation]:
    with installation(services, tmp_path, SERVICES) as made:
        yield made


def verify(lapse: Installation, *words: str, service: str = "crm") -> tuple[int, dict[str, Any]]:
    answer = ask(lapse, "verify", "--service", service, "--json", *words)
    assert answer.out, answer.err
    # roles run beside it in this process, and may log to the same stream before it answers
    return answer.code, json.loads(answer.out[answer.out.index("{\n") :])


def done(lapse: Installation, *customers: str) -> None:
    lapse.close_product(*customers)
    lapse.wait_until_folded()
    lapse.tick()
    lapse.wait_until_completed(*customers)


def restored(lapse: Installation, customer: str) -> None:
    """The row as a person puts it back from a copy: the ledger keeps its row."""
    row = (f"Name of {customer}", f"{customer}@example.invalid", customer)
    with lapse.connect("crm") as database:
        database.execute("UPDATE people SET name = %s, email = %s, anonymized = false WHERE customer_id = %s", row)


def overwritten(lapse: Installation, customer: str) -> None:
    """An application that has kept the old address writes it into the anonymized row."""
    with lapse.connect("crm") as database:
        database.execute("UPDATE people SET email = %s WHERE customer_id = %s", (f"{customer}@x.invalid", customer))


def come_back(lapse: Installation, customer: str) -> None:
    with lapse.producer() as producer:
        producer.product_opened(customer, "loan/2")
    restored(lapse, customer)


def command_of(lapse: Installation, customer: str) -> str:
    last = lapse.item(customer).of(PURPOSE).last
    assert last is not None
    return last.id


def names_nobody(answer: Answer, *customers: str) -> None:
    assert not [each for each in customers if each in answer.out + answer.err]


def test_what_came_back_is_found_erased_again_and_then_not_found_any_more(lapse: Installation) -> None:
    row, cell, back, quiet, early = everybody = [new_id(each) for each in ("row", "cell", "back", "quiet", "early")]
    lapse.people(*everybody)
    with lapse.roles():
        done(lapse, row, cell, back, quiet)
        assert verify(lapse) == (0, {"service": "crm", "commands": 4, "found": [], "due": 0, "kept": 0, "sent": 0})
        restored(lapse, row)
        overwritten(lapse, cell)
        come_back(lapse, back)
        damaged, events = standing(lapse, everybody), lapse.count("events")

        code, found = verify(lapse)
        assert (code, found["commands"], found["due"], found["kept"], found["sent"]) == (1, 4, 0, 1, 0)
        places = {each["command_id"]: (each["standing"], each["rows"]) for each in found["found"]}
        firsts = {command_of(lapse, row): row, command_of(lapse, cell): cell}
        assert {firsts[command]: told for command, told in places.items()} == {
            row: ("returned", {"people": 1}),
            cell: ("returned", {"people.email": 1}),
        }
        table = ask(lapse, "verify", "--service", "crm")
        assert (table.code, "data of 2 came back" in table.out, "people.email" in table.out) == (1, True, True)
        names_nobody(table, *everybody, "Name of", "@x.invalid")
        assert verify(lapse, service="loans")[0] == 0
        assert ask(lapse, "verify", "--service", "crm", "--resend").code == 2
        after = standing(lapse, everybody)
        # the event of who came back is folded by then
        assert (after.rows, after.ledgers, lapse.count("events")) == (damaged.rows, damaged.ledgers, events)

        sent = ask(lapse, "verify", "--service", "crm", "--resend", "--reason", "restored by hand", "--by", "ann")
        assert (sent.code, "2 are due again" in sent.out) == (0, True), sent.err
        lapse.wait_until_folded()
        assert verify(lapse) == (0, {"service": "crm", "commands": 4, "found": [], "due": 2, "kept": 1, "sent": 0})
        assert lapse.tick().taken == 2
        wait_for(
            "new commands are complete", lambda: all(command_of(lapse, each) not in places for each in (row, cell))
        )
        assert lapse.anonymized("crm") == {row, cell, quiet}
        assert verify(lapse) == (0, {"service": "crm", "commands": 6, "found": [], "due": 0, "kept": 1, "sent": 0})
    rows = lapse.rows("crm")
    assert rows[cell][1].endswith("@anonymized.invalid")
    assert (rows[back][0], rows[early][0]) == (f"Name of {back}", f"Name of {early}")
    said = [each for each in lapse.records("events") if dict(each.headers).get("lapse-reason")]
    assert [dict(each.headers)["lapse-reason"] for each in said] == [b"restored by hand"] * 2
    assert {dict(each.headers)["lapse-by"] for each in said} == {b"ann"}
    audited = ask(lapse, "audit", "--json")
    assert (audited.code, json.loads(audited.out)["differences"]) == (0, [])


def test_who_comes_back_after_the_resend_keeps_his_rows(lapse: Installation) -> None:
    customer = new_id()
    lapse.people(customer)
    with lapse.roles():
        done(lapse, customer)
        restored(lapse, customer)
        assert verify(lapse, "--resend", "--reason", "drill")[0] == 0
        come_back(lapse, customer)
        lapse.tick()
        lapse.wait_until_folded()
        assert lapse.tick().taken == 0
        assert verify(lapse)[1]["kept"] == 1
    assert lapse.rows("crm")[customer] == (f"Name of {customer}", f"{customer}@example.invalid", False)


def test_only_commands_since_are_looked_at_and_a_service_that_is_not_live_gets_none(lapse: Installation) -> None:
    customer = new_id()
    lapse.people(customer)
    with lapse.roles():
        done(lapse, customer)
        restored(lapse, customer)
        later = ago(days=-1).isoformat()
        assert verify(lapse, "--since", later) == (
            0,
            {"service": "crm", "commands": 0, "found": [], "due": 0, "kept": 0, "sent": 0},
        )
        assert verify(lapse, "--since", ago(days=1).isoformat())[0] == 1
        assert ask(lapse, "service", "stop", "crm", "--reason", "drill").code == 0
        refused = ask(lapse, "verify", "--service", "crm", "--resend", "--reason", "drill")
        assert (refused.code, "crm is not live" in refused.err) == (1, True)
        assert ask(lapse, "verify", "--service", "nobody").code == 1
        assert ask(lapse, "verify", "--service", "crm", "--since", "yesterday").code == 2
