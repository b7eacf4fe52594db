"""The tick and its caps, over the memory adapters."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from consumers.domain import rows
from consumers.domain.errors import TransientError
from consumers.domain.retention import moment
from consumers.operations.ticking import approve_tick
from consumers.ports import Lost, Write
from consumers.runtime.control import rewrite
from producer_client import Schedule
from tests.support.world import World, closed, due_world, partitions, plan_of


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
        group.committed.update({at: world.broker.log(at).end for at in partitions(world, "commands")})
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


@pytest.mark.parametrize("away", ["table", "broker"])
def test_what_was_claimed_when_something_went_away_is_sent_by_the_retry(away: str) -> None:
    world = due_world("a", "b")
    world.request_tick()
    write, failing = world.table.write, True

    def written_but_not_answered(writes: Sequence[Write]) -> Sequence[Lost | None]:
        nonlocal failing
        answers = write(writes)
        if failing and any(each.key == rows.state_key("a") for each in writes):
            failing = False
            if away == "table":
                raise TransientError("no answer", code="timed_out")
            world.broker.away = True
        return answers

    world.table.write = written_but_not_answered  # type: ignore[method-assign]
    ticker = world.loop("ticker")
    for _ in range(40):
        ticker.step()
        world.broker.away = False
    assert not failing
    assert len(world.records("commands")) == 2
    world.run("crm", "loans")
    assert world.anonymized("crm") == world.anonymized("loans") == {"a", "b"}


# ---- the relative cap ------------------------------------------------------------------------------------------------


def batch(world: World, day: int, count: int) -> set[str]:
    """So many customers who come due on a day, folded."""
    names = {f"day-{day}-{number}" for number in range(count)}
    world.people(*names)
    at = moment(world.clock.now()) - timedelta(days=40)
    world.publish(
        *(
            Schedule(customer_id=each, product="loan/1", retention_starts_at=at, occurred_at=at, source="test")
            for each in names
        )
    )
    world.run("state")
    return names


def day_of(world: World, day: int, count: int) -> str:
    """A day with a tick."""
    batch(world, day, count)
    tick = world.request_tick()
    world.run("ticker", "crm", "loans")
    world.days(1.01)
    return plan_of(world, tick).state


def test_from_the_eighth_day_on_a_surge_halts_until_a_person_approves_it() -> None:
    world = World(cap=1000)
    world.policy = world.policy._replace(first_run=1)
    world.install()
    for service in world.stores:
        prove(world, service)
    assert [day_of(world, day, 4) for day in range(9)] == ["ENDED"] * 9
    assert day_of(world, 9, 12) == "ENDED"
    assert day_of(world, 10, 30) == "HALTED"
    assert len(world.anonymized("crm")) == 9 * 4 + 12


def test_after_an_outage_of_two_days_what_came_due_in_them_goes_without_approval() -> None:
    world = World(cap=1000)
    world.policy = world.policy._replace(first_run=1)
    world.install()
    for service in world.stores:
        prove(world, service)
    for day in range(10):
        day_of(world, day, 4)
    world.days(2)
    assert day_of(world, 12, 20) == "ENDED"


def prove(world: World, service: str) -> None:
    def proven(body: bytes | None) -> bytes:
        assert body is not None
        return rows.to_json(rows.mode(body)._replace(proven=True))

    rewrite(world.table, rows.mode_key(service), world.stamp, proven)
