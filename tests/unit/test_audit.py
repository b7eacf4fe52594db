"""An audit of what went as it should finds nothing, however it went."""

from datetime import timedelta

import pytest

from consumers.adapters.memory.reader import MemoryReader
from consumers.adapters.memory.store import MemoryRow
from consumers.audit import audit_history
from consumers.domain.retention import moment
from consumers.operations.abandoning import abandon_all
from consumers.operations.modes import set_mode
from consumers.operations.policies import apply_policy
from consumers.operations.statelog import StateLog
from consumers.operations.tending import backfill
from producer_client import Postpone, Schedule
from tests.support.build import DAY, HOUR
from tests.support.falsified import ProvenStore, audited, clean, codes, history, proven_world, redrive, ticked
from tests.support.rebuilding import rebuild
from tests.support.world import PURPOSE, World, closed, partitions, postponed


def set_back(world: World, group: str, topic: str) -> None:
    world.broker.group(group).committed.update(dict.fromkeys(partitions(world, topic), 0))


def replayed(world: World, *services: str) -> None:
    for service in services:
        set_back(world, world.names.anonymizer_group(service), "commands")
    world.run(*services)


def restored(world: World, service: str, *customers: str) -> None:
    """The database as in a backup from before anybody was anonymized."""
    world.stores[service].rows.update({each: MemoryRow("restored") for each in customers})
    world.stores[service].rows_of_ledger.clear()


def again(world: World, customer: str, **ahead: float) -> tuple[Schedule, Postpone]:
    """The customer opens a product now and closes it, whose retention is over only much later."""
    at = moment(world.clock.now())
    opened = Postpone(customer_id=customer, product="card/7", occurred_at=at, source="test")
    until = at + timedelta(seconds=1)
    shut = Schedule(customer_id=customer, product="card/7", retention_starts_at=until, occurred_at=until, source="test")
    return shut, opened


def test_who_is_due_and_who_is_not() -> None:
    world = proven_world("due", "kept", "later", "odd")
    world.publish(postponed("kept"), closed("young", 3), postponed("later", until_days=2), postponed("odd", 70))
    ticked(world)
    found = audited(world)
    assert (found.customers, found.commits, found.held, found.differences) == (5, 1, 0, [])
    world.days(4)
    assert codes(world) == ["overdue"]
    ticked(world)
    clean(world)


def test_a_second_life_and_what_was_late() -> None:
    world = proven_world("back", "late", "twice")
    ticked(world, "crm")
    world.days(0.1)
    world.publish(postponed("late"), *again(world, "back"))
    world.run("state", "loans")
    for store in world.stores.values():
        store.rows.update({each: MemoryRow("a new life") for each in ("back", "late")})
    clean(world)
    world.days(40)
    ticked(world)
    world.publish(closed("twice", 40, product="card/2"))
    world.days(0.1)
    ticked(world)
    assert world.outcomes("lapse.state") == ["LATE", "LATE"]
    clean(world)
    assert audited(world).commits == 5


def test_replays_of_everything() -> None:
    world = proven_world("a", "b")
    world.publish(postponed("b"))
    ticked(world)
    set_back(world, world.names.state_group, "events")
    world.run("state")
    replayed(world, "crm", "loans")
    for event in world.records("events"):
        world.broker.append(event.topic, event.key, event.value, event.headers)
    world.run()
    clean(world)


def test_restored_databases_once_they_were_replayed() -> None:
    world = proven_world("a", "back")
    ticked(world)
    world.days(1)
    world.publish(*again(world, "back"))
    world.run("state")
    restored(world, "crm", "a", "back")
    assert codes(world) == ["ledger_row_missing", "ledger_row_missing"]
    replayed(world, "crm")
    clean(world)


def test_a_restored_database_that_defers_has_until_its_date() -> None:
    world = proven_world("a", "back")
    ticked(world)
    world.days(1)
    restored(world, "crm", "a", "back")
    world.stores["crm"].locked = {each: world.clock.now() + 10 * DAY for each in ("a", "back")}
    replayed(world, "crm")
    world.publish(*again(world, "back"))
    clean(world, days=11)
    world.days(1)
    assert codes(world) == ["ledger_row_missing"]
    world.stores["crm"].locked = {}
    ticked(world)
    clean(world)


