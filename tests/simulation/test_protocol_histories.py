"""Histories in which a plausible rule goes wrong, each told by whole roles over the memory adapters.

The numbers are the protocol's. Those in which something comes back are in `_tables` and `_databases` beside it.
"""

from unittest.mock import patch

from consumers.adapters.memory.clock import MemoryClock
from consumers.adapters.memory.store import MemoryStore
from consumers.domain.due import NEVER, due_date
from consumers.domain.item import AWAITED, outstanding
from consumers.domain.policy import Policy, Purpose
from consumers.domain.retention import Retention
from consumers.domain.work import Carried
from consumers.operations.customers import add_hold, lift_hold
from consumers.operations.modes import count
from tests.simulation.zombies import (
    Zombie,
    anonymized,
    command,
    issued,
    last,
    lose_copies,
    now_due,
    run_until,
    tick,
    voting_world,
)
from tests.support.build import DAY, HOUR
from tests.support.world import PARTITIONS, PURPOSE, World, closed, due_world, plan_of, postponed

# ---- votes and guards ------------------------------------------------------------------------------------------------


def test_history_02_a_vote_of_yesterday_does_not_count_for_the_same_facts_today() -> None:
    world = voting_world("a", lease=2 * 24 * 3600)  # its age alone does not rule the vote out
    tick(world)
    voter = Zombie(world, "crm", "write STATE")
    first = command(world)
    world.stores["crm"].active = {"a"}
    world.run("crm")
    assert world.outcomes() == ["REFUSED"]
    world.days(1)
    tick(world)
    voter.to("append results")
    again = command(world)
    assert (again.id, again.phase, again.votes) == (first.id, "ASKED", {"crm": AWAITED})
    world.run("loans", "crm")
    assert anonymized(world) == set()


def test_history_03_a_vote_ends_with_its_lease_and_with_its_attempt() -> None:
    world = voting_world("a")
    tick(world)
    run_until(world, "crm", lambda: issued(world))
    world.stores["crm"].active = {"a"}
    world.days(0.3)
    world.run("loans")
    assert world.outcomes("loans") == ["SUPERSEDED"]
    lose_copies(world, "crm")
    tick(world)
    assert (command(world).phase, command(world).votes) == ("ASKED", {"crm": AWAITED})
    world.run("loans", "crm")
    assert world.outcomes("crm") == ["AGREED", "REFUSED"]
    assert anonymized(world) == set()


def test_history_19_a_refused_customer_is_out_of_sight_until_the_retry() -> None:
    world = voting_world("a")
    world.stores["crm"].active = {"a"}
    tick(world, "crm")
    assert count(world.table, "due", world.clock.now()) == 0
    for _ in range(3):
        tick(world, "crm")
    assert world.outcomes() == ["REFUSED"]
    world.stores["crm"].active = set()
    world.days(1)
    tick(world, "crm", "loans", "crm")
    assert anonymized(world) == {"a"}


def test_history_26_a_vote_whose_command_was_never_sent_is_a_claim_anew() -> None:
    world = voting_world("a")
    tick(world)
    Zombie(world, "crm", "append state")
    first = command(world)
    assert first.phase == "ISSUED"
    # a question delivered again would send the command too, so the history needs a group that is past it
    lose_copies(world, "crm", "loans")
    world.days(0.3)
    tick(world)
    assert command(world).phase == "ASKED"
    assert command(world).attempt > first.attempt
    world.run("crm", "loans", "crm")
    assert anonymized(world) == {"a"}


def test_history_27_done_is_not_overwritten_by_who_fails_or_objects_later() -> None:
    world = voting_world("a")
    world.stores["loans"].failing.add("a")  # so that the command stays in flight
    tick(world)
    run_until(world, "crm", lambda: issued(world))
    world.run("loans")
    failing = Zombie(world, "crm", "anonymize")
    world.stores["crm"].active = {"a"}
    refusing = Zombie(world, "crm", "write STATE")
    world.stores["crm"].active = set()
    world.run("crm")
    assert command(world).outcomes == {"loans": "FAILED", "crm": "DONE"}
    with patch.object(MemoryStore, "_carry_out", return_value=Carried("FAILED", {}, "23514")):
        failing.to()
    refusing.to()
    assert {"FAILED", "REFUSED_LATE"} < set(world.outcomes("crm"))
    assert command(world).outcomes == {"loans": "FAILED", "crm": "DONE"}


# ---- what is due -----------------------------------------------------------------------------------------------------


def test_history_05_a_late_second_schedule_of_a_spent_product_is_due_again() -> None:
    world = World()
    world.people("a")
    world.publish(closed("a"), postponed("a", days_ago=50, until_days=-1, product="loan/1"))
    world.run("state")
    tick(world, "crm", "loans")
    first = last(world)
    assert count(world.table, "due", world.clock.now()) == 0  # both registers are spent
    world.people("a")
    world.publish(closed("a", days_ago=55))  # older than the postpone, newer than the first schedule
    world.run("state")
    tick(world, "crm", "loans")
    assert last(world).id != first.id
    assert anonymized(world) == {"a"}


