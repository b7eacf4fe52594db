"""What looks after every customer: audit, touch, backfill."""

from unittest.mock import patch

import pytest

from consumers.adapters.memory.offsets import MemoryOffsets
from consumers.adapters.memory.reader import MemoryReader
from consumers.adapters.memory.sink import MemorySink
from consumers.adapters.memory.store import MemoryRow, MemoryStore
from consumers.domain.errors import PermanentError, TransientError
from consumers.domain.retention import Retention
from consumers.operations.customers import add_hold
from consumers.operations.policies import apply_policy
from consumers.operations.statelog import StateLog
from consumers.operations.tending import Audited, audit, backfill, touch
from tests.support.world import PURPOSE, World, closed, due_world, postponed


def state_log(world: World) -> StateLog:
    return StateLog(MemoryReader(world.broker), MemoryOffsets(world.broker), world.names.state)


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


def test_an_audit_publishes_who_came_back_before_a_paused_writer_said_he_was_forgotten() -> None:
    world = due_world("a", "b")
    world.broker.append(world.names.state, b"a", None)
    assert [batch for batch in state_log(world).customers() if "a" in batch] == []
    assert audit(state_log(world), world.items, world.sink, execute=True) == Audited(1, 1, 0)
    assert audit(state_log(world), world.items, world.sink, execute=True) == Audited(2, 0, 0)
    assert [each for each in world.records("state") if each.key == b"a"][-1].value is not None


def test_an_audit_names_neither_the_forgotten_nor_who_stands_as_published() -> None:
    world = due_world("a", "b")
    assert world.items.forget(world.items.read(["a"])["a"])
    world.sink.flush()
    assert audit(state_log(world), world.items, world.sink, execute=False) == Audited(1, 0, 0)


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


def test_a_shorter_retention_takes_effect_for_who_was_written_but_not_yet_published_when_it_was_touched() -> None:
    world = World()
    world.people("a")
    world.publish(closed("a", days_ago=20))
    with patch.object(MemorySink, "send", lambda *_: None), patch.object(MemorySink, "flush", unreachable):
        world.run("state")
    assert world.item("a").products
    shorter = world.policy.purposes[PURPOSE]._replace(retention=Retention(days=10))
    apply_policy(world.table, world.policy._replace(purposes={PURPOSE: shorter}), world.stamp)
    assert touch(world.table, state_log(world), world.items, world.sink, execute=True) == (0, 0)
    world.run("state")
    world.request_tick()
    world.run("ticker", "crm", "loans")
    assert world.anonymized("crm") == {"a"}


def unreachable(_: MemorySink) -> None:
    raise TransientError(code="transport")


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
