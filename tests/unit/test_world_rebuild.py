"""The table restored from an older copy, or lost, and rebuilt; audit, touch, backfill."""

import pytest

from consumers.adapters.memory.offsets import MemoryGroups, MemoryOffsets
from consumers.adapters.memory.reader import MemoryReader
from consumers.adapters.memory.store import MemoryRow, MemoryStore
from consumers.domain.errors import PermanentError
from consumers.domain.retention import Retention
from consumers.operations.customers import add_hold
from consumers.operations.policies import apply_policy
from consumers.operations.rebuilding import Rebuild, Rebuilt
from consumers.operations.statelog import StateLog
from consumers.operations.tending import audit, backfill, touch
from consumers.runtime.barrier import NoPositionError
from tests.support.world import PURPOSE, World, closed, due_world, postponed


def rebuild(world: World) -> Rebuild:
    return Rebuild(
        table=world.table,
        items=world.items,
        sink=world.sink,
        reader=MemoryReader(world.broker),
        offsets=world.offsets,
        groups=MemoryGroups(world.broker),
        names=world.names,
        clock=world.clock,
        stamp=world.stamp,
    )


def state_log(world: World) -> StateLog:
    return StateLog(MemoryReader(world.broker), MemoryOffsets(world.broker), world.names.state)


def empty(world: World) -> None:
    world.table.restore({})
    apply_policy(world.table, world.policy, world.stamp)


def test_postpones_holds_and_commits_made_since_the_copy_are_kept() -> None:
    world = due_world("postponed", "held", "done", "free")
    older = world.table.backup()
    world.publish(postponed("postponed"))
    world.run("state")
    add_hold(world.items, "held", "ann", "dispute", world.policy, world.clock)
    world.request_tick()
    world.run("ticker", "crm", "loans")
    commands = {customer: world.item(customer).of(PURPOSE).last for customer in ("done", "free")}
    rows = {service: dict(store.rows) for service, store in world.stores.items()}
    world.table.restore(older)
    found = rebuild(world).run(execute=True)
    assert (found.customers, found.claimed_lately) == (4, 2)
    with pytest.raises(AssertionError):  # the barrier is shut until the events are folded again
        assert world.position_rows() == {0: 1, 1: 1}
    world.run("state")
    assert {customer: world.item(customer).of(PURPOSE).last for customer in commands} == commands
    assert world.item("held").holds
    assert world.item("postponed").products["activity"].postpone is not None
    world.request_tick()
    world.run("ticker", "crm", "loans")
    assert {service: dict(store.rows) for service, store in world.stores.items()} == rows
    assert list(rebuild(world).still_open()) == []


def test_a_lost_table_is_refused_by_everybody_until_it_is_rebuilt() -> None:
    world = due_world("a", "b")
    world.publish(postponed("b"))
    world.run("state")
    world.request_tick()
    world.run("ticker", "crm", "loans")
    last = world.item("a").of(PURPOSE).last
    empty(world)
    with pytest.raises(NoPositionError):
        world.run("state")
    world.broker.group(world.names.state_group).__dict__["_members"].clear()
    assert rebuild(world).run(execute=False) == Rebuilt(2, 2, 1)
    assert not world.item("a").products
    assert rebuild(world).run(execute=True).written == 2
    for service in world.stores:
        world.mode(service, "live")
    world.run("state")
    assert world.item("a").of(PURPOSE).last == last
    world.days(1)
    world.request_tick()
    world.run("ticker", "crm", "loans")
    assert world.anonymized("crm") == world.anonymized("loans") == {"a"}


def test_a_command_committed_after_the_copy_is_finished_everywhere() -> None:
    world = due_world("a")
    world.request_tick()
    world.run("ticker")
    older = world.table.backup()
    world.run("crm")
    world.table.restore(older)
    rebuild(world).run(execute=True)
    world.publish(postponed("a"))
    world.run("state", "loans")
    # committed before it was postponed: all or none
    assert world.anonymized("crm") == world.anonymized("loans") == {"a"}


def test_without_what_was_published_the_same_facts_give_the_same_command_and_the_ledgers_know_it() -> None:
    world = due_world("a")
    world.request_tick()
    world.run("ticker", "crm", "loans")
    last = world.item("a").of(PURPOSE).last
    assert last is not None
    empty(world)
    for number in range(2):
        world.broker.delete_before(world.names.state, number, 1_000)
    rebuild(world).run(execute=True)
    for service in world.stores:
        world.mode(service, "live")
    world.run("state")
    assert {(each.command_id, each.service) for each in rebuild(world).still_open()} == {
        (last.id, "crm"),
        (last.id, "loans"),
    }
    world.days(1)
    world.request_tick()
    world.run("ticker", "crm", "loans")
    again = world.item("a").of(PURPOSE).last
    assert again is not None
    assert (again.id, again.outcomes) == (last.id, {"crm": "ALREADY_DONE", "loans": "ALREADY_DONE"})


