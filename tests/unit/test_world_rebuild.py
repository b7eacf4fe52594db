"""The table restored from an older copy, or lost, and rebuilt."""

import pytest

from consumers.adapters.memory.reader import MemoryReader
from consumers.adapters.memory.sink import MemorySink
from consumers.domain.errors import PermanentError
from consumers.domain.names import Names
from consumers.operations import dlq
from consumers.operations.customers import add_hold
from consumers.operations.dlq import Redrive
from consumers.operations.policies import apply_policy
from consumers.operations.rebuilding import Rebuilt
from consumers.ports import Headers
from consumers.runtime.barrier import NoPositionError
from tests.support.rebuilding import rebuild
from tests.support.world import PURPOSE, World, closed, due_world, postponed


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


def test_a_copy_put_back_keeps_the_barrier_shut_until_the_events_are_folded_again_history_1() -> None:
    world = due_world("a")
    world.request_tick()
    world.run("ticker")
    older = world.table.backup()
    world.publish(postponed("a"))
    world.run("state")
    caught_up = world.offsets.lag(world.names.state_group, world.names.events)
    world.table.restore(older)
    world.run("crm")
    assert (caught_up, world.anonymized("crm")) == (0, set())
    world.run("state", "crm", "loans")
    assert world.item("a").products["activity"].postpone is not None
    assert world.anonymized("crm") == set()


class Unacknowledged(MemorySink):
    """A sink whose records for lapse.state get lost, as with a process that dies before it has sent them."""

    def send(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers = ()) -> None:
        if topic == Names().state:
            self._failed = "died"
        else:
            super().send(topic, key, value, headers)


def test_a_commit_nobody_published_is_published_by_whoever_goes_on_history_24(monkeypatch: pytest.MonkeyPatch) -> None:
    world = due_world("a")
    world.request_tick()
    world.run("ticker")
    with monkeypatch.context() as patch:
        patch.setattr(world, "_sink", lambda: Unacknowledged(world.broker))
        dying = world.loop("crm")
        while (command := world.item("a").of(PURPOSE).command) and command.phase != "COMMITTED":
            dying.step()
        dying._source.close()
    assert world.anonymized("crm") == set()
    world.run("crm")
    empty(world)
    rebuild(world).run(execute=True)
    for service in world.stores:
        world.mode(service, "live")
    world.publish(postponed("a"))
    world.run("state", "loans")
    assert world.anonymized("crm") == world.anonymized("loans") == {"a"}


def test_a_rebuild_that_dies_half_way_leaves_a_table_no_role_starts_on() -> None:
    world = due_world("a", "b")
    world.request_tick()
    world.run("ticker")

    def die(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild(world).run(execute=True, done=die)
    for role in ("state", "crm"):
        with pytest.raises(NoPositionError):
            world.run(role)
    assert rebuild(world).run(execute=True).customers == 2
    world.run("state", "crm", "loans")
    assert world.anonymized("crm") == {"a", "b"}


def forget(world: World, customer: str) -> None:
    assert world.items.forget(world.items.read([customer])[customer])
    world.sink.flush()


def test_who_was_forgotten_since_the_copy_and_came_back_is_as_he_is_now() -> None:
    world = due_world("a")
    world.request_tick()
    world.run("ticker", "crm", "loans")
    older = world.table.backup()
    forget(world, "a")
    world.days(1)
    world.publish(postponed("a"))
    world.run("state")
    add_hold(world.items, "a", "ann", "dispute", world.policy, world.clock)
    now = world.item("a")
    world.table.restore(older)
    rebuild(world).run(execute=True)
    assert world.item("a").holds == now.holds
    assert world.item("a").products["activity"] == now.products["activity"]


def test_a_record_older_than_the_one_before_it_is_not_what_a_lost_table_is_rebuilt_from() -> None:
    world = due_world("a")
    early = world.records("state")[0]
    world.publish(postponed("a"))
    world.run("state")
    now = world.item("a")
    # a paused writer publishes what it wrote before
    world.broker.append(early.topic, early.key, early.value)
    empty(world)
    rebuild(world).run(execute=True)
    assert world.item("a") == now


def test_what_is_rebuilt_is_published_and_no_old_writer_fits() -> None:
    world = due_world("a")
    older = world.items.read(["a"])["a"]
    rebuild(world).run(execute=True)
    rebuilt = world.items.read(["a"])["a"]
    assert older.row is not None
    assert rebuilt.row is not None
    assert rebuilt.row.version == older.row.version + (1 << 32)
    assert [each.value for each in world.records("state")][-1] == rebuilt.row.body


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
    assert world.anonymized("crm") == world.anonymized("loans") == {"a", "b"}


def test_a_record_that_was_redriven_holds_nobody_when_it_is_read_again_together_with_its_copy() -> None:
    world = due_world("a")
    world.publish(postponed("a", days_ago=-0.1))  # said of a time to come
    world.run("state")
    assert world.item("a").holds
    world.days(1)
    letters = dlq.letters(MemoryReader(world.broker), world.names.dead_letters)
    again = Redrive(MemoryReader(world.broker), world.sink, world.names.dead_letters, world.clock)
    assert again.run(dlq.redrivable(letters, parked=False), "ann") == 1
    world.run("state")
    known = world.item("a")
    empty(world)
    rebuild(world).run(execute=True)
    for service in world.stores:
        world.mode(service, "live")
    world.run("state")
    assert world.item("a").holds == known.holds == {}
    assert world.item("a").products == known.products
    assert known.products["activity"].postpone


def test_a_record_on_the_state_topic_that_is_no_item_is_named() -> None:
    world = due_world("a")
    world.broker.append(world.names.state, b"b", b"garbage")
    empty(world)
    with pytest.raises(PermanentError, match=r"lapse\.state-\d-\d+ is no item"):
        rebuild(world).run(execute=True)
