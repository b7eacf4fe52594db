"""A table laid under what was published of it: nothing said, spent or committed since is lost.

Registers and their spent marks unite, as any two copies of them do. The rest comes from the higher version.
"""

from consumers.domain.commands import Sent
from consumers.domain.due import command_id, counted
from consumers.domain.item import Item, as_command
from consumers.domain.policy import Policy, Purpose
from consumers.domain.registers import merge_products

REBUILT = 1 << 32  # beyond any version an old writer may still hold
DAY = 24 * 3600 * 1_000_000


def lay_over(standing: Item, version: int, published: Item, published_version: int) -> Item:
    """The item of the table with what was published over it; equal versions: the table's."""
    newer = published if published_version > version else standing
    return newer._replace(products=merge_products(standing.products, published.products))


def claimed_lately(item: Item, now: int) -> bool:
    """Whether the customer was claimed within a rolling day: attempts carry the time in seconds."""
    return any(state.attempt * 1_000_000 > now - DAY for state in item.purposes.values())


def is_open(item: Item, purpose: Purpose, command: str, policy: Policy) -> bool:
    """Whether a command some service has carried out is one that has not been committed by this item."""
    state = item.of(purpose.name)
    if state.command and state.command.id == command:
        return state.command.phase != "COMMITTED"
    if state.last and state.last.id == command:
        return False
    return bool(counted(item, purpose, policy)) and command_id(item, purpose, policy) == command


def backfilled(item: Item, purpose: Purpose, service: str, policy: Policy, now: int) -> Sent | None:
    """The completed, or committed, command of a customer as sent to a service added later; None where none is owed."""
    state = item.of(purpose.name)
    command = state.command or (state.last and as_command(state, state.last, now + policy.lease))
    if command is None or command.phase != "COMMITTED" or command.outcomes.get(service):
        return None
    if (state.command and service in command.services) or item.holds or counted(item, purpose, policy):
        return None
    return Sent(purpose.name, command._replace(sent_at=now), service)
