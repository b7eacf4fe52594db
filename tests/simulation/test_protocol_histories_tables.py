# long because each history is one test
"""Histories in which something comes back: a table or a database as it was, a command, a dead letter.

The numbers are the protocol's. All others are in `test_protocol_histories`.
"""

from collections.abc import Callable, Iterator
from unittest.mock import patch

import pytest

from consumers.adapters.memory.offsets import MemoryGroups
from consumers.adapters.memory.reader import MemoryReader
from consumers.adapters.memory.store import MemoryRow
from consumers.domain.errors import InvalidRecordError
from consumers.domain.item import AWAITED, outstanding
from consumers.operations import dlq, offsets
from consumers.operations.discarding import discard_halting, discard_held, halting
from consumers.operations.dlq import Redrive
from consumers.operations.installing import NotFirstError, write_first_positions
from consumers.operations.policies import apply_policy
from consumers.operations.results import result_of
from consumers.operations.statelog import StateLog
from consumers.operations.tending import audit
from consumers.ports import Partition
from consumers.runtime.barrier import NoPositionError
from consumers.runtime.murmur2 import partition_of
from consumers.state import reading
from tests.simulation.test_protocol_histories import (
    Zombie,
    anonymized,
    command,
    last,
    now_due,
    run_loop,
    tick,
    voting_world,
)
from tests.support.rebuilding import rebuild
from tests.support.world import PARTITIONS, World, closed, due_world, partitions, postponed

NEW = MemoryRow("new")
GARBAGE = b"garbage"


def empty_table(world: World) -> None:
    """The table is lost; another, with nothing but policy and modes, is in its place."""
    world.table.restore({})
    apply_policy(world.table, world.policy, world.stamp)
    for service in world.stores:
        world.mode(service, "live")


def lose_table(world: World, *, published: bool = True) -> None:
    """The table is lost, without `published` lapse.state too, and rebuilt."""
    empty_table(world)
    for at in () if published else partitions(world, "state"):
        world.broker.delete_before(at.topic, at.partition, world.broker.log(at).end)
    rebuild(world).run(execute=True)


def folded(world: World) -> bool:
    return world.offsets.lag(world.names.state_group, world.names.events) == 0


def in_table(world: World) -> bytes:
    row = world.items.read(["a"])["a"].row
    assert row is not None
    return row.body


def newest(world: World) -> bytes | None:
    return world.records("state")[-1].value


def compact(world: World) -> None:
    """Of the one customer's records of lapse.state only the newest is left."""
    at = Partition(world.names.state, partition_of(b"a", PARTITIONS))
    world.broker.delete_before(at.topic, at.partition, world.broker.log(at).end - 1)


def back_up(world: World, service: str) -> Callable[[], None]:
    """Copy a database now; what is given puts it back."""
    store = world.stores[service]
    rows, ledger = dict(store.rows), dict(store.rows_of_ledger)

    def restore() -> None:
        store.rows, store.rows_of_ledger = dict(rows), dict(ledger)

    return restore


def set_back(world: World, service: str, target: offsets.Target | None = None) -> None:
    """Set a group back: to the beginning, or where the target says."""
    group = offsets.named_group(world.names, f"anonymizer.{service}")
    logs = offsets.logs_of(world.offsets, group)
    chosen = target or (lambda logs: {number: log.first for number, log in logs.items()})
    offsets.reset(MemoryGroups(world.broker), group, logs, offsets.planned(logs, chosen, None), execute=True)


def send_garbage(world: World, key: bytes | None) -> None:
    world.sink.send(world.names.events, key, GARBAGE)
    world.run("state")


def discard(world: World) -> None:
    """A person does without the record that holds the customer."""
    [position] = world.item("a").holds
    discard_held(world.items, "a", position, "ann", "garbage", world.policy, world.clock)


def carried_out(world: World) -> dict[int, int]:
    """The highest command offset in crm's ledger by partition."""
    told = [found for record in world.records("results") if (found := result_of(record))]
    there = [each for each in told if each["command_id"] in world.stores["crm"].rows_of_ledger]
    return {each["command_partition"]: each["command_offset"] for each in there}


def by_ledger(reached: dict[int, int]) -> offsets.Target:
    return offsets.to_backup(reached, 1, lambda _: (), None)


def by_trail(world: World, taken_at: int) -> offsets.Target:
    def finished(since: int) -> Iterator[tuple[int, int, int]]:
        return offsets.finished_since(MemoryReader(world.broker), world.offsets, world.names.results, "crm", since)

    return offsets.to_backup(None, 1, finished, taken_at)


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


# ---- databases -------------------------------------------------------------------------------------------------------


