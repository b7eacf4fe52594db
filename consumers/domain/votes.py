"""Votes: a service with a guard is asked before anybody commits, and its objection wins until somebody has.

A vote belongs to one attempt; a new attempt has none. All times are microseconds since the epoch, UTC.
"""

from typing import Literal

from consumers.domain.item import Command, Item, Vote
from consumers.domain.policy import Policy, Purpose
from consumers.domain.retention import up_to_day


def agreed(command: Command, after: int) -> bool:
    """Whether every service that is asked has agreed by a query younger than `after`."""
    return all(vote.vote == "AGREED" and vote.at > after for vote in command.votes.values())


def vote(
    item: Item, purpose: str, command_id: str, attempt: int, service: str, asked_at: int, now: int
) -> tuple[Literal["RECORDED", "STANDS"], Item] | None:
    """The item with a service's AGREED, ISSUED when it was the last one; None where none is awaited.

    `asked_at` is when the query behind the vote ran. STANDS: this very attempt is issued already, so a copy of the
    command may be sent again: whoever wrote the last vote may have died before it could.
    """
    state = item.of(purpose)
    command = state.command
    if command is None or (command.id, command.attempt) != (command_id, attempt) or service not in command.votes:
        return None
    if command.phase == "ISSUED":
        return "STANDS", item
    if command.phase != "ASKED" or command.votes[service].vote != "UNKNOWN":
        return None
    command = command._replace(votes={**command.votes, service: Vote("AGREED", asked_at)})
    if agreed(command, 0):
        command = command._replace(phase="ISSUED", sent_at=now)
    return "RECORDED", item.having(purpose, state._replace(command=command))


def refused(
    item: Item, purpose: Purpose, command_id: str, attempt: int | None, policy: Policy, now: int
) -> Item | None:
    """The item without the command a guard objects to, to be claimed again later; None where it is another one.

    From the commit on a command is carried out: an objection comes too late to withdraw it.
    """
    state = item.of(purpose.name)
    command = state.command
    if command is None or (command.id, command.attempt) != (command_id, attempt) or command.phase == "COMMITTED":
        return None
    return item.having(purpose.name, state._replace(command=None, retry_at=retry_at(purpose, policy, now)))


def retry_at(purpose: Purpose, policy: Policy, now: int) -> int:
    """When a refused customer is claimed again: after the policy's delay, else at the next local midnight."""
    return up_to_day(purpose.retention, now + 1) if policy.retry is None else now + policy.retry
