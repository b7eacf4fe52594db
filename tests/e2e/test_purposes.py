"""Three purposes with their own retention over five services, against a table computed by hand."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from consumers.app import new_stamp
from consumers.local import Services
from consumers.operations.policies import apply_policy
from consumers.settings import PurposeSettings, RetentionSettings
from tests.support.build import new_id
from tests.support.command_line import run
from tests.support.installation import Installation, installation, wait_for

STOCKHOLM = "Europe/Stockholm"
PURPOSES = {
    "marketing": PurposeSettings(
        retention=RetentionSettings(days=30, timezone=STOCKHOLM),
        services=("crm", "news"),
        products=("loan", "activity"),
    ),
    "bookkeeping": PurposeSettings(
        retention=RetentionSettings(years=7, counted_from="end_of_year", timezone=STOCKHOLM),
        services=("ledger", "archive"),
        products=("loan",),
    ),
    "contract": PurposeSettings(
        retention=RetentionSettings(years=1, timezone=STOCKHOLM), services=("core",), products=("loan",)
    ),
}
# customer: (product, closed at) -> due dates by purpose, written down by hand, in UTC.
# Stockholm is UTC+1 in winter, UTC+2 in summer; what is not a local midnight is rounded up to the next one.
BY_HAND: dict[str, tuple[tuple[str, str], dict[str, str | None]]] = {
    # 29 Feb + 30 days = 30 Mar 12:00, up to 31 Mar 00:00, the day the clocks go forward (at 02:00), still +1
    # 29 Feb 2024 + 1 year = 1 Mar 2025 12:00, up to 2 Mar 00:00; end of 2024 + 7 years = 1 Jan 2032
    "leap": (
        ("loan/1", "2024-02-29T11:00+00:00"),
        {
            "marketing": "2024-03-30T23:00:00+00:00",
            "contract": "2025-03-01T23:00:00+00:00",
            "bookkeeping": "2031-12-31T23:00:00+00:00",
        },
    ),
    # half past midnight on 1 Jan 2018 in Stockholm is still 2017 in UTC: the local year counts
    "new-year": (
        ("loan/2", "2017-12-31T23:30+00:00"),
        {
            "marketing": "2018-01-31T23:00:00+00:00",
            "contract": "2019-01-01T23:00:00+00:00",
            "bookkeeping": "2025-12-31T23:00:00+00:00",
        },
    ),
    # a minute before local midnight belongs to 2017
    "old-year": (
        ("loan/3", "2017-12-31T22:59+00:00"),
        {
            "marketing": "2018-01-30T23:00:00+00:00",
            "contract": "2018-12-31T23:00:00+00:00",
            "bookkeeping": "2024-12-31T23:00:00+00:00",
        },
    ),
    # exactly a local midnight in summer stays where it is
    "midnight": (
        ("loan/4", "2025-06-30T22:00+00:00"),
        {
            "marketing": "2025-07-30T22:00:00+00:00",
            "contract": "2026-06-30T22:00:00+00:00",
            "bookkeeping": "2032-12-31T23:00:00+00:00",
        },
    ),
    # only marketing looks at activity
    "activity": (
        ("activity", "2026-01-01T12:00+00:00"),
        {"marketing": "2026-01-31T23:00:00+00:00", "contract": None, "bookkeeping": None},
    ),
}
SERVICES = {"marketing": ("crm", "news"), "bookkeeping": ("ledger", "archive"), "contract": ("core",)}


@pytest.fixture
def lapse(services: Services, tmp_path: Path) -> Iterator[Installation]:
    names = tuple(service for each in SERVICES.values() for service in each)
    with installation(services, tmp_path, names, purposes=PURPOSES) as made:
        yield made


def told(lapse: Installation, customer: str) -> dict[str, str | None]:
    """Due dates by purpose, as the command line prints them."""
    printed = run("--config", str(lapse.settings_file()), "customer", customer, "--json")
    assert printed.code == 0, printed.err
    return {name: purpose["due"] for name, purpose in json.loads(printed.out)["purposes"].items()}


def test_every_date_is_as_computed_by_hand_and_what_is_due_is_done_in_its_own_services(lapse: Installation) -> None:
    names = {each: new_id(each) for each in BY_HAND}
    lapse.people(*names.values())
    with lapse.producer() as producer:
        for each, ((product, closed), _) in BY_HAND.items():
            producer.product_closed(names[each], product, closed_at=datetime.fromisoformat(closed))
    with lapse.roles():
        lapse.wait_until_folded()
        assert {each: told(lapse, names[each]) for each in BY_HAND} == {
            each: dates for each, (_, dates) in BY_HAND.items()
        }
        lapse.tick()
        now = datetime.now(UTC)
        due = {
            purpose: {
                names[each]
                for each, (_, dates) in BY_HAND.items()
                if (date := dates[purpose]) and datetime.fromisoformat(date) <= now
            }
            for purpose in SERVICES
        }
        assert len({frozenset(customers) for customers in due.values()}) == 3
        for purpose, customers in due.items():
            for service in SERVICES[purpose]:
                wait_for(f"{purpose} is done in {service}", lambda s=service, c=customers: lapse.anonymized(s) == c)  # type: ignore[misc]
    assert lapse.count("dead-letters") == 0


def test_a_shortened_retention_takes_effect_after_apply_and_touch(lapse: Installation) -> None:
    customer = new_id()
    lapse.people(customer)
    lapse.close_product(customer, days_ago=20)
    with lapse.roles():
        lapse.wait_until_folded()
        assert lapse.tick().report.due == 0
        shorter = PURPOSES["marketing"].model_copy(update={"retention": RetentionSettings(days=10, timezone=STOCKHOLM)})
        lapse._settings = {**lapse._settings, "purposes": {**PURPOSES, "marketing": shorter}}
        lapse.app = lapse.new_app()
        apply_policy(lapse.app.table, lapse.app.settings.policy(), new_stamp)
        assert lapse.tick().report.due == 0
        printed = run("--config", str(lapse.settings_file()), "state", "touch", "--execute")
        assert printed.code == 0, printed.err
        assert lapse.tick().report.due == 1
        wait_for("it is done", lambda: customer in lapse.anonymized("crm") & lapse.anonymized("news"))
    assert customer not in lapse.anonymized("core")
