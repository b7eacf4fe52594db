"""Commands from claim to completion, replays and restores, over the memory adapters."""

import pytest

from consumers.adapters.memory.store import MemoryRow
from consumers.anonymizer.purpose import NoPurposeError
from consumers.domain.errors import PermanentError
from consumers.domain.retention import Retention
from consumers.operations.installing import NotFirstError, write_first_positions
from consumers.operations.modes import count, set_mode
from consumers.operations.policies import apply_policy
from consumers.runtime.barrier import NoPositionError
from consumers.runtime.control import NoPolicyError
from tests.support.world import PURPOSE, World, closed, due_world, partitions, postponed


def test_world_anonymizes_who_is_due_everywhere() -> None:
    world = World()
    world.people("a", "b")
    world.publish(closed("a"), closed("b"), postponed("b"))
    world.request_tick()
    world.run()
    assert world.anonymized("crm") == world.anonymized("loans") == {"a"}
    assert world.item("a").of(PURPOSE).last is not None
    assert world.item("b").of(PURPOSE).command is None


def test_postpone_after_the_command_before_the_commit_wins() -> None:
    world = due_world("a")
    world.request_tick()
    world.run("ticker")
    world.publish(postponed("a"))
    world.run("state", "crm", "loans")
    assert not world.anonymized("crm")
    assert world.outcomes("crm") == ["SUPERSEDED"]


def test_anonymizer_waits_for_a_postpone_that_is_not_folded_yet() -> None:
    world = due_world("a")
    world.request_tick()
    world.run("ticker")
    world.publish(postponed("a"))
    world.run("crm")
    assert world.healths["crm"].waiting_for == "BarrierClosedError"
    assert not world.anonymized("crm")


def test_postpone_after_the_commit_is_late_only_if_it_occurred_before() -> None:
    world = due_world("a", "b")
    world.request_tick()
    world.run("ticker", "crm")
    world.publish(postponed("a", days_ago=1), postponed("b", days_ago=-0.003))
    world.days(0.004)
    world.run("state", "loans")
    assert world.anonymized("loans") == {"a", "b"}
    assert world.outcomes("lapse.state") == ["LATE"]
    assert all("activity" in world.item(each).products for each in ("a", "b"))


def test_replayed_commands_change_nothing() -> None:
    world = due_world("a")
    world.request_tick()
    world.run("ticker", "crm", "loans")
    before = world.item("a")
    world.stores["crm"].rows["a"] = MemoryRow("came back")
    world.broker.group(world.names.anonymizer_group("crm")).committed.clear()
    world.run("crm")
    assert world.stores["crm"].rows["a"] == MemoryRow("came back")
    assert world.item("a") == before


def test_restored_database_is_erased_again() -> None:
    world = due_world("a")
    world.request_tick()
    world.run("ticker", "crm", "loans")
    for service in ("crm", "loans"):
        world.stores[service].rows["a"] = MemoryRow("restored")
        world.stores[service].rows_of_ledger.clear()
        world.broker.group(world.names.anonymizer_group(service)).committed.clear()
    world.run("crm", "loans")
    assert world.anonymized("crm") == world.anonymized("loans") == {"a"}
    assert world.item("a").of(PURPOSE).command is None


def test_restored_database_of_one_who_came_back_is_left() -> None:
    world = due_world("a")
    world.request_tick()
    world.run("ticker", "crm", "loans")
    world.publish(postponed("a"))
    world.run("state")
    world.stores["crm"].rows["a"] = MemoryRow("restored")
    world.stores["crm"].rows_of_ledger.clear()
    world.broker.group(world.names.anonymizer_group("crm")).committed.clear()
    world.run("crm")
    assert not world.anonymized("crm")


def test_second_life_gets_a_second_command() -> None:
    world = due_world("a")
    world.request_tick()
    world.run("ticker", "crm", "loans")
    for store in world.stores.values():
        store.rows["a"] = MemoryRow("second life")
    world.publish(closed("a", days_ago=31, product="card/2"))
    world.request_tick()
    world.run()
    assert world.anonymized("crm") == world.anonymized("loans") == {"a"}
    assert len(world.stores["crm"].rows_of_ledger) == 2


