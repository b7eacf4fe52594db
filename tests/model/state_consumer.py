"""The state consumer: folds an event, publishes, writes the POSITION row, commits its offset; one step each.

Mirrors `consumers/state/` and the loop that drives it.
"""

from collections.abc import Callable, Iterator
from typing import Final

from tests.model.checker import Move
from tests.model.customer import folded, held
from tests.model.rules import Writing
from tests.model.world import (
    LIVE,
    SLOTS,
    ZOMBIE,
    Entry,
    Reader,
    Readers,
    Row,
    Scenario,
    Slot,
    World,
    WorldMove,
    published,
    who,
)

NAME: Final = "state consumer"


def steps(world: World, scenario: Scenario) -> Iterator[WorldMove]:
    """Whatever a state consumer may do next: take over, or the next of its writes for the event at hand."""
    yield from take_over(world, scenario)
    for slot in SLOTS:
        reader = world.readers[slot]
        if reader and reader.at < len(world.log):
            yield write(world, scenario, slot, reader)


def take_over(world: World, scenario: Scenario) -> Iterator[WorldMove]:
    """Section 5, *State consumer*: on assignment the row is taken over, back at the lower of row and offset."""
    if world.readers[LIVE] is None:
        at = world.offset if scenario.rules.starts_at == "offset" else min(world.row.offset, world.offset)
        after = _with(world._replace(row=Row(at, LIVE)), LIVE, Reader(at))
        yield Move(f"{NAME}: takes over at {at}", after)


def write(world: World, scenario: Scenario, slot: Slot, reader: Reader) -> WorldMove:
    """The next of its writes for the event at hand; all that are left where nobody acts in between."""
    writing = scenario.rules.writing[reader.done :]
    event = world.log[reader.at].event
    if scenario.interleaved:
        return Move(
            f"{who(NAME, slot)}: {writing[0]} of event {event}", WRITES[writing[0]](world, scenario, slot, reader)
        )
    for each in writing:
        standing = world.readers[slot]
        world = WRITES[each](world, scenario, slot, standing) if standing else world
    return Move(f"{who(NAME, slot)}: handles event {event}", world)


def fold_item(world: World, scenario: Scenario, slot: Slot, reader: Reader) -> World:
    """Rows *state consumer, event* and *event that cannot be handled*: one conditional write of the item."""
    entry = world.log[reader.at]
    event = scenario.events[entry.event]
    item = held(world.item, entry.name) if _bad(reader, entry, scenario) else folded(world.item, event, entry.name)
    return _with(world._replace(item=item), slot, _next(reader, scenario)._replace(written=item))


def publish(world: World, scenario: Scenario, slot: Slot, reader: Reader) -> World:
    """*Published to lapse.state ... as written*; the dead letter of a bad record goes out here, after the hold."""
    entry = world.log[reader.at]
    bad = _bad(reader, entry, scenario) and entry.name not in world.item.discarded
    after = world._replace(dead=world.dead | {entry.name}) if bad else world
    return _with(published(after, reader.written, scenario), slot, _next(reader, scenario)._replace(written=None))


def write_row(world: World, scenario: Scenario, slot: Slot, reader: Reader) -> World:
    """*Row writes are conditional on the owner's token*: who finds another's takes over again."""
    if world.row.owner != slot:
        return _with(world, slot, None)
    return _with(world._replace(row=Row(reader.at + 1, slot)), slot, _next(reader, scenario))


def commit_offset(world: World, scenario: Scenario, slot: Slot, reader: Reader) -> World:
    """*Then commits the offset to Kafka*, which refuses a zombie: it is no member of its group any more."""
    if slot == ZOMBIE:
        return _with(world, slot, None)
    return _with(world._replace(offset=reader.at + 1), slot, _next(reader, scenario))


WRITES: Final[dict[Writing, Callable[[World, Scenario, Slot, Reader], World]]] = {
    "item": fold_item,
    "publish": publish,
    "row": write_row,
    "offset": commit_offset,
}


def _bad(reader: Reader, entry: Entry, scenario: Scenario) -> bool:
    """Whether the record cannot be read. Its redriven copy can: somebody has repaired the reader meanwhile."""
    return entry.name == reader.at and not scenario.events[entry.event].readable


def _next(reader: Reader, scenario: Scenario) -> Reader:
    done = reader.done + 1
    return Reader(reader.at + 1) if done == len(scenario.rules.writing) else reader._replace(done=done)


def _with(world: World, slot: Slot, reader: Reader | None) -> World:
    readers: Readers = (reader, world.readers[ZOMBIE]) if slot == LIVE else (world.readers[LIVE], reader)
    return world._replace(readers=readers)
