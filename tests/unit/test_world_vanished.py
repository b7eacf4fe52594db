"""A committed offset the log has lost: the role refuses to start, and the command it names repairs it."""

import pytest

from consumers.adapters.memory.offsets import MemoryGroups
from consumers.domain.errors import PermanentError
from tests.support.rebuilding import rebuild
from tests.support.world import PARTITIONS, World, closed, due_world


def lose(world: World, topic: str) -> None:
    """Append one record more, unread, and let retention delete all there is."""
    for number in range(PARTITIONS):
        log = world.offsets.end(topic)[number]
        world.broker.append(topic, None, b"lost", partition=number)
        world.broker.delete_before(topic, number, log + 1)


def test_state_consumer_whose_events_are_lost_starts_after_a_rebuild() -> None:
    world = due_world("early")
    lose(world, world.names.events)
    with pytest.raises(
        PermanentError, match=r"lapse\.state: lapse\.events-\d offset \d.*lapse state rebuild --execute"
    ):
        world.run("state")
    rebuild(world).run(execute=True)
    world.publish(closed("late"))
    world.run("state")
    assert world.item("early").products
    assert world.item("late").products


def test_anonymizer_whose_commands_are_lost_starts_after_a_reset_to_the_earliest() -> None:
    world = due_world("early")
    world.request_tick()
    world.run()
    lose(world, world.names.commands)
    with pytest.raises(
        PermanentError, match=r"lapse offsets reset --group lapse\.anonymizer\.crm .*--to-earliest --execute"
    ):
        world.run("crm")
    beginning = world.offsets.beginning(world.names.commands)
    MemoryGroups(world.broker).reset(world.names.anonymizer_group("crm"), world.names.commands, beginning)
    world.run("crm")