def test_a_table_rebuilt_from_events_alone_commits_the_same_command_again() -> None:
    world = proven_world("a")
    ticked(world)
    world.table.restore({})
    apply_policy(world.table, world.policy, world.stamp)
    for number in range(2):
        world.broker.delete_before(world.names.state, number, 1_000)
    rebuild(world).run(execute=True)
    for service in world.stores:
        world.mode(service, "live")
    world.days(1)
    ticked(world)
    assert world.outcomes("crm") == ["DONE", "ALREADY_DONE"]
    clean(world)


def test_votes_refused_once_then_agreed() -> None:
    world = proven_world("a", "b")
    world.stores["crm"].active = {"a"}
    world.mode("crm", "live")
    for _ in range(4):
        ticked(world, "crm", "loans", "crm")
        assert codes(world) == []
        world.days(1)
    world.stores["crm"].active = set()
    ticked(world, "crm", "loans", "crm", "loans")
    assert world.anonymized("crm") == world.anonymized("loans") == {"a", "b"}
    clean(world)


def test_a_command_withdrawn_by_a_postpone() -> None:
    world = proven_world("a")
    world.request_tick()
    world.run("ticker")
    world.publish(postponed("a", until_days=5))
    world.run("state", "crm", "loans")
    clean(world)
    world.days(5)
    ticked(world)
    clean(world)


def test_a_service_in_dry_run() -> None:
    world = proven_world("a")
    world.mode("loans", "dry_run")
    ticked(world)
    assert world.outcomes("loans") == ["DRY_RUN"]
    clean(world)


@pytest.mark.parametrize("first", ["dry_run", "live"])
def test_a_service_added_later(first: str) -> None:
    world = proven_world("a", "back")
    ticked(world)
    world.days(1)
    world.publish(*again(world, "back"))
    world.stores["wiki"] = ProvenStore(world.clock)
    world.people("back")
    world.stores["wiki"].rows["a"] = MemoryRow("a")
    purpose = world.policy.purposes[PURPOSE]
    world.policy = world.policy._replace(purposes={PURPOSE: purpose._replace(services=("crm", "loans", "wiki"))})
    apply_policy(world.table, world.policy, world.stamp)
    world.mode("wiki", "dry_run" if first == "dry_run" else "live")
    world.run("state", "wiki")
    clean(world)
    world.mode("wiki", "live")
    log = StateLog(MemoryReader(world.broker), world.offsets, world.names.state)
    commands = world.names.commands
    backfill(world.table, log, world.items, world.sink, commands, "wiki", world.clock, execute=True)
    world.run("wiki", "crm", "loans")
    assert world.anonymized("wiki") == {"a"}
    clean(world)


def test_a_service_abandoned_by_a_person() -> None:
    world = proven_world("a")
    ticked(world, "crm")
    set_mode(world.table, "loans", "dry_run", "ann", world.clock, world.stamp, reason="sold")
    results = world.names.results
    abandon_all(world.table, world.items, world.sink, results, "loans", world.policy, world.clock)
    clean(world)


def test_what_is_in_flight_has_its_grace() -> None:
    world = proven_world("a", "b")
    world.request_tick()
    world.run("ticker", "crm")
    world.publish(closed("c"))
    world.clock.wait(29 * 3600)
    assert codes(world) == []
    world.clock.wait(2 * 3600)
    assert sorted(codes(world)) == ["missing_service", "missing_service", "overdue"]
    assert audit_history(history(world), grace=40 * HOUR).differences == []


def test_a_service_that_defers_has_until_its_date() -> None:
    world = proven_world("a")
    world.stores["crm"].locked = {"a": world.clock.now() + 10 * DAY}
    ticked(world)
    assert world.outcomes("crm") == ["DEFERRED"]
    clean(world, days=11)
    world.days(1)
    assert codes(world) == ["missing_service"]
    world.stores["crm"].locked = {}
    ticked(world)
    assert world.anonymized("crm") == {"a"}
    clean(world)


def test_a_service_that_failed_and_was_redriven() -> None:
    world = proven_world("a")
    world.stores["crm"].failing.add("a")
    ticked(world)
    world.stores["crm"].failing.clear()
    redrive(world)
    world.run("crm")
    assert world.outcomes("crm") == ["FAILED", "DONE"]
    clean(world)
