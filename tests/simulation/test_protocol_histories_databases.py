"""Histories in which something comes back: databases restored, and dead letters. The numbers are the protocol's."""

from unittest.mock import patch

import pytest

from consumers.adapters.memory.reader import MemoryReader
from consumers.domain.errors import InvalidRecordError
from consumers.domain.item import outstanding
from consumers.operations import dlq
from consumers.operations.discarding import discard_halting, halting
from consumers.operations.dlq import Redrive
from consumers.state import reading
from tests.simulation.restoring import (
    GARBAGE,
    NEW,
    back_up,
    by_ledger,
    by_trail,
    carried_out,
    discard,
    send_garbage,
    set_back,
)
from tests.simulation.zombies import (
    Zombie,
    anonymized,
    command,
    last,
    now_due,
    tick,
)
from tests.support.world import World, due_world, postponed

# ---- databases -------------------------------------------------------------------------------------------------------


def restored() -> World:
    """A world in which a is anonymized everywhere, and crm was put back to a backup from before; its group is, too."""
    world = due_world("a")
    restore = back_up(world, "crm")
    tick(world, "crm", "loans")
    restore()
    set_back(world, "crm")
    return world


def test_history_04_who_comes_back_during_a_replay_keeps_his_new_rows() -> None:
    world = restored()
    worker = Zombie(world, "crm", "write STATE", "anonymize")  # nothing counts since, it found
    world.publish(postponed("a", days_ago=0))
    world.stores["crm"].rows["a"] = NEW
    world.run("state")
    worker.to()
    assert world.stores["crm"].rows["a"] == NEW
    assert world.outcomes("crm") == ["DONE", "SUPERSEDED"]


def test_history_30_who_comes_back_before_a_replay_is_written_keeps_his_new_rows_though_nobody_has_folded_it() -> None:
    world = restored()
    worker = Zombie(world, "crm", "write STATE")  # nothing counts since, it found
    world.publish(postponed("a", days_ago=0))
    world.stores["crm"].rows["a"] = NEW
    worker.to("append state")
    world.run("state")
    worker.to()
    assert world.stores["crm"].rows["a"] == NEW
    assert world.outcomes("crm") == ["DONE", "SUPERSEDED"]
    assert last(world).outcomes == {"crm": "DONE", "loans": "DONE"}


def test_history_30_who_comes_back_when_a_replay_was_cut_off_keeps_his_new_rows() -> None:
    world = restored()
    Zombie(world, "crm", "append state")  # the replay is written, and its worker dies
    world.publish(postponed("a", days_ago=0))
    world.stores["crm"].rows["a"] = NEW
    world.run("state", "crm")
    assert world.stores["crm"].rows["a"] == NEW
    assert world.outcomes("crm") == ["DONE", "SUPERSEDED"]
    assert last(world).outcomes == {"crm": "DONE", "loans": "DONE"}


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
