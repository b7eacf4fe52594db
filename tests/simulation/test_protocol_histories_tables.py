"""Histories in which something comes back: tables restored, lost and rebuilt. The numbers are the protocol's."""

import pytest

from consumers.adapters.memory.reader import MemoryReader
from consumers.domain.item import AWAITED
from consumers.operations.installing import NotFirstError, write_first_positions
from consumers.operations.statelog import StateLog
from consumers.operations.tending import audit
from consumers.runtime.barrier import NoPositionError
from consumers.runtime.murmur2 import partition_of
from tests.simulation.restoring import compact, empty_table, folded, in_table, lose_table, newest
from tests.simulation.zombies import (
    Zombie,
    anonymized,
    command,
    last,
    run_loop,
    tick,
    voting_world,
)
from tests.support.rebuilding import rebuild
from tests.support.world import PARTITIONS, World, closed, due_world, postponed

# ---- tables ----------------------------------------------------------------------------------------------------------


def test_history_01_a_table_put_back_shuts_the_barrier_until_its_events_are_folded_again() -> None:
    world = due_world("a")
    copy = world.table.backup()
    world.publish(postponed("a"))
    world.run("state")
    world.table.restore(copy)
    assert world.offsets.lag(world.names.state_group, world.names.events) == 0
    tick(world, "crm", "loans")
    assert world.healths["ticker"].waiting_for == "BarrierClosedError"
    world.run()
    assert set(world.item("a").products) == {"loan/1", "activity"}
    assert world.records("commands") == []


def test_history_08_an_item_published_too_late_or_twice_is_mended_before_it_matters() -> None:
    world = World()
    world.people("a")
    world.publish(closed("a"))
    paused = Zombie(world, "state", "append state")  # its first version, written and not published
    world.publish(event := postponed("a", until_days=-1))
    member = world.loop("state")
    run_loop(member, lambda: folded(world))
    tick(world, "crm")
    world.publish(event)
    run_loop(member, lambda: folded(world))
    assert newest(world) == in_table(world)  # what stands, not what the member has in its cache
    member._source.close()
    paused.to("write POSITION")
    assert newest(world) != in_table(world)
    compact(world)
    audit(StateLog(MemoryReader(world.broker), world.offsets, world.names.state), world.items, world.sink, execute=True)
    lose_table(world)
    world.run("state", "loans")
    assert anonymized(world) == {"a"}


def test_history_13_a_second_life_is_erased_by_a_second_command_after_a_rebuild() -> None:
    world = due_world("a")
    tick(world, "crm", "loans")
    first = last(world)
    world.people("a")
    world.publish(closed("a", days_ago=31, product="card/2"))
    lose_table(world, published=False)
    world.run("state")
    tick(world, "crm", "loans")
    assert last(world).id != first.id
    assert anonymized(world) == {"a"}


def test_history_18_a_ledger_that_knows_the_command_does_not_skip_its_commit() -> None:
    world = due_world("a")
    tick(world, "crm", "loans")
    first = last(world)
    lose_table(world, published=False)
    world.run("state")
    tick(world, "crm", "loans")
    assert (last(world).id, set(last(world).outcomes.values())) == (first.id, {"ALREADY_DONE"})
    world.days(0.3)
    tick(world, "crm", "loans")
    assert len(world.records("commands")) == 2


def test_history_20_an_emptied_table_starts_nobody_and_is_rebuilt_with_what_the_log_has_lost() -> None:
    world = World()
    world.people("a")
    world.publish(postponed("a"), closed("a"))
    world.run("state")
    world.broker.delete_before(world.names.events, partition_of(b"a", PARTITIONS), 1)
    empty_table(world)
    with pytest.raises(NoPositionError):
        world.run("state")
    with pytest.raises(NotFirstError):
        write_first_positions(world.table, world.offsets, world.names, world.stamp)
    rebuild(world).run(execute=True)
    world.run("state")
    tick(world, "crm", "loans")
    assert anonymized(world) == set()


def test_history_23_a_command_that_was_committed_after_the_copy_is_finished_everywhere() -> None:
    world = due_world("a")
    tick(world)
    copy = world.table.backup()
    world.run("crm")
    world.table.restore(copy)
    rebuild(world).run(execute=True)
    world.publish(postponed("a"))
    world.run("state", "loans")
    assert anonymized(world) == {"a"}
    world.days(0.3)
    tick(world, "crm")  # its outcome was not published: it answers once more
    assert last(world).outcomes == {"crm": "ALREADY_DONE", "loans": "DONE"}


def test_history_24_a_commit_its_writer_could_not_publish_is_published_by_whoever_goes_on() -> None:
    world = due_world("a")
    tick(world)
    Zombie(world, "crm", "append state")
    assert command(world).phase == "COMMITTED"
    world.run("crm")
    lose_table(world)
    world.publish(postponed("a"))
    world.run("state", "loans")
    assert anonymized(world) == {"a"}


def test_history_29_a_vote_from_before_a_rebuild_meets_no_attempt_of_its_own() -> None:
    world = voting_world("a")
    tick(world)
    voter = Zombie(world, "crm", "write STATE")
    first = command(world)
    world.stores["crm"].active = {"a"}
    lose_table(world, published=False)
    world.run("state")
    world.days(0.1)
    tick(world)
    voter.to("append results")
    again = command(world)
    assert (again.id, again.phase, again.votes) == (first.id, "ASKED", {"crm": AWAITED})
    assert again.attempt > first.attempt
    world.run("loans", "crm")
    assert anonymized(world) == set()
