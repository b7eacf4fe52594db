"""An audit where records cannot be read, or have left their topics."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

import pytest

from consumers.adapters.memory.reader import MemoryReader
from consumers.audit import audit_history
from consumers.domain.errors import PermanentError
from consumers.domain.retention import moment
from consumers.domain.work import Task
from consumers.operations import dlq
from consumers.ports import Record
from consumers.runtime.letterhead import Origin, block, copy_headers
from consumers.runtime.murmur2 import partition_of
from producer_client import Postpone
from tests.support.build import DAY, HOUR
from tests.support.falsified import (
    answered,
    audited,
    clean,
    codes,
    history,
    new_command,
    proven_world,
    redrive,
    sent,
    ticked,
)
from tests.support.world import PURPOSE, World, closed, partitions


def discarded(world: World) -> None:
    reader, topic = MemoryReader(world.broker), world.names.dead_letters
    for record in dlq.whole(reader, topic, dlq.letters(reader, topic)):
        dlq.Redrive(reader, world.sink, topic, world.clock).mark(record, "DISCARDED", "ann", "garbage")


def test_who_is_held_by_an_unreadable_event_stays() -> None:
    world = proven_world("a")
    world.broker.append(world.names.events, b"a", b"garbage")
    ticked(world)
    clean(world)
    assert audited(world).held == 1
    redrive(world)
    world.run("state")
    clean(world)
    discarded(world)
    assert codes(world) == ["overdue"]


def test_an_event_from_the_future_counts_from_its_redrive_on() -> None:
    world = proven_world("a")
    at = moment(world.clock.now()) + timedelta(hours=1)
    world.publish(Postpone(customer_id="a", product="activity", until=at, occurred_at=at, source="test"))
    ticked(world)
    world.days(2)
    assert codes(world) == []
    redrive(world)
    ticked(world)
    assert world.anonymized("crm") == {"a"}
    clean(world)


def test_key_and_value_that_disagree_hold_both_wherever_they_stand() -> None:
    other = next(each for each in "bcdefgh" if partition_of(each.encode(), 2) != partition_of(b"a", 2))
    world = proven_world("a", other)
    event = next(each for each in world.records("events") if each.key == b"a")
    world.broker.append(world.names.events, other.encode(), event.value)
    ticked(world)
    clean(world)
    assert audited(world)[:3] == (2, 0, 2)


def test_a_copy_for_another_group_and_a_command_under_another_key_say_nothing() -> None:
    world = proven_world("a")
    dead = block(Origin(world.names.events, 0, 7, 0, 1), "another", "undecodable")
    world.broker.append(world.names.events, b"a", b"garbage", copy_headers(dead, "another"))
    command = sent(world, "nobody", new_command())
    world.broker.delete_before(command.topic, command.partition, command.offset + 1)
    world.broker.append(command.topic, b"a", command.value)
    assert audited(world)[:3] == (1, 0, 0)


def test_a_record_that_names_nobody_keeps_everybody() -> None:
    world = proven_world("a")
    world.broker.append(world.names.events, None, b"garbage")
    ticked(world)
    clean(world)
    discarded(world)
    assert codes(world) == ["overdue"]


# ---- how far the topics reach ----------------------------------------------------------------------------------------


def test_facts_that_have_left_the_topic_are_not_guessed() -> None:
    world = proven_world("a", "b")
    ticked(world)
    world.days(1)
    for each in partitions(world, "events"):
        world.broker.delete_before(each.topic, each.partition, world.broker.log(each).end)
    world.publish(closed("a", 40, product="card/1"))
    world.days(0.1)
    assert codes(world) == []
    world.days(3)
    [found] = audited(world).differences
    assert (found.code, found.customer_id) == ("cannot_tell", None)
    ticked(world)
    [found] = audited(world).differences
    assert (found.code, found.customer_id, found.detail[:1]) == ("cannot_tell", None, "1")


def test_an_answer_to_a_command_that_has_just_left_its_topic_is_none_to_nothing() -> None:
    world = proven_world("a")
    ticked(world, "crm")
    last = world.item("a").of(PURPOSE).command
    assert last is not None
    for each in partitions(world, "commands"):
        world.broker.delete_before(each.topic, each.partition, world.broker.log(each).end)
    world.days(0.1)
    world.publish(closed("a", 40, product="card/1"))
    sent(world, "a", last.id)
    assert codes(world) == []
    answered(world, "a", new_command(), "loans", "SUPERSEDED", attempt=last.attempt)
    world.stores["loans"].anonymize(
        [Task(new_command(), "a", PURPOSE, partition_of(b"a", 2), 0, world.clock.now() + 29 * HOUR)]
    )
    assert codes(world) == []


class Growing(MemoryReader):
    """Every partition grows while one is read."""

    def read(self, topic: str, starts: Mapping[int, int] | None = None) -> Iterator[Record]:
        del starts
        return super().read(topic)


def test_partitions_that_grow_meanwhile_are_read_in_their_turn() -> None:
    customers = tuple("abcdef")
    world = proven_world(*customers)
    ticked(world)
    found = audit_history(history(world)._replace(reader=Growing(world.broker)))
    assert found == audited(world)
    assert (found.customers, found.commits, found.differences) == (6, 6, [])


def test_a_time_before_the_topics_begin_is_said() -> None:
    world = proven_world("a")
    ticked(world)
    world.days(1)
    for each in partitions(world, "results"):
        world.broker.delete_before(each.topic, each.partition, world.broker.log(each).end)
    assert codes(world) == []
    assert codes(world, since=world.clock.now() - 2 * DAY) == ["cannot_tell"]


def test_topics_of_unequal_partitions_are_refused() -> None:
    world = proven_world("a")
    world.broker._logs.pop(world.names.commands)
    world.broker.create(world.names.commands, 3)
    with pytest.raises(PermanentError, match="same number of partitions"):
        audited(world)
