"""What comes back in a history: tables, databases, dead letters, groups."""

from collections.abc import Callable, Iterator

from consumers.adapters.memory.offsets import MemoryGroups
from consumers.adapters.memory.reader import MemoryReader
from consumers.adapters.memory.store import MemoryRow
from consumers.operations import offsets
from consumers.operations.discarding import discard_held
from consumers.operations.policies import apply_policy
from consumers.operations.results import result_of
from consumers.ports import Partition
from consumers.runtime.murmur2 import partition_of
from tests.support.rebuilding import rebuild
from tests.support.world import PARTITIONS, World, partitions

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
