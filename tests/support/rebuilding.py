"""A rebuild of a world's table, as `lapse state rebuild` makes it."""

from consumers.adapters.memory.offsets import MemoryGroups
from consumers.adapters.memory.reader import MemoryReader
from consumers.operations.rebuilding import Rebuild
from tests.support.world import World


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