def test_history_04_who_comes_back_during_a_replay_keeps_his_new_rows() -> None:
    world = due_world("a")
    restore = back_up(world, "crm")
    tick(world, "crm", "loans")
    restore()
    set_back(world, "crm")
    worker = Zombie(world, "crm", "write STATE", "anonymize")  # nothing counts since, it found
    world.publish(postponed("a", days_ago=0))
    world.stores["crm"].rows["a"] = NEW
    world.run("state")
    worker.to()
    assert world.stores["crm"].rows["a"] == NEW
    assert world.outcomes("crm") == ["DONE", "SUPERSEDED"]


@pytest.mark.parametrize("ledger", [True, False])
def test_history_12_a_group_set_back_to_a_backup_skips_no_command(*, ledger: bool) -> None:
    world = due_world("a")
    tick(world, "crm", "loans")
    world.days(1)
    world.people("d")
    now_due(world, "b")
    tick(world)
    restore, taken_at, reached = back_up(world, "crm"), world.clock.now(), carried_out(world)
    world.run("crm")
    now_due(world, "d")  # in the other partition, where crm has answered nothing since
    tick(world)
    restore()
    set_back(world, "crm", by_ledger(reached) if ledger else by_trail(world, taken_at))
    world.run("crm", "loans")
    assert anonymized(world) == {"a", "b", "d"}


def test_history_17_two_databases_restored_at_once_are_both_erased_again() -> None:
    world = due_world("a")
    restores = {service: back_up(world, service) for service in world.stores}
    tick(world, "crm", "loans")
    for service, restore in restores.items():
        restore()
        set_back(world, service)
    worker = Zombie(world, "crm", "anonymize")
    assert outstanding(command(world)) == ("crm",)
    world.run("loans")
    worker.to()
    assert anonymized(world) == {"a"}
    assert last(world).outcomes == {"crm": "DONE", "loans": "DONE"}


def test_history_21_a_command_is_not_replayed_against_a_hold_or_a_halt() -> None:
    world = due_world("a")
    restore = back_up(world, "crm")
    tick(world, "crm", "loans")
    send_garbage(world, b"a")
    restore()
    set_back(world, "crm")
    world.run("crm")
    discard(world)
    send_garbage(world, None)
    restore()
    set_back(world, "crm")
    world.run("crm")
    assert world.outcomes("crm") == ["DONE", "SUPERSEDED", "SUPERSEDED"]
    assert world.anonymized("crm") == set()
    discard_halting(world.table, halting(world.table)[0], world.stamp)
    restore()
    set_back(world, "crm")
    world.run("crm")
    assert anonymized(world) == {"a"}


def test_history_22_what_the_ledger_has_is_never_done_again() -> None:
    world = due_world("a")
    tick(world)
    worker = Zombie(world, "crm", "anonymize")
    worker.to("write STATE")  # its outcome, which is never written
    world.publish(postponed("a", days_ago=0))
    world.stores["crm"].rows["a"] = NEW
    world.run("state", "crm", "loans")
    assert world.stores["crm"].rows["a"] == NEW
    assert world.outcomes("crm") == ["LATE"]
    assert last(world).outcomes == {"crm": "ALREADY_DONE", "loans": "DONE"}


# ---- dead letters ----------------------------------------------------------------------------------------------------


def test_history_09_a_hold_stands_before_its_dead_letter_and_never_after_its_discard() -> None:
    world = due_world("a")
    world.sink.send(world.names.events, b"a", GARBAGE)
    paused = Zombie(world, "state", "write STATE")
    other = Zombie(world, "state", "append dead-letters")
    assert len(world.item("a").holds) == 1
    other.to()
    discard(world)
    paused.to()
    tick(world, "crm", "loans")
    assert world.item("a").holds == {}
    assert anonymized(world) == {"a"}


def test_history_10_a_redrive_that_dies_lifts_nothing() -> None:
    world = due_world("a")
    world.publish(postponed("a"))
    with patch.object(reading, "check_event", side_effect=InvalidRecordError("invalid")):
        world.run("state")
    letters = dlq.letters(MemoryReader(world.broker), world.names.dead_letters)
    redrive = Redrive(MemoryReader(world.broker), world.sink, world.names.dead_letters, world.clock)
    with patch.object(world.broker, "append", side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        redrive.run(letters, "ann")
    tick(world, "crm", "loans")
    assert len(world.item("a").holds) == 1
    redrive.run(letters, "ann")
    world.run("state")
    tick(world, "crm", "loans")
    assert (len(world.item("a").holds), set(world.item("a").products)) == (0, {"loan/1", "activity"})
    assert anonymized(world) == set()
