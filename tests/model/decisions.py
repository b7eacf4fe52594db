"""Decisions about an item: claim, lease, vote, commit point, replay, outcome. Pure, as in the product.

Mirrors `consumers/domain/`: `commands`, `votes`, `outcomes`.
"""

from collections.abc import Collection
from typing import Literal, NamedTuple

from tests.model.customer import (
    FINISHED,
    SERVICES,
    Command,
    CommandId,
    Item,
    Outcome,
    Vote,
    counts,
    facts,
    is_due,
    outstanding,
    owing,
    unanswered,
)
from tests.model.rules import Rules

Step = Literal["COMMIT", "REPLAY", "CALLED_OFF", "GO_ON", "REFUSED", "REFUSED_LATE", "SUPERSEDED"]


class Verdict(NamedTuple):
    """What a service may do about a command, and the item to be written first."""

    step: Step
    item: Item


def ticked(item: Item, guards: Collection[int], attempt: int, behind: Collection[int], today: int, r: Rules) -> Item:
    """What a tick makes of an item: its lease looked after, or a claim.

    `attempt`: the number a new one gets. `behind`: services with something unread.
    """
    command = item.command
    if command is None:
        due = is_due(item, today) and item.retry_at <= today
        return claimed(item, guards, attempt, r) if due else item
    if command.leased or not unanswered(command):
        return item
    again = item._replace(command=command._replace(leased=True))
    if command.phase == "COMMITTED" or not r.expired_is_judged_again or set(owing(command)).intersection(behind):
        return again
    return claimed(item, guards, attempt, r) if is_due(item, today) else item._replace(command=None)


def claimed(item: Item, guards: Collection[int], attempt: int, r: Rules) -> Item:
    """The item with a new attempt at what its facts ask for; services with a guard are asked first."""
    votes: tuple[Vote, ...] = tuple("awaited" if service in guards else "not asked" for service in range(SERVICES))
    if item.command and not r.new_attempt_clears_votes:
        votes = item.command.votes
    phase: Literal["ASKED", "ISSUED"] = "ASKED" if "awaited" in votes else "ISSUED"
    command = Command(facts(item), phase, votes, ("",) * SERVICES)
    return item._replace(attempt=attempt, command=command)


def agreed(item: Item, named: CommandId, attempt: int, service: int, vote: Vote, r: Rules) -> Item | None:
    """The item with AGREED written, issued if it was the last one; the same one if it is issued; None: not asked."""
    command = item.command
    if command is None or command.id != named or (attempt != item.attempt and r.vote_names_attempt):
        return None
    if command.phase == "ISSUED":
        return item
    if command.phase != "ASKED" or command.votes[service] != "awaited":
        return None
    votes = (*command.votes[:service], vote, *command.votes[service + 1 :])
    phase: Literal["ASKED", "ISSUED"] = "ASKED" if "awaited" in votes else "ISSUED"
    return item._replace(command=command._replace(votes=votes, phase=phase))


def refused(item: Item, named: CommandId, attempt: int, today: int) -> Item | None:
    """The item without the command a guard objects to, to be claimed again tomorrow; None where it is another one."""
    command = item.command
    if command is None or (command.id, item.attempt) != (named, attempt) or command.phase == "COMMITTED":
        return None
    return item._replace(command=None, retry_at=today + 1)


def judge(
    item: Item, named: CommandId, attempt: int, service: int, today: int, r: Rules, *, carried: bool, objects: bool
) -> Verdict:
    """What a service may do about a command named in a message, by the item alone."""
    command = item.command if item.command and item.command.id == named else None
    if command and command.phase == "COMMITTED" and outstanding(command, service):
        if service not in command.reopened or carried:
            return Verdict("REFUSED_LATE" if objects else "GO_ON", item)
        stands = _may_replay(item, r) and not objects
        called_off = Verdict("CALLED_OFF", _answered(item, command, service, "DONE", r))
        return Verdict("REPLAY", item) if stands else called_off
    if objects:
        withdrawn = refused(item, named, attempt, today)
        return Verdict("SUPERSEDED", item) if withdrawn is None else Verdict("REFUSED", withdrawn)
    if command and _may_commit(item, command, today, r):
        return Verdict("COMMIT", _committed(item, command))
    reopened = _reopened(item, named, service, r)
    if reopened and not carried and _may_replay(item, r):
        return Verdict("REPLAY", item._replace(command=reopened) if r.replay_writes_commit else item)
    return Verdict("SUPERSEDED", item)


def _may_commit(item: Item, command: Command, today: int, r: Rules) -> bool:
    """A hold makes the due day *never*, so that one condition covers both."""
    agreed = {"not asked", "AGREED"} if r.votes_grow_old else {"not asked", "AGREED", "AGREED long ago"}
    due = is_due(item, today) or not r.commit_checks_due
    return command.phase == "ISSUED" and agreed.issuperset(command.votes) and due


def _may_replay(item: Item, r: Rules) -> bool:
    return not (counts(item) and r.replay_checks_facts) and not (item.holds and r.replay_checks_holds)


def confirmed(item: Item, service: int) -> Item:
    """The item with a replay confirmed: what was acknowledged before it was written is in there, and spoke for it."""
    assert item.command is not None, "a replay is of a command"
    return item._replace(command=item.command._replace(reopened=item.command.reopened - {service}))


def _committed(item: Item, command: Command) -> Item:
    """The commit point: COMMITTED, and both registers spent."""
    schedule = item.schedule and item.schedule._replace(spent=True)
    postpone = item.postpone and item.postpone._replace(spent=True)
    return item._replace(schedule=schedule, postpone=postpone, command=command._replace(phase="COMMITTED"))


def _reopened(item: Item, named: CommandId, service: int, r: Rules) -> Command | None:
    """The command with this service outstanding again, where it is committed or was the last one."""
    command = item.command
    if command is not None:
        if command.id != named or command.phase != "COMMITTED" or not r.replay_joins_committed:
            return None
    elif item.last == named:
        command = Command(named, "COMMITTED", ("not asked",) * SERVICES, ("DONE",) * SERVICES)
    else:
        return None
    again = with_outcome(command, service, "")._replace(leased=True)
    return again._replace(reopened=again.reopened | {service}) if r.replay_is_confirmed else again


def with_outcome(command: Command, service: int, outcome: Outcome) -> Command:
    """The command with the outcome of one service replaced."""
    outcomes = (*command.outcomes[:service], outcome, *command.outcomes[service + 1 :])
    return command._replace(outcomes=outcomes)


def recorded(item: Item, named: CommandId, service: int, outcome: Outcome, r: Rules) -> Item:
    """The item with an outcome, complete if it was the last one; as it was where none is owed."""
    command = item.command
    if command is None or command.id != named or command.phase != "COMMITTED" or not outstanding(command, service):
        return item
    return _answered(item, command, service, outcome, r)


def _answered(item: Item, command: Command, service: int, outcome: Outcome, r: Rules) -> Item:
    command = with_outcome(command, service, outcome)._replace(reopened=command.reopened - {service})
    finished = [each in FINISHED for each in command.outcomes]
    complete = all(finished) if r.all_services_complete else any(finished)
    return item._replace(command=None, retry_at=0, last=command.id) if complete else item._replace(command=command)