def test_a_rebuild_is_refused_while_a_role_runs() -> None:
    world = due_world("a")
    running = world.loop("crm")
    running.step()
    with pytest.raises(PermanentError, match=r"anonymizer\.crm"):
        rebuild(world).run(execute=True)


def test_claims_of_the_last_day_count_against_the_caps_after_a_rebuild() -> None:
    world = due_world("a", "b", cap=2)
    world.request_tick()
    world.run("ticker", "crm", "loans")
    empty(world)
    rebuild(world).run(execute=True)
    for service in world.stores:
        world.mode(service, "live")
    world.people("c")
    world.publish(closed("c"))
    world.run("state")
    world.request_tick()
    world.run("ticker", "crm", "loans")
    assert world.item("c").of(PURPOSE).command is None


# ---- audit, touch, backfill ------------------------------------------------------------------------------------------


def test_an_audit_publishes_again_what_is_older_in_the_topic() -> None:
    world = due_world("a", "b")
    early = next(each for each in world.records("state") if each.key == b"a")
    world.publish(postponed("a"))
    world.run("state")
    # a paused writer publishes what it wrote before
    newest = [each for each in world.records("state") if each.key == b"a"][-1]
    world.broker.delete_before(newest.topic, newest.partition, newest.offset + 1)
    world.broker.append(early.topic, early.key, early.value)
    assert audit(state_log(world), world.items, world.sink, execute=False).older == 1
    assert audit(state_log(world), world.items, world.sink, execute=True).older == 1
    assert audit(state_log(world), world.items, world.sink, execute=True).older == 0
    assert [each for each in world.records("state") if each.key == b"a"][-1].value == newest.value


def test_a_shorter_retention_takes_effect_with_a_touch() -> None:
    world = World()
    world.people("a")
    world.publish(closed("a", days_ago=20))
    world.run("state")
    shorter = world.policy.purposes[PURPOSE]._replace(retention=Retention(days=10))
    apply_policy(world.table, world.policy._replace(purposes={PURPOSE: shorter}), world.stamp)
    world.request_tick()
    world.run("ticker")
    assert world.item("a").of(PURPOSE).command is None
    for execute, moved in ((False, 1), (True, 1), (True, 0)):
        assert touch(world.table, state_log(world), world.items, world.sink, execute=execute).moved == moved
    world.request_tick()
    world.run("ticker", "crm", "loans")
    assert world.anonymized("crm") == {"a"}


def add_service(world: World, name: str, *customers: str) -> None:
    world.stores[name] = MemoryStore()
    world.stores[name].rows.update({each: MemoryRow(f"name of {each}") for each in customers})
    purpose = world.policy.purposes[PURPOSE]
    world.policy = world.policy._replace(purposes={PURPOSE: purpose._replace(services=(*purpose.services, name))})
    apply_policy(world.table, world.policy, world.stamp)


def backfilled(world: World, service: str, *, execute: bool = True) -> int:
    log, commands = state_log(world), world.names.commands
    return backfill(world.table, log, world.items, world.sink, commands, service, world.clock, execute=execute)


def test_a_service_added_later_is_backfilled_with_the_completed_customers_alone() -> None:
    world = due_world("done", "back", "held")
    world.people("later")
    world.publish(closed("later", days_ago=5))
    world.run("state")
    world.request_tick()
    world.run("ticker", "crm", "loans")
    world.publish(postponed("back"))
    world.run("state")
    add_hold(world.items, "held", "ann", "dispute", world.policy, world.clock)
    add_service(world, "wiki", "done", "back", "held", "later")
    with pytest.raises(PermanentError, match="wiki is not live"):
        backfilled(world, "wiki")
    world.run("wiki")
    world.mode("wiki", "live")
    before = {service: dict(store.rows) for service, store in world.stores.items() if service != "wiki"}
    assert backfilled(world, "wiki", execute=False) == 1
    assert world.anonymized("wiki") == set()
    assert backfilled(world, "wiki") == 1
    world.run("crm", "loans", "wiki")
    assert world.anonymized("wiki") == {"done"}
    assert {service: dict(store.rows) for service, store in world.stores.items() if service != "wiki"} == before
    last = world.item("done").of(PURPOSE).last
    assert last is not None
    assert last.outcomes == {"crm": "DONE", "loans": "DONE", "wiki": "DONE"}
    assert backfilled(world, "wiki") == 0
