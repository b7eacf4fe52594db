"""Twenty services on four kinds of store in one run, then one more: a YAML file and a backfill.

`TWENTY_CUSTOMERS=2000` for a larger run; the figures are printed at its end.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from consumers.domain.ticks import Plan
from consumers.local import Services
from consumers.operations import ticking
from consumers.settings import PurposeSettings, RetentionSettings
from tests.support.by_hand import read_all
from tests.support.command_line import ask
from tests.support.four_stores import KEPT, FourStores, Rows, Servers, four_stores
from tests.support.installation import wait_for

CUSTOMERS = int(os.environ.get("TWENTY_CUSTOMERS", "100"))
KINDS = ("pg", "maria", "lite", "s3")
SERVICES = {
    "marketing": tuple(f"{kind}-{name}" for name in ("news", "shop") for kind in KINDS),
    "contract": tuple(f"{kind}-{name}" for name in ("crm", "loans") for kind in KINDS),
    "bookkeeping": tuple(f"{kind}-books" for kind in KINDS),
}
RETENTION = {
    "marketing": RetentionSettings(days=30, timezone="Europe/Stockholm"),
    "contract": RetentionSettings(years=1, timezone="Europe/Stockholm"),
    "bookkeeping": RetentionSettings(years=7, counted_from="end_of_year", timezone="Europe/Stockholm"),
}
NAMES = tuple(service for each in SERVICES.values() for service in each)
VOTER, NEW, PATIENCE = "pg-loans", "maria-wiki", 1200.0
DAYS_AGO = (10, 10, 60, 60, 60, 60, 500, 500, 3300, 3300)
"""When the loan of a customer was closed, by the last digit of his number."""
DUE = {10: (), 60: ("marketing",), 500: ("marketing", "contract"), 3300: ("marketing", "contract", "bookkeeping")}


def numbered(number: int) -> str:
    return f"c-{number}"


EVERYBODY = {numbered(number): number for number in range(CUSTOMERS)}
BORROWERS = {each for each, number in EVERYBODY.items() if number % 10 == 2}
"""Who has opened another loan since."""
OBJECTED = {each for each, number in EVERYBODY.items() if number % 100 == 59 or number == 9}
"""Whom the guard of one service knows to be active."""


def due(purpose: str) -> set[str]:
    """Who has to be gone from every service of a purpose."""
    ripe = {each for each, number in EVERYBODY.items() if purpose in DUE[DAYS_AGO[number % 10]]}
    return ripe - BORROWERS - (OBJECTED if purpose == "contract" else set())


def customers_of(service: str) -> dict[str, int]:
    """Two in three customers have data in a service, others in each."""
    shift = (*NAMES, NEW).index(service)
    return {each: number for each, number in EVERYBODY.items() if (number + shift) % 3}


def purposes(*more: str) -> dict[str, PurposeSettings]:
    services = {**SERVICES, "contract": (*SERVICES["contract"], *more)}
    return {name: PurposeSettings(retention=RETENTION[name], services=services[name]) for name in services}


@pytest.fixture
def lapse(services: Services, mariadb: str, s3: str, tmp_path: Path) -> Iterator[FourStores]:
    servers = Servers(mariadb, s3)
    with four_stores(services, servers, tmp_path, NAMES, voters=[VOTER], purposes=purposes()) as made:
        yield made


def told(lapse: FourStores, *words: str, code: int = 0) -> str:
    answer = ask(lapse, *words)
    assert answer.code == code, answer.err
    return answer.out


def swept(lapse: FourStores, service: str, *words: str) -> dict[str, Any]:
    answer = ask(lapse, "verify", "--service", service, "--json", *words)
    found: dict[str, Any] = json.loads(answer.out[answer.out.index("{\n") :])
    assert answer.code == (1 if len(found["found"]) > found["sent"] else 0)
    return found


def say(lapse: FourStores) -> None:
    now = datetime.now(UTC)
    with lapse.producer() as producer:
        for each, number in EVERYBODY.items():
            closed = now - timedelta(days=DAYS_AGO[number % 10])
            producer.product_closed(each, "loan/1", closed_at=closed)
        for each in BORROWERS:
            producer.product_opened(each, "loan/2")


def ticked(lapse: FourStores) -> Plan:
    """Ask for a tick and wait for its end: beside twenty other roles on two cores it takes its time."""
    return ticking.wait_for_tick(lapse.app.table, lapse.request_tick(), lapse.app.clock, PATIENCE)


def complete(lapse: FourStores, wanted: Mapping[str, set[str]]) -> None:
    """Wait until these customers have a completed command for these purposes, and none in flight."""
    left = {(customer, purpose) for purpose, customers in wanted.items() for customer in customers}

    def settled() -> bool:
        some = sorted(left)[:100]
        items = lapse.app.items(sink).read({customer for customer, _ in some})
        for customer, purpose in some:
            state = items[customer].item.of(purpose)
            if state.last and not state.command:
                left.discard((customer, purpose))
        return not left

    sink = lapse.app.sink()
    wait_for("all is complete", settled, PATIENCE)
    sink.close()


def assert_gone(before: Rows, after: Rows | None, customer: str) -> None:
    """Nothing personal is left of a customer, and what the rules keep is as it was."""
    if "letters" in before:
        assert after is None
        return
    assert after is not None
    assert set(after) == {"people", "orders"}
    for _, name, email, born, _, flag in after["people"]:
        assert (name, str(born), bool(flag)) == ("Anonymized", "1980-01-01", True)
        assert email.endswith("@anonymized.invalid")
    assert [row[2] for row in after["orders"]] == [None, None]
    for table in after:
        kept = [[tuple(row[place] for place in KEPT[table]) for row in rows[table]] for rows in (before, after)]
        assert kept[0] == kept[1]
    assert customer not in str([row[1:] for rows in after.values() for row in rows])


def check(lapse: FourStores, service: str, gone: set[str], before: Mapping[str, Rows]) -> int:
    """Compare a service with what must be there; how many customers are gone from it."""
    after = lapse.data(service)
    affected = gone & before.keys()
    for each in affected:
        assert_gone(before[each], after.get(each), each)
    untouched = before.keys() - affected
    assert {each: after.get(each) for each in untouched} == {each: before[each] for each in untouched}
    assert after.keys() <= before.keys()
    return len(affected)


@pytest.mark.timeout(3000)
def test_twenty_services_on_four_kinds_of_store_and_then_one_more(
    lapse: FourStores, caplog: pytest.LogCaptureFixture, record_property: Callable[[str, object], None]
) -> None:
    started = time.monotonic()
    for service in NAMES:
        lapse.fill(service, customers_of(service))
    for each in OBJECTED:
        lapse.run(VOTER, f"INSERT INTO open_loans VALUES ('{each}')")
    before = {service: lapse.data(service) for service in NAMES}
    say(lapse)
    filled = time.monotonic()
    with lapse.roles("state", "ticker"):
        lapse.wait_until_folded()
        claimed = ticked(lapse).taken
        with lapse.roles(*(f"anonymizer.{service}" for service in NAMES)):
            complete(lapse, {purpose: due(purpose) for purpose in SERVICES})
            run = time.monotonic()
            gone = check_all(lapse, before)
            record_property("figures", figures(lapse, gone, filled - started, run - filled, claimed))
            add_one_more(lapse, before)
            look_behind(lapse, before)
    assert lapse.count("dead-letters") == 0
    # a connection a role: beyond the pool each call to the table would open one of its own
    assert "Connection pool is full" not in caplog.text


def check_all(lapse: FourStores, before: Mapping[str, Mapping[str, Rows]]) -> dict[str, int]:
    """Compare every service with the oracle: how many customers are gone from each."""
    for each in OBJECTED:
        state = lapse.item(each).of("contract")
        assert (state.command, state.last, state.retry_at is None) == (None, None, False)
    gone = {
        service: check(lapse, service, due(purpose), before[service])
        for purpose, services in SERVICES.items()
        for service in services
    }
    assert all(gone.values())
    return gone


def figures(lapse: FourStores, gone: Mapping[str, int], filled: float, run: float, claimed: int) -> str:
    answers = lapse.results("DONE", "NOTHING_FOUND")
    rows = sum(sum(each["rows_by_table"].values()) for each in answers)
    return (
        f"\n{CUSTOMERS} customers, {len(gone)} services, 3 purposes: {claimed} customers claimed, "
        f"{len({each['command_id'] for each in answers})} commands, {len(answers)} answers, {rows} rows and objects "
        f"changed, {sum(gone.values())} customers gone from a service; filled in {filled:.1f} s, run in {run:.1f} s"
    )


def add_one_more(lapse: FourStores, before: dict[str, dict[str, Rows]]) -> None:
    """The twenty-first: its rules file, its name in the policy, and what the command line says of it."""
    others = {service: lapse.data(service) for service in NAMES}
    lapse.names, lapse.purpose_by_service = (*NAMES, NEW), {**lapse.purpose_by_service, NEW: "contract"}
    lapse.make_database(NEW)
    lapse.fill(NEW, customers_of(NEW))
    before[NEW] = lapse.data(NEW)
    lapse._settings = {**lapse._settings, "purposes": purposes(NEW)}
    lapse.app = lapse.new_app()
    told(lapse, "policy", "apply")
    told(lapse, "rules", "check", str(lapse.rules_file(NEW)))
    with lapse.roles(f"anonymizer.{NEW}"):
        read_all(lapse, f"anonymizer.{NEW}")
        assert lapse.data(NEW) == before[NEW]
        told(lapse, "service", "enable", NEW)
        owed = len(due("contract"))
        assert f"{owed} commands would be sent" in told(lapse, "service", "backfill", NEW)
        assert f"{owed} commands sent" in told(lapse, "service", "backfill", NEW, "--execute")
        wait_for("it is backfilled", lambda: len(answers_of(lapse, NEW)) == owed, PATIENCE)
        complete(lapse, {"contract": due("contract")})
    assert check(lapse, NEW, due("contract"), before[NEW]) > 0
    assert {service: lapse.data(service) for service in NAMES} == others


def answers_of(lapse: FourStores, service: str) -> set[str]:
    answers = lapse.results("DONE", "NOTHING_FOUND")
    return {each["customer_id"] for each in answers if each["service"] == service}


def look_behind(lapse: FourStores, before: Mapping[str, Mapping[str, Rows]]) -> None:
    """Data come back in a service of each kind; they are found, sent again and gone with the next tick."""
    back: dict[str, str] = {}
    for service in SERVICES["bookkeeping"]:
        back[service] = min((due("bookkeeping") & before[service].keys()) - set(back.values()))
    for service, customer in back.items():
        assert swept(lapse, service)["found"] == []
        bring_back(lapse, service, customer)
    for service in back:
        [found] = swept(lapse, service)["found"]
        places = {"letters": 1} if service.startswith("s3-") else {"people.email": 1}
        assert (found["standing"], found["rows"]) == ("returned", places)
        assert swept(lapse, service, "--resend", "--reason", "drill")["sent"] == 1
    lapse.wait_until_folded()
    assert ticked(lapse).taken == len(back)
    wait_for("they are gone again", lambda: not any(swept(lapse, each)["due"] for each in back), PATIENCE)
    for service, customer in back.items():
        assert swept(lapse, service)["found"] == []
        assert_gone(before[service][customer], lapse.data(service).get(customer), customer)


def bring_back(lapse: FourStores, service: str, customer: str) -> None:
    if service.startswith("s3-"):
        lapse.add_letter(service, customer)
    else:
        lapse.run(service, f"UPDATE people SET email = '{customer}@example.invalid' WHERE customer_id = '{customer}'")
