"""`lapse audit` on real topics and databases: nothing in a clean run, what was changed by hand under its own code."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from consumers.audit import audit_history
from consumers.demo.command import BooksError, run_demo
from consumers.demo.run import Demo
from consumers.local import Services
from consumers.runtime.murmur2 import partition_of
from tests.support.build import new_id
from tests.support.command_line import ask, both, refused
from tests.support.falsified import new_command
from tests.support.installation import PURPOSE, Installation, installation

CUSTOMERS = ("restored", "removed", "young", "kept", "back", "unread")


@pytest.fixture
def lapse(services: Services, tmp_path: Path) -> Iterator[Installation]:
    with installation(services, tmp_path, ("crm", "loans"), voters=("loans",)) as made:
        yield made


@pytest.fixture
def names(lapse: Installation) -> dict[str, str]:
    """A day in the life of six customers: three are done, one of them comes back."""
    names = {each: new_id(each) for each in CUSTOMERS}
    done = [names[each] for each in ("restored", "removed", "back")]
    lapse.people(*names.values())
    with lapse.roles():
        lapse.close_product(*done, names["kept"], names["unread"])
        lapse.close_product(names["young"], days_ago=3)
        with lapse.producer() as producer:
            producer.product_opened(names["kept"], "card/1")
        lapse.send("events", names["unread"], b"garbage")
        lapse.wait_until_folded()
        lapse.tick()
        lapse.wait_until_completed(*done)
        with lapse.producer() as producer:
            producer.product_opened(names["back"], "card/2")
        lapse.wait_until_folded()
    with lapse.connect("crm") as database:
        sql = "UPDATE people SET name = 'Back again', anonymized = false WHERE customer_id = %s"
        database.execute(sql, [names["back"]])
    return names


def found_in(lapse: Installation, *options: str) -> list[tuple[str, str, str]]:
    """Code, customer and service of every difference, as the command line prints them."""
    told = both(lapse, "audit", "--grace-hours", "0", *options, code=1)
    assert sum(told["counts"].values()) == len(told["differences"])
    return sorted((each["code"], each["customer_id"], each["service"]) for each in told["differences"])


def forged_row(customer: str) -> dict[str, Any]:
    return {
        "command": new_command(),
        "customer": customer,
        "purpose": PURPOSE,
        "part": partition_of(customer.encode(), 12),
    }


FORGED = """
INSERT INTO lapse.lapse_ledger (service, command_id, customer_id, purpose, "partition", "offset", committed_at,
                                rules_digest, outcome, rows)
VALUES ('loans', %(command)s, %(customer)s, %(purpose)s, %(part)s, 0, now(), '', 'DONE', '{"people": 1}')
"""


def test_a_clean_run_differs_in_nothing_and_what_was_changed_by_hand_is_found(
    lapse: Installation, names: dict[str, str]
) -> None:
    clean = both(lapse, "audit", "--grace-hours", "0")
    assert (clean["customers"], clean["commits"], clean["held"], clean["differences"]) == (6, 3, 1, [])
    assert audit_history(lapse.app.history(), grace=0).differences == []
    with lapse.connect("crm") as crm, lapse.connect("loans") as loans:
        crm.execute("UPDATE people SET name = 'x', anonymized = false WHERE customer_id = %s", [names["restored"]])
        loans.execute("DELETE FROM lapse.lapse_ledger WHERE customer_id = %s", [names["removed"]])
        loans.execute("UPDATE people SET name = '-', anonymized = true WHERE customer_id = %s", [names["young"]])
        loans.execute(FORGED, forged_row(names["young"]))
    assert found_in(lapse) == [
        ("foreign_row", names["young"], "loans"),
        ("ledger_row_missing", names["removed"], "loans"),
        ("restored_row", names["restored"], "crm"),
    ]
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert both(lapse, "audit", "--from", later)["differences"] == []


def test_a_time_without_a_zone_and_a_database_that_is_away_are_refused(
    lapse: Installation, names: dict[str, str]
) -> None:
    del names
    assert ask(lapse, "audit", "--from", "2026-01-01T00:00").code == 2
    rules = lapse.folder / "loans.yaml"
    rules.write_text(rules.read_text("utf-8").replace(lapse.database("loans"), "nowhere"), encoding="utf-8")
    answer = ask(lapse, "audit", "--grace-hours", "0", "--json")
    refused(answer, "not_checked")
    assert {each["service"] for each in json.loads(answer.out)["differences"]} == {"loans"}


class OneFlagClearedAtTheEnd(Demo):
    """Its books are right every time they are looked at; then a row is changed."""

    looked = 0

    def check(self) -> list[str]:
        found = super().check()
        self.looked += 1
        if self.looked == 2:
            with self.databases.connect("crm") as database:
                database.execute(
                    "UPDATE customers SET anonymized = false WHERE customer_id ="
                    " (SELECT min(customer_id) FROM customers WHERE anonymized)"
                )
        return found


def test_the_demo_ends_with_an_audit(services: Services) -> None:
    with pytest.raises(BooksError, match="the audit finds 1 restored_row"):
        run_demo(services, 40, "demo-audit", OneFlagClearedAtTheEnd)


def test_rows_carried_out_are_found_by_partition_whatever_number_was_written(
    lapse: Installation, names: dict[str, str]
) -> None:
    row = forged_row(names["young"])
    with lapse.connect("loans") as loans:
        for part in (-1, 99):
            loans.execute(FORGED, {**row, "command": new_command(), "part": part})
    with closing(lapse.app.store("loans")[0]) as store:
        assert sum(len(store.carried(each, 12, 0) or ()) for each in range(12)) == 5
    assert [each[0] for each in found_in(lapse)] == ["foreign_row", "foreign_row"]
