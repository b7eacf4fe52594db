"""Votes through all roles, in memory: who refuses, who is down, who fails after the commit."""

import pytest

from consumers.adapters.memory.active import MemoryActiveProducts
from consumers.domain import rows
from consumers.domain.errors import PermanentError
from consumers.domain.rows import ModeRow
from consumers.operations.abandoning import abandon_all
from consumers.operations.modes import resume_everything, set_mode, stop_everything
from consumers.runtime.control import rewrite
from tests.support.world import PURPOSE, World, closed, plan_of


def voting_world(*customers: str, voters: tuple[str, ...] = ("crm",), retry: int = 3600) -> World:
    world = World()
    for service in voters:
        world.stores[service].active = set()
    world.policy = world.policy._replace(retry=retry * 1_000_000)
    world.install()
    world.people(*customers)
    world.publish(*(closed(customer) for customer in customers))
    world.run("state")
    return world


def active(world: World, service: str) -> set[str]:
    found = world.stores[service].active
    assert found is not None
    return found


def ticked(world: World) -> None:
    world.request_tick()
    world.run("ticker", "crm", "loans", "crm")


def test_all_agree_and_everybody_is_done_everywhere() -> None:
    world = voting_world("a", "b", voters=("crm", "loans"))
    ticked(world)
    world.run("loans")
    assert world.anonymized("crm") == world.anonymized("loans") == {"a", "b"}
    assert sorted(world.outcomes("crm")) == ["AGREED", "AGREED", "DONE", "DONE"]


def test_one_refusal_touches_nobody_anywhere_and_the_next_try_does_all() -> None:
    world = voting_world("a", "b", voters=("crm", "loans"))
    active(world, "loans").add("a")
    ticked(world)
    world.run("loans")
    assert world.anonymized("crm") == world.anonymized("loans") == {"b"}
    assert "REFUSED" in world.outcomes("loans")
    active(world, "loans").clear()
    ticked(world)
    assert world.anonymized("crm") == {"b"}  # the retry has not come
    world.days(1)
    ticked(world)
    world.run("loans")
    assert world.anonymized("crm") == world.anonymized("loans") == {"a", "b"}


def test_a_voter_that_is_down_keeps_everybody_untouched() -> None:
    world = voting_world("a")
    world.request_tick()
    world.run("ticker", "loans")
    assert world.item("a").of(PURPOSE).command is not None
    assert world.anonymized("loans") == set()
    world.run("crm", "loans", "crm")
    assert world.anonymized("crm") == world.anonymized("loans") == {"a"}


def test_an_objection_between_vote_and_commit_wins() -> None:
    world = voting_world("a")
    world.request_tick()
    world.run("ticker")
    crm = world.loop("crm")
    store = world.stores["crm"]
    guard, asked = store.guard, 0

    def first_agrees(customers: list[str]) -> object:
        nonlocal asked
        asked += 1
        return guard(customers) if asked == 1 else dict.fromkeys(customers, "active")

    store.guard = first_agrees  # type: ignore[method-assign, assignment]
    for _ in range(20):
        crm.step()
    assert asked >= 2
    assert world.item("a").of(PURPOSE).command is None
    world.run("loans")
    assert world.anonymized("crm") == world.anonymized("loans") == set()
    assert "REFUSED" in world.outcomes("crm")


def test_a_guard_that_objects_after_the_commit_is_partial_until_it_agrees() -> None:
    world = voting_world("a")
    world.request_tick()
    world.run("ticker")
    crm = world.loop("crm")
    while not (command := world.item("a").of(PURPOSE).command) or command.phase != "ISSUED":
        crm.step()
    crm._source.close()
    world.run("loans")
    active(world, "crm").add("a")
    world.run("crm")
    assert world.anonymized("loans") == {"a"}
    assert world.anonymized("crm") == set()
    command = world.item("a").of(PURPOSE).command
    assert command is not None
    assert command.outcomes == {"loans": "DONE", "crm": "REFUSED_LATE"}
    assert len(world.records("dead-letters")) == 1