def test_emptied_table_is_refused_by_every_role() -> None:
    world = due_world("a")
    world.request_tick()
    world.run("ticker")
    world.table = type(world.table)()
    for role in ("state", "ticker", "crm"):
        with pytest.raises(NoPolicyError):
            world.run(role)
    apply_policy(world.table, world.policy, world.stamp)
    for service in world.stores:
        world.mode(service, "live")
    for role in ("state", "crm"):
        with pytest.raises(NoPositionError):
            world.run(role)
    with pytest.raises(NotFirstError):
        write_first_positions(world.table, world.offsets, world.names, world.stamp)
    assert not world.anonymized("crm")


def test_group_set_back_shuts_the_barrier_until_all_is_folded_again() -> None:
    world = due_world("a")
    world.request_tick()
    world.run("ticker")
    before = world.position_rows()
    world.broker.group(world.names.state_group).committed.update(dict.fromkeys(partitions(world, "events"), 0))
    loop = world.loop("state")
    while set(world.position_rows().values()) != {0}:
        loop.step()
    world.run("crm")
    assert not world.anonymized("crm")
    while world.position_rows() != before:
        loop.step()
    world.clock.wait(60)
    world.run("crm", "loans")
    assert world.anonymized("crm") == world.anonymized("loans") == {"a"}


def test_service_that_fails_for_good_leaves_the_command_partial() -> None:
    world = due_world("a")
    world.stores["loans"].failing.add("a")
    world.request_tick()
    world.run("ticker", "crm", "loans")
    command = world.item("a").of(PURPOSE).command
    assert command is not None
    assert dict(command.outcomes) == {"crm": "DONE", "loans": "FAILED"}
    assert count(world.table, "partial", world.clock.now()) == 1
    assert dict(world.records("dead-letters")[0].headers)["__dlq.errors.message"] == b"23514"


def test_database_that_is_away_pauses_and_goes_on() -> None:
    world = due_world("a")
    world.request_tick()
    world.run("ticker")
    world.stores["crm"].away = True
    loop = world.loop("crm")
    for _ in range(20):
        loop.step()
        world.clock.wait(1)
    assert world.healths["crm"].waiting_for == "away"
    assert not world.records("dead-letters")
    world.stores["crm"].away = False
    world.clock.wait(60)
    for _ in range(20):
        loop.step()
        world.clock.wait(1)
    assert world.anonymized("crm") == {"a"}
    assert world.healths["crm"].waiting_for is None


def test_dry_run_service_counts_and_touches_nothing() -> None:
    world = World()
    world.mode("loans", "dry_run")
    world.people("a")
    world.publish(closed("a"))
    world.request_tick()
    world.run()
    assert world.anonymized("crm") == {"a"}
    assert not world.anonymized("loans")
    assert world.outcomes("loans") == ["DRY_RUN"]
    assert world.item("a").of(PURPOSE).last is not None


def test_stopped_service_disarms_its_purpose() -> None:
    world = due_world("a")
    world.mode("loans", "stopped")
    world.request_tick()
    world.run("ticker")
    assert not world.records("commands")


def test_live_service_does_not_leave_while_commands_are_in_flight() -> None:
    world = due_world("a")
    world.request_tick()
    world.run("ticker")
    with pytest.raises(PermanentError, match="in flight"):
        set_mode(world.table, "loans", "dry_run", "test", world.clock, world.stamp, items=world.items)


def test_marker_at_the_end_of_a_partition_does_not_keep_the_barrier_shut() -> None:
    world = due_world("a")
    for number in range(2):
        world.broker.append_marker(world.names.events, number)
    world.request_tick()
    world.run()
    assert world.anonymized("crm") == {"a"}


def test_longer_retention_applied_while_a_command_is_in_flight_counts() -> None:
    world = due_world("a")
    world.request_tick()
    world.run("ticker")
    longer = world.policy.purposes[PURPOSE]._replace(retention=Retention(years=7))
    apply_policy(world.table, world.policy._replace(purposes={PURPOSE: longer}), world.stamp)
    world.run("crm", "loans")
    assert not world.anonymized("crm")
    assert world.outcomes("crm") == ["SUPERSEDED"]


def test_service_that_left_the_policy_refuses() -> None:
    world = due_world("a")
    world.request_tick()
    world.run("ticker")
    without = world.policy.purposes[PURPOSE]._replace(services=("loans",))
    apply_policy(world.table, world.policy._replace(purposes={PURPOSE: without}), world.stamp)
    with pytest.raises(NoPurposeError):
        world.run("crm")
    assert not world.anonymized("crm")
