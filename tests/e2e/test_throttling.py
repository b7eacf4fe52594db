"""DynamoDB throttles a third of all calls and a third of what is in the others: nothing is lost, nothing is flooded."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.adapters.dynamodb import DynamoTable, connect
from consumers.app import App
from consumers.local import Services
from consumers.runtime.measures import PAUSES
from tests.support.installation import Installation, installation, wait_for
from tests.support.throttled import Throttled

SHARE = 0.3
CUSTOMERS = [f"customer-{number:03d}" for number in range(100)]
ROLES = ("state", "ticker", "anonymizer.crm", "anonymizer.loans")
ALL_THROTTLED_SECONDS = 6.0
PATIENCE = 200.0


@pytest.fixture
def lapse(services: Services, tmp_path: Path) -> Iterator[Installation]:
    with installation(services, tmp_path, ("crm", "loans")) as made:
        yield made


def throttled_app(lapse: Installation) -> tuple[App, Throttled]:
    """An app whose table is throttled; the installation's own is not."""
    app = lapse.new_app()
    settings = app.settings.table
    client = Throttled(connect(region=settings.region, endpoint_url=settings.endpoint_url), SHARE)
    app.__dict__["table"] = DynamoTable(client, settings.name)
    return app, client


def test_throttled_table_loses_nothing_and_is_not_flooded(lapse: Installation) -> None:
    lapse.people(*CUSTOMERS)
    lapse.close_product(*CUSTOMERS)
    app, client = throttled_app(lapse)
    with lapse.roles(*ROLES, app=app):
        wait_for("every event is folded", lapse.folded, PATIENCE)
        tick = lapse.request_tick()
        wait_for("the tick ends", lambda: lapse.tick_state(tick) == "ENDED", PATIENCE)
        wait_for(
            "all are done", lambda: all(len(lapse.ledger(each)) == len(CUSTOMERS) for each in lapse.names), PATIENCE
        )
        wait_for("all are complete", lambda: lapse.completed(*CUSTOMERS[::20]), PATIENCE)
        seen = dict(client.seen)
        more = lapse.request_tick()
        client.share = 1.0
        began, before = time.monotonic(), client.seen["call"]
        wait_for("a while", lambda: time.monotonic() - began > ALL_THROTTLED_SECONDS)
        flood = client.seen["call"] - before
        client.share = 0.0
        wait_for("the tick ends", lambda: lapse.tick_state(more) == "ENDED", PATIENCE)
    pauses = {key: count for key, count in _samples(app).items() if count}
    print(f"\nasked and throttled: {seen}; pauses: {pauses}; calls while all is throttled: {flood}")  # noqa: T201 - its figures are what a reader wants
    assert not lapse.count("dead-letters")
    for service in lapse.names:
        assert lapse.anonymized(service) == set(CUSTOMERS)
        assert len(lapse.ledger(service)) == len(CUSTOMERS)
    assert seen["call throttled"] > 10
    assert seen["statement throttled"] > 100
    # four roles, each with a few tries of its table and then a backoff that soon is seconds
    assert 0 < flood < 100


def _samples(app: App) -> dict[str, float]:
    return {
        f"{sample.labels['role']} {sample.labels['code']}": sample.value
        for family in app.metrics.registry.collect()
        for sample in family.samples
        if sample.name == PAUSES
    }
