"""A role that is killed between two of its writes: whoever starts it again finds the end an undisturbed run has."""

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

from consumers.domain.item import Item
from consumers.domain.registers import Product, Register
from consumers.local import Services
from consumers.operations import ticking
from consumers.operations.status import status
from tests.support.installation import PURPOSE, Installation, installation, wait_for

LEASE_SECONDS = 2
NEIGHBOUR = "neighbour"
# Each service dies at a place of its own; what stands in the item afterwards when it has been started again.
ANONYMIZERS = {
    "crm": ("anonymizer.after_commit", "DONE"),
    "loans": ("anonymizer.after_database", "ALREADY_DONE"),
    "news": ("anonymizer.before_offset", "DONE"),
}


class End(NamedTuple):
    """All that is left of a customer whose data lapsed, without ids, times and random tokens."""

    rows: dict[str, tuple[Any, ...]]
    ledger: dict[str, list[tuple[Any, ...]]]
    item: Item
    services: list[str]
    outcomes: dict[str, str]


def end_of(lapse: Installation, customer: str) -> End:
    stored = lapse.stored(customer)
    published = [record.value for record in lapse.records("state") if record.key == customer.encode()]
    assert stored.row
    assert published[-1] == stored.row.body
    last = stored.item.of(PURPOSE).last
    assert last
    return End(
        rows={service: _without_token(lapse.rows(service)[customer]) for service in lapse.names},
        ledger={service: ledger_of(lapse, service, customer) for service in lapse.names},
        item=_without_times(stored.item),
        services=sorted(last.services),
        outcomes=dict(last.outcomes),
    )


def ledger_of(lapse: Installation, service: str, customer: str) -> list[tuple[Any, ...]]:
    query = "SELECT purpose, outcome, rows, rules_digest FROM lapse.lapse_ledger WHERE customer_id = %s"
    with lapse.connect(service) as database:
        return database.execute(query, [customer]).fetchall()


def _without_token(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(re.sub(r"^[0-9a-f]{32}@", "TOKEN@", each) if isinstance(each, str) else each for each in row)


def _without_times(item: Item) -> Item:
    products = {name: Product(*map(_spent, product)) for name, product in item.products.items()}
    state = item.of(PURPOSE)._replace(attempt=0, last=None)
    return item._replace(customer_id="", products=products, purposes={PURPOSE: state})


def _spent(register: Register | None) -> Register | None:
    return register and Register(0, "", "", 0, spent=register.spent)


@pytest.fixture(scope="module")
def lapse(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("kills")
    with installation(services, folder, tuple(ANONYMIZERS), lease_seconds=LEASE_SECONDS) as made:
        made.people("undisturbed", NEIGHBOUR)
        made.close_product("undisturbed")
        with made.roles():
            made.wait_until_folded()
            assert made.tick().taken == 1
            made.wait_until_completed("undisturbed")
            wait_for("all is read", lambda: _settled(made))
        yield made


@pytest.fixture(scope="module")
def undisturbed(lapse: Installation) -> End:
    return end_of(lapse, "undisturbed")


def _settled(lapse: Installation) -> bool:
    told = status(lapse.app.sources())
    customers = told["customers"]
    left = customers["due"] + customers["in_flight"] + customers["partial"] + customers["held"]
    unread = any(group["unread"] for group in told["groups"].values())
    return not (left or unread or told["events_not_in_table"])


def _behind(lapse: Installation, role: str) -> int:
    """Records the committed offset of a role's group leaves unread."""
    return lapse.app.offsets.lag(*lapse.group_and_topic(role))


def wait_until_killed(process: subprocess.Popen[str]) -> None:
    assert process.wait(60) == -signal.SIGKILL


def finish(lapse: Installation, customer: str) -> End:
    """Run every role without fault until nothing is left; the end."""
    with lapse.roles():
        lapse.wait_until_completed(customer)
        wait_for("all is read", lambda: _settled(lapse))
    assert not lapse.count("dead-letters")
    assert all(lapse.rows(service)[NEIGHBOUR][0] == f"Name of {NEIGHBOUR}" for service in lapse.names)
    return end_of(lapse, customer)


def test_anonymizers_killed_between_their_writes_end_as_undisturbed(lapse: Installation, undisturbed: End) -> None:
    customer = "killed-anonymizers"
    lapse.people(customer)
    lapse.close_product(customer)
    with lapse.roles("state", "ticker"):
        lapse.wait_until_folded()
        assert lapse.tick().taken == 1
        with ExitStack() as stack:
            faults = {f"anonymizer.{service}": f"{point}:kill" for service, (point, _) in ANONYMIZERS.items()}
            killed = [stack.enter_context(lapse.role_process(role, fault=fault)) for role, fault in faults.items()]
            for process in killed:
                wait_until_killed(process)

    # what is written runs ahead of what is committed to Kafka: a commit, then rows, then an outcome
    command = lapse.item(customer).of(PURPOSE).command
    assert command is not None
    assert command.phase == "COMMITTED"
    assert command.outcomes == {"news": "DONE"}
    ledgers = {service: lapse.ledger(service).get(customer) for service in lapse.names}
    assert ledgers == {"crm": None, "loans": "DONE", "news": "DONE"}
    assert all(_behind(lapse, f"anonymizer.{service}") == 1 for service in lapse.names)

    end = finish(lapse, customer)
    assert end == undisturbed._replace(outcomes={service: outcome for service, (_, outcome) in ANONYMIZERS.items()})


@pytest.mark.parametrize("point", ["state.after_table", "state.after_position"])
def test_state_consumer_killed_between_its_writes_ends_as_undisturbed(
    lapse: Installation, undisturbed: End, point: str
) -> None:
    customer = f"killed-{point}"
    lapse.people(customer)
    lapse.close_product(customer)

    with lapse.role_process("state", fault=f"{point}:kill") as process:
        wait_until_killed(process)

    before = lapse.stored(customer)
    assert before.item.products.keys() == {"loan/1"}
    assert lapse.folded() == (point == "state.after_position")
    assert _behind(lapse, "state") == 1

    with lapse.roles("state", "ticker"):
        wait_for("the offset is committed", lambda: not _behind(lapse, "state"))
        assert lapse.stored(customer) == before  # folded twice is folded once
        assert lapse.tick().taken == 1
    assert finish(lapse, customer) == undisturbed


def test_ticker_killed_after_the_claim_is_healed_by_the_lease(lapse: Installation, undisturbed: End) -> None:
    customer = "killed-ticker"
    lapse.people(customer)
    lapse.close_product(customer)
    sent = lapse.count("commands")
    with lapse.roles("state"):
        lapse.wait_until_folded()
        tick = lapse.request_tick()
        with lapse.role_process("ticker", fault="ticker.after_claim:kill") as process:
            wait_until_killed(process)

    claimed = lapse.item(customer).of(PURPOSE)
    command = claimed.command
    assert command is not None
    assert command.phase == "ISSUED"
    assert lapse.count("commands") == sent
    assert _behind(lapse, "ticker") == 1

    wait_for("the lease is over", lambda: lapse.app.clock.now() > command.lease_until)
    with lapse.roles():
        assert lapse.tick().taken == 0
        lapse.wait_until_completed(customer)
    first = ticking.tick_plan(lapse.app.table, tick)
    assert first is not None
    assert (first.state, first.taken) == ("ENDED", 1)
    assert lapse.item(customer).of(PURPOSE).attempt > claimed.attempt
    assert finish(lapse, customer) == undisturbed