def test_history_07_what_everybody_calls_superseded_is_judged_again_when_its_lease_is_over() -> None:
    world = due_world("a")
    tick(world)
    hold = add_hold(world.items, "a", "ann", "dispute", world.policy, world.clock)
    for _ in range(3):
        world.run("crm", "loans")
        world.days(0.3)
        tick(world)
    assert world.item("a").of(PURPOSE).command is None
    assert len(world.records("commands")) == 1
    lift_hold(world.items, "a", hold, world.policy)
    world.publish(closed("b", days_ago=30))  # due since midnight
    world.people("b")
    world.run("state")
    tick(world)
    with patch.object(world, "clock", MemoryClock(world.clock.now() - 12 * HOUR)):
        world.run("crm", "loans")
    assert anonymized(world) == {"a"}
    world.days(0.3)
    tick(world, "crm", "loans")
    assert anonymized(world) == {"a", "b"}


def test_history_11_a_postpone_wins_if_it_is_acknowledged_before_the_loan_opens_and_is_late_if_not() -> None:
    world = voting_world("a")
    now_due(world, "b")
    tick(world)
    run_until(world, "crm", lambda: issued(world) and command(world, "b").phase == "ISSUED")
    world.publish(postponed("a"))
    world.run("crm", "loans")
    assert world.healths["loans"].waiting_for == "BarrierClosedError"
    assert anonymized(world) == set()
    world.run("state", "crm", "loans")
    assert anonymized(world) == {"b"}
    world.publish(postponed("b"))  # his loan opened yesterday
    world.run("state")
    assert world.outcomes("lapse.state") == ["LATE"]
    assert due_date(world.item("b"), world.policy.purposes[PURPOSE], world.policy) == NEVER


def test_history_14_a_postpone_from_before_the_commit_that_comes_later_stands() -> None:
    world = due_world("a")
    tick(world, "crm", "loans")
    world.publish(postponed("a", days_ago=1))
    world.days(1)
    world.publish(closed("a", days_ago=-0.5, product="card/2"))
    world.people("a")
    world.run("state")
    world.days(32)
    tick(world, "crm", "loans")
    assert len(world.records("commands")) == 1
    assert anonymized(world) == set()


def test_history_25_a_failed_or_slow_purpose_does_not_hide_another_that_comes_due() -> None:
    care, books = (
        Purpose(PURPOSE, Retention(days=30), ("crm", "loans")),
        Purpose("books", Retention(days=60), ("ledger",)),
    )
    world = World(policy=Policy({each.name: each for each in (care, books)}, lease=30 * DAY))
    world.stores["loans"].failing.add("failed")
    now_due(world, "failed")
    tick(world, "crm", "loans")
    assert command(world, "failed").outcomes["loans"] == "FAILED"
    now_due(world, "slow")
    tick(world, "crm")
    world.days(1)
    tick(world, "ledger")
    assert world.anonymized("ledger") == {"failed", "slow"}


# ---- ticks and barriers ----------------------------------------------------------------------------------------------


def test_history_06_who_comes_due_while_a_tick_goes_does_not_exceed_its_cap() -> None:
    world = due_world("a", cap=1)
    requested = world.request_tick()
    ticker = Zombie(world, "ticker", "write PLAN")
    now_due(world, *(f"imported-{number}" for number in range(50)))
    ticker.to()
    plan = plan_of(world, requested)
    assert (plan.report.due, plan.taken, plan.state) == (1, 1, "ENDED")
    assert len(world.records("commands")) == 1


def test_history_16_a_barrier_opens_behind_an_aborted_transaction() -> None:
    world = due_world("a")
    tick(world)
    for number in range(PARTITIONS):
        world.broker.append_marker(world.names.events, number)
    world.run("crm")
    assert world.healths["crm"].waiting_for == "BarrierClosedError"
    world.run("state", "crm", "loans")
    assert world.position_rows() == world.offsets.end(world.names.events)
    assert anonymized(world) == {"a"}


def test_history_28_a_ticker_of_an_ended_tick_has_nothing_to_spend() -> None:
    world = due_world("a", cap=3)
    world.request_tick()
    paused = Zombie(world, "ticker", "write PLAN")
    paused.to("write PLAN")  # going for three; it has taken none
    world.run("ticker")
    now_due(world, "b", "c")
    tick(world)
    now_due(world, *(f"later-{number}" for number in range(50)))
    paused.to()
    assert {record.key for record in world.records("commands")} == {b"a", b"b", b"c"}


# ---- completion ------------------------------------------------------------------------------------------------------


def test_history_15_superseded_answers_a_message_and_completes_nothing() -> None:
    world = due_world("a")
    tick(world)
    hold = add_hold(world.items, "a", "ann", "dispute", world.policy, world.clock)
    world.run("crm")
    assert world.outcomes("crm") == ["SUPERSEDED"]
    lift_hold(world.items, "a", hold, world.policy)
    world.run("loans")
    assert outstanding(command(world)) == ("crm",)
    world.days(0.3)
    tick(world, "crm", "loans")
    assert last(world).outcomes == {"crm": "DONE", "loans": "DONE"}
    assert anonymized(world) == {"a"}
