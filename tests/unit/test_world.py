"""The roles over the memory adapters: the protocol, history by history, without a broker."""

from datetime import timedelta
from uuid import UUID

import pytest

from consumers.adapters.memory.store import MemoryRow
from consumers.domain import rows
from consumers.domain.errors import PermanentError
from consumers.domain.retention import moment
from consumers.domain.ticks import Plan
from consumers.operations.customers import add_hold, lift_hold
from consumers.operations.installing import NotFirstError, write_first_positions
from consumers.operations.modes import count
from consumers.operations.policies import apply_policy
from consumers.operations.ticking import approve_tick, tick_plan
from consumers.ports import Partition
from consumers.runtime.barrier import NoPositionError
from consumers.runtime.control import NoPolicyError
from producer_client import Postpone, Schedule
from tests.support.build import NOW
from tests.support.world import PURPOSE, World


def closed(customer: str, days_ago: float = 60, product: str = "loan/1") -> Schedule:
    at = moment(NOW) - timedelta(days=days_ago)
    return Schedule(customer_id=customer, product=product, retention_starts_at=at, occurred_at=at, source="test")


def postponed(
    customer: str, days_ago: float = 1, until_days: float | None = None, product: str = "activity"
) -> Postpone:
    until = None if until_days is None else moment(NOW) + timedelta(days=until_days)
    at = moment(NOW) - timedelta(days=days_ago)
    return Postpone(customer_id=customer, product=product, until=until, occurred_at=at, source="test")


def due_world(*customers: str, cap: int = 1000, lease: int = 6 * 3600) -> World:
    """A world in which these customers are due and folded."""
    world = World(cap=cap, lease=lease)
    world.people(*customers)
    world.publish(*(closed(customer) for customer in customers))
    world.run("state")
    return world


def plan_of(world: World, tick_id: str) -> Plan:
    found = tick_plan(world.table, tick_id)
    assert found is not None
    return found


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
    world.broker.group(world.names.state_group).committed.update(dict.fromkeys(_partitions(world, "events"), 0))
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


def test_tick_over_the_cap_halts_before_anyone_is_touched() -> None:
    world = due_world("a", "b", "c", cap=2)
    tick_id = world.request_tick()
    world.run("ticker", "crm", "loans")
    assert plan_of(world, tick_id).state == "HALTED"
    assert not world.records("commands")


def test_approved_tick_goes_for_as_many_as_its_report_says() -> None:
    world = due_world("a", "b", "c", cap=2)
    tick_id = world.request_tick()
    world.run("ticker")
    approve_tick(world.table, world.sink, world.names.ticks, tick_id, "Ann", world.clock, world.stamp)
    world.run("ticker", "crm", "loans")
    assert world.anonymized("crm") == {"a", "b", "c"}
    plan = plan_of(world, tick_id)
    assert (plan.state, plan.taken, plan.budget, plan.approved_by) == ("ENDED", 3, 0, "Ann")


def test_second_tick_of_a_day_has_what_the_first_left() -> None:
    world = due_world("a", cap=2)
    world.request_tick()
    world.run("ticker")
    world.people("b", "c")
    world.publish(closed("b"), closed("c"))
    world.run("state")
    tick_id = world.request_tick()
    world.run("ticker")
    assert plan_of(world, tick_id).report.allowance == 1
    assert plan_of(world, tick_id).state == "HALTED"


def test_redelivered_tick_claims_nobody() -> None:
    world = due_world("a")
    world.request_tick()
    world.run("ticker")
    sent = len(world.records("commands"))
    world.people("b")
    world.publish(closed("b"))
    world.run("state")
    world.broker.group(world.names.ticker_group).committed.clear()
    world.run("ticker")
    assert len(world.records("commands")) == sent


def test_tick_of_2100_is_a_dead_letter() -> None:
    world = due_world("a")
    world.people("later")
    world.publish(closed("later", days_ago=1))
    world.run("state")
    world.request_tick(as_of=4_102_444_800_000_000)
    world.run("ticker", "crm", "loans")
    assert not world.records("commands")
    assert dict(world.records("dead-letters")[0].headers)["__dlq.errors.message"] == b"as_of_in_the_future"


