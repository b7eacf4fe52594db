"""The ticker: barrier, then one decision about the item, then what it has to send. Mirrors `consumers/ticker/sweep`.

The index is eventually consistent: a ticker may come late, or for a customer who is not due any more. Both are here:
it may pause anywhere, and once behind the barrier it decides by the item as it then stands.
"""

from collections.abc import Iterator
from itertools import count
from typing import Final

from tests.model.checker import Move
from tests.model.customer import Item, owing, swept
from tests.model.decisions import ticked
from tests.model.world import (
    LIVE,
    SLOTS,
    ZOMBIE,
    Message,
    Scenario,
    Slot,
    Sweep,
    Sweeps,
    World,
    WorldMove,
    published,
    who,
)

NAME: Final = "ticker"


def steps(world: World, scenario: Scenario) -> Iterator[WorldMove]:
    """Whatever a ticker may do next."""
    yield from take_barrier(world, scenario)
    for slot in SLOTS:
        sweep = world.sweeps[slot]
        if sweep is not None:
            yield from decide(world, scenario, slot) if not sweep.decided else send(world, scenario, slot, sweep)


def take_barrier(world: World, scenario: Scenario) -> Iterator[WorldMove]:
    """*Ticker: shard by shard: barrier, page*; begun only for a customer the index shows."""
    contained = world.row.offset >= len(world.log) or not scenario.rules.barrier
    if world.sweeps[LIVE] is None and swept(world.item, world.today) and contained:
        yield Move("ticker: finds the customer behind the barrier", _with(world, LIVE, Sweep()))


def decide(world: World, scenario: Scenario, slot: Slot) -> Iterator[WorldMove]:
    """Rows *ticker, due* and *lease over*, before and after commit: one conditional write."""
    behind = {message.service for message in world.messages}
    item = ticked(world.item, scenario.guards, unused_attempt(world), behind, world.today, scenario.rules)
    if item == world.item:
        yield Move(f"{who(NAME, slot)}: nothing to do", _with(world, slot, None))
        return
    sent = frozenset() if behind.intersection(_owed(world.item)) else to_send(item)
    label = f"{who(NAME, slot)}: " + _what(world.item, item)
    yield Move(label, _with(world._replace(item=item), slot, Sweep(decided=True, written=item, sent=sent)))


def send(world: World, scenario: Scenario, slot: Slot, sweep: Sweep) -> Iterator[WorldMove]:
    """*Claim, publish, produce, flush*; a crash before it is healed by the lease."""
    after = published(world, sweep.written, scenario)
    yield Move(
        f"{who(NAME, slot)}: publishes, sends", _with(after._replace(messages=world.messages | sweep.sent), slot, None)
    )


def unused_attempt(world: World) -> int:
    """An attempt nothing refers to. Real ones only grow; but all that is ever asked is whether two are the same."""
    jobs = [job.message for pair in world.jobs for job in pair if job]
    sent = [message for sweep in world.sweeps if sweep for message in sweep.sent]
    used = {message.attempt for message in (*world.messages, *world.handled, *world.parked, *jobs, *sent)}
    used |= {world.item.attempt, world.published.attempt}
    return next(attempt for attempt in count(1) if attempt not in used)


def to_send(item: Item) -> frozenset[Message]:
    """The messages of a command: questions while it is ASKED, orders from then on, to those that owe an answer."""
    if item.command is None:
        return frozenset()
    kind: Final = "CHECK" if item.command.phase == "ASKED" else "ANONYMIZE"
    return frozenset(Message(service, kind, item.command.id, item.attempt) for service in owing(item.command))


def _owed(item: Item) -> list[int]:
    return owing(item.command) if item.command else []


def _what(before: Item, after: Item) -> str:
    if after.command is None:
        return "removes the command"
    if after.attempt != before.attempt:
        return f"claims, attempt {after.attempt}"
    return "extends the lease"


def _with(world: World, slot: Slot, sweep: Sweep | None) -> World:
    sweeps: Sweeps = (sweep, world.sweeps[ZOMBIE]) if slot == LIVE else (world.sweeps[LIVE], sweep)
    return world._replace(sweeps=sweeps)