def test_a_service_nobody_knows_the_guard_of_is_asked() -> None:
    world = voting_world("a", voters=())
    unknown = rows.to_json(ModeRow("live", "test", 0))
    rewrite(world.table, rows.mode_key("crm"), world.stamp, lambda _: unknown)
    world.request_tick()
    world.run("ticker", "loans")
    command = world.item("a").of(PURPOSE).command
    assert command is not None
    assert command.phase == "ASKED"
    world.run("crm", "loans", "crm")
    assert world.anonymized("crm") == world.anonymized("loans") == {"a"}
    row = world.table.read([rows.mode_key("crm")])[rows.mode_key("crm")]
    assert rows.mode(row.body).guard is False


# ---- the central check -----------------------------------------------------------------------------------------------


def test_who_is_active_or_unknown_centrally_is_not_claimed_before_the_retry() -> None:
    world = voting_world("a", "b", "c", voters=())
    world.active = listed = MemoryActiveProducts({"a": "active", "b": "unknown"})
    world.request_tick()
    world.run("ticker", "crm", "loans")
    assert world.anonymized("crm") == {"c"}
    listed.listed.clear()
    world.request_tick()
    world.run("ticker", "crm", "loans")
    assert world.anonymized("crm") == {"c"}
    world.days(1)
    world.request_tick()
    world.run("ticker", "crm", "loans")
    assert world.anonymized("crm") == world.anonymized("loans") == {"a", "b", "c"}


# ---- stop, first run, abandon ----------------------------------------------------------------------------------------


def test_stop_keeps_everybody_untouched_until_resume() -> None:
    world = voting_world("a", voters=())
    world.request_tick()
    world.run("ticker")
    stop_everything(world.table, "ann", "incident", world.clock, world.stamp)
    world.run("crm", "loans")
    assert world.anonymized("crm") == set()
    resume_everything(world.table, "ann", world.clock, world.stamp)
    world.days(1)
    world.request_tick()
    world.run("ticker", "crm", "loans")
    assert world.anonymized("crm") == world.anonymized("loans") == {"a"}


def test_a_first_live_run_claims_no_more_than_its_cap_and_the_rest_with_the_next_tick() -> None:
    world = World()
    world.policy = world.policy._replace(first_run=2)
    world.install()
    customers = [f"c-{number}" for number in range(5)]
    world.people(*customers)
    world.publish(*(closed(each) for each in customers))
    world.run("state")
    tick = world.request_tick()
    world.run("ticker", "crm", "loans")
    assert len(world.anonymized("crm")) == 2
    assert any("first run of crm" in each for each in plan_of(world, tick).report.blockers)
    world.request_tick()
    world.run("ticker", "crm", "loans")
    assert world.anonymized("crm") == world.anonymized("loans") == set(customers)


def test_a_service_is_not_taken_out_while_it_owes_an_answer_unless_abandoned() -> None:
    world = voting_world("a", "b", voters=())
    world.request_tick()
    world.run("ticker", "crm")
    with pytest.raises(PermanentError, match="loans owes an answer to 2 commands"):
        set_mode(world.table, "loans", "dry_run", "ann", world.clock, world.stamp, items=world.items)
    set_mode(world.table, "loans", "dry_run", "ann", world.clock, world.stamp, reason="sold")
    results = world.names.results
    released = [
        abandon_all(world.table, world.items, world.sink, results, "loans", world.policy, world.clock) for _ in range(2)
    ]
    assert released == [2, 0]
    last = world.item("a").of(PURPOSE).last
    assert last is not None
    assert last.outcomes == {"crm": "DONE", "loans": "ABANDONED"}
    world.run("loans")
    assert world.anonymized("loans") == set()
    assert world.outcomes("loans").count("ABANDONED") == 2


def test_abandoning_before_the_commit_withdraws_the_command() -> None:
    world = voting_world("a", voters=("crm",))
    world.request_tick()
    world.run("ticker")
    set_mode(world.table, "crm", "dry_run", "ann", world.clock, world.stamp, reason="sold")
    abandon_all(world.table, world.items, world.sink, world.names.results, "crm", world.policy, world.clock)
    assert world.item("a").of(PURPOSE).command is None
    world.request_tick()
    world.run("ticker", "crm", "loans")
    assert world.anonymized("loans") == {"a"}
    assert world.anonymized("crm") == set()