def test_lost_command_is_sent_again_when_its_lease_is_over() -> None:
    world = due_world("a", lease=60)
    world.request_tick()
    world.run("ticker")
    for service in world.stores:
        group = world.broker.group(world.names.anonymizer_group(service))
        group.committed.update({at: world.broker.log(at).end for at in _partitions(world, "commands")})
    world.days(0.1)
    world.request_tick()
    world.run("ticker", "crm", "loans")
    assert world.anonymized("crm") == world.anonymized("loans") == {"a"}


def test_lease_of_a_slow_group_is_only_extended() -> None:
    world = due_world("a", lease=60)
    world.request_tick()
    world.run("ticker")
    world.days(0.1)
    world.request_tick()
    world.run("ticker")
    assert len(world.records("commands")) == 1


def test_hold_of_a_person_stops_a_command_and_lifting_lets_it_go() -> None:
    world = due_world("a", lease=60)
    world.request_tick()
    world.run("ticker")
    name = add_hold(world.items, "a", "Ann", "dispute", world.policy, world.clock)
    world.sink.flush()
    world.run("crm", "loans")
    assert not world.anonymized("crm")
    lift_hold(world.items, "a", name, world.policy)
    world.days(0.1)
    world.request_tick()
    world.run("ticker", "crm", "loans")
    assert world.anonymized("crm") == world.anonymized("loans") == {"a"}


def test_hold_of_a_dead_letter_cannot_be_lifted_by_hand() -> None:
    world = due_world("a")
    world.sink.send(world.names.events, b"a", b"garbage")
    world.run("state")
    name = next(iter(world.item("a").holds))
    with pytest.raises(PermanentError, match="dead-lettered"):
        lift_hold(world.items, "a", name, world.policy)


def test_unreadable_event_holds_its_customer_and_nothing_else() -> None:
    world = due_world("a", "b")
    world.sink.send(world.names.events, b"a", b"garbage", [("trace", b"x")])
    world.run("state")
    world.request_tick()
    world.run("ticker", "crm", "loans")
    assert world.anonymized("crm") == {"b"}
    letter = world.records("dead-letters")[0]
    assert (letter.key, letter.value, letter.headers[0]) == (b"a", b"garbage", ("trace", b"x"))


def test_record_that_names_nobody_halts_all() -> None:
    world = due_world("a")
    world.request_tick()
    world.run("ticker")
    world.sink.send(world.names.events, None, b"garbage")
    world.run("state", "crm", "loans")
    assert not world.anonymized("crm")
    row = world.table.read([rows.ALL_HALT])[rows.ALL_HALT]
    assert len(rows.halt(row.body).positions) == 1


def test_personal_data_as_id_leaves_no_copy_and_holds_nobody() -> None:
    world = due_world("a")
    world.sink.send(world.names.events, b"ann@example.com", b"garbage about ann@example.com")
    world.run("state")
    letter = world.records("dead-letters")[0]
    assert letter.value is None
    assert b"ann" not in (letter.key or b"") + b"".join(value or b"" for _, value in letter.headers)
    assert rows.ALL_HALT not in world.table.read([rows.ALL_HALT])


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
        world.mode("loans", "dry_run")


def test_event_that_claims_to_be_from_the_future_is_refused() -> None:
    world = World()
    at = moment(NOW) + timedelta(hours=1)
    world.publish(
        Schedule(
            customer_id="a",
            product="loan/1",
            retention_starts_at=at,
            occurred_at=at,
            source="test",
            event_id=UUID(int=1),
        )
    )
    world.run("state")
    assert not world.item("a").products
    assert [hold.code for hold in world.item("a").holds.values()] == ["too_far_in_the_future"]


def test_marker_at_the_end_of_a_partition_does_not_keep_the_barrier_shut() -> None:
    world = due_world("a")
    for number in range(2):
        world.broker.append_marker(world.names.events, number)
    world.request_tick()
    world.run()
    assert world.anonymized("crm") == {"a"}


def _partitions(world: World, topic: str) -> list[Partition]:
    return [Partition(world.names.prefix + topic, number) for number in range(2)]
