"""Each dependency away in the middle of the work, refused and silently dropped: what pauses, what is said, how it ends.

`LAPSE_OUTAGE_SECONDS` is how long it is away at least, 8 if it is not set.
"""

import os
import re
import sys
import time
from collections.abc import Iterator

import pytest

from consumers.local import Services, running
from consumers.operations.status import status
from tests.support.installation import Installation, installation, wait_for
from tests.support.outages import Dependency, Deployment, Flow, How, Seen, deployed, flow

SECONDS = float(os.environ.get("LAPSE_OUTAGE_SECONDS", "8"))
NOTICED_SECONDS = {
    ("crm", "refusing"): 5.0,
    ("crm", "silent"): 45.0,  # the statement timeout of the rules is 30 s
    ("table", "refusing"): 5.0,
    ("table", "silent"): 30.0,  # three attempts of a call, 5 s each
    ("kafka", "refusing"): 50.0,  # the producer hopes for 30 s, the session may last as long as that
    ("kafka", "silent"): 50.0,
}
"""By when at the latest every role that needs the dependency must say that it waits."""
STATUS_SECONDS = 20.0
CATCH_UP_SECONDS = 90.0
NAMES = ("crm", "loans", "news")
ROLES = {"state", "ticker", *(f"anonymizer.{service}" for service in NAMES)}


@pytest.fixture(scope="module")
def lapse(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Three services, one of which votes, and a broker of its own, which these tests may stop."""
    with running("kafka") as own:
        shared = {"kafka": own.kafka, "dynamodb": services.dynamodb, "postgres": services.postgres}
        mixed = Services(own.backend, own.logs, shared)  # type: ignore[arg-type]  # the keys are kinds
        folder = tmp_path_factory.mktemp("outages")
        with installation(mixed, folder, NAMES, voters=("loans",), barrier_seconds=1.0) as made:
            yield made


@pytest.fixture(scope="module")
def roles(lapse: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """All roles in one process that outlives every outage of this module."""
    with deployed(lapse, tmp_path_factory.mktemp("roles")) as made:
        yield made


def through_an_outage(roles: Deployment, what: Dependency, how: How) -> Seen:
    """Customers flow, the dependency is away, and everything ends well by itself."""
    lapse = roles.lapse
    with flow(lapse, f"{what}-{how}") as people:
        seen = roles.outage(what, how, SECONDS)
        back = time.monotonic()
        if what == "kafka":
            lapse.app = lapse.new_app()  # whose clients know the new leader
        people.stop_publishing()
        wait_for("all are anonymized", people.complete, CATCH_UP_SECONDS)
        print_figures(what, how, seen, len(people.customers), time.monotonic() - back)
    check_end(roles, people)
    return seen


def check_end(roles: Deployment, people: Flow) -> None:
    """Nobody is lost or dead-lettered, nobody waits, and a status finds nothing to say."""
    lapse = roles.lapse
    for service in NAMES:
        assert set(people.customers) <= lapse.anonymized(service)
    assert lapse.count("dead-letters") == 0
    wait_for("all roles are ready", roles.ready)
    wait_for("nothing blocks", lambda: status(lapse.app.sources())["blockers"] == [], CATCH_UP_SECONDS)


def noticed(what: Dependency, how: How, seen: Seen) -> bool:
    """Whether the outage was long enough for every role that needs it to be waiting."""
    return seen.outage_seconds > NOTICED_SECONDS[what, how]


def print_figures(what: str, how: str, seen: Seen, customers: int, catch_up: float) -> None:
    shown = ("lapse_paused", "lapse_pauses_total", "lapse_lag", "lapse_ready")
    lines = [
        f"\n{what} {how} for {seen.outage_seconds:.0f} s, {customers} customers; caught up in {catch_up:.1f} s",
        f"  waiting: {dict(seen.waiting)}",
        *(f"  {line}" for line in seen.metrics.splitlines() if line.startswith(shown)),
        f"  status exited {seen.status_code} after {seen.status_seconds:.1f} s, blockers:",
        *(f"    {blocker}" for blocker in seen.status["blockers"]),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


BEHIND = re.compile(r"(anonymizer\.\w+) is (\d+) s behind")


@pytest.mark.parametrize("how", ["refusing", "silent"])
def test_one_database_away_delays_its_own_service_only(roles: Deployment, how: How) -> None:
    seen = through_an_outage(roles, "crm", how)
    assert set(seen.waiting) <= {"anonymizer.crm"}
    if noticed("crm", how, seen):
        assert 'lapse_paused{role="anonymizer.crm"} 1.0' in seen.metrics
        assert seen.waiting
    assert seen.status_code == 0
    said = seen.status["blockers"]
    assert any(each.startswith("crm owes ") and " outcome" in each for each in said)
    assert not any(each.startswith(("loans owes ", "news owes ")) for each in said)
    behind = {each[1]: int(each[2]) for each in map(BEHIND.fullmatch, said) if each}
    # the others may be a moment behind on a busy machine, never as long as who cannot work
    assert all(behind.get(each, 0) < behind["anonymizer.crm"] for each in ("anonymizer.loans", "anonymizer.news"))


@pytest.mark.parametrize("how", ["refusing", "silent"])
def test_table_away_pauses_all_who_need_it(roles: Deployment, how: How) -> None:
    seen = through_an_outage(roles, "table", how)
    if noticed("table", how, seen):
        assert {"state", "ticker"} <= set(seen.waiting)
        assert 'lapse_paused{role="state"} 1.0' in seen.metrics
    assert seen.status_code == 1
    assert seen.status_seconds < STATUS_SECONDS
    assert set(seen.status["customers"]) == {"away"}
    assert seen.status["groups"]["state consumer"]["behind_seconds"] > 1
    assert seen.status["blockers"][0].startswith("the table does not answer (")


@pytest.mark.parametrize("how", ["refusing", "silent"])
def test_kafka_away_leaves_no_role_ready(roles: Deployment, how: How) -> None:
    seen = through_an_outage(roles, "kafka", how)
    if noticed("kafka", how, seen):
        assert set(seen.waiting) == ROLES
        assert all(f'lapse_ready{{role="{role}"}} 0.0' in seen.metrics for role in ROLES)
    assert seen.status_code == 1
    assert seen.status_seconds < STATUS_SECONDS
    assert set(seen.status["groups"]) == {"away"}
    assert "due" in seen.status["customers"]
    assert any(each.startswith("Kafka does not answer (") for each in seen.status["blockers"])
