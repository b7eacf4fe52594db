"""The sparse index `due`: who needs attention, and when. Every write of an item recomputes both keys."""

import zlib
from collections.abc import Iterator
from typing import Literal, NamedTuple

from consumers.domain.due import NEVER, counted, due_date
from consumers.domain.item import Command, Item, outstanding, unanswered
from consumers.domain.policy import Policy

SHARDS = 32
Prefix = Literal["lease", "partial", "held", "due", "forget"]
FAR = 1 << 62
"""A time nobody waits for: whoever has an entry at all."""
FORGET_MARGIN = 30 * 24 * 3600 * 1_000_000


class IndexKeys(NamedTuple):
    """Index partition, such as `due#7`, and when to act: microseconds since the epoch."""

    due_shard: str
    next_action_at: int


def shard(prefix: Prefix, number: int) -> str:
    """The name of one index partition."""
    return f"{prefix}#{number}"


def shard_number(customer_id: str) -> int:
    """The shard of a customer: crc32 of the id, mod 32."""
    return zlib.crc32(customer_id.encode()) % SHARDS


def index_keys(item: Item, policy: Policy) -> IndexKeys | None:
    """Where the item stands in the index, None where nothing will ever be due. First match wins."""
    found = _entry(item, policy)
    return found and IndexKeys(shard(found[0], shard_number(item.customer_id)), found[1])


def _entry(item: Item, policy: Policy) -> tuple[Prefix, int] | None:
    commands = [state.command for state in item.purposes.values() if state.command]
    waiting = list(_dates(item, policy))
    leases = [command.lease_until for command in commands if unanswered(command)]
    if leases:
        return "lease", min(leases + waiting)
    stuck = [command.committed_at or command.sent_at for command in commands if _partial(command)]
    if stuck:
        return "partial", min(stuck + waiting)
    if item.holds:
        return "held", min(hold.since for hold in item.holds.values())
    if waiting:
        return "due", min(waiting)
    return _forgotten(item, policy)


def _partial(command: Command) -> bool:
    return command.phase == "COMMITTED" and bool(outstanding(command))


def _dates(item: Item, policy: Policy) -> Iterator[int]:
    """Due dates of the purposes without a command, not before their retry; dates of deferred services."""
    for purpose in policy.purposes.values():
        state = item.purposes.get(purpose.name)
        if state is not None:
            if state.command:
                continue
            if not item.holds:
                yield from state.deferred.values()
        date = due_date(item, purpose, policy)
        if date is not None and date != NEVER:
            yield max(date, (state and state.retry_at) or 0)


def _forgotten(item: Item, policy: Policy) -> tuple[Prefix, int] | None:
    completed = [state.last.completed_at for state in item.purposes.values() if state.last]
    if not completed or any(counted(item, purpose, policy) for purpose in policy.purposes.values()):
        return None
    # a discarded record must stay so for as long as a replay can bring it
    discarded = [record.at for record in item.discarded.values()]
    return "forget", max(completed + discarded) + policy.log_retention + FORGET_MARGIN
