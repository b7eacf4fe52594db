"""The tick and its caps, over the memory adapters."""

from consumers.operations.ticking import approve_tick
from tests.support.world import closed, due_world, partitions, plan_of


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
