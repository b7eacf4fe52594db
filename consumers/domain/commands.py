"""The life of a command up to its commit point: claim, lease, deferral. Each function is one row of "who writes what".

Every result is written under the condition that the item is still as it was read; a lost race means: read again,
decide again. All times are microseconds since the epoch, UTC.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from consumers.domain.due import command_id, is_due
from consumers.domain.item import (
    AWAITED,
    Command,
    Item,
    PurposeState,
    as_command,
    owing,
    unanswered,
)
from consumers.domain.policy import Mode, Policy, Purpose, armed, live
from consumers.domain.votes import retry_at


class Sent(NamedTuple):
    """A command to be sent, to all its services or (a copy) to those that owe an answer. ASKED: as a question."""

    purpose: str
    command: Command
    only_service: str | None = None


class Decided(NamedTuple):
    """The item to write and the commands to send once it is written."""

    item: Item
    sent: tuple[Sent, ...] = ()


def claimable(item: Item, policy: Policy, modes: Mapping[str, Mode], at: int) -> list[Purpose]:
    """The purposes for which the customer may be claimed at `at`."""
    return [purpose for purpose in ripe(item, policy, at) if armed(purpose, modes)]


def ripe(item: Item, policy: Policy, at: int) -> list[Purpose]:
    """The purposes that are due at `at`, past their retry and without a command; armed or not."""
    return [
        purpose
        for purpose in policy.purposes.values()
        if not (state := item.of(purpose.name)).command
        and (state.retry_at or 0) <= at
        and is_due(item, purpose, policy, at)
    ]


def claim(
    item: Item, policy: Policy, modes: Mapping[str, Mode], as_of: int, now: int, *, voters: Collection[str] = ()
) -> Decided:
    """Claim a customer for all purposes that are due for `as_of` and now. `voters` are asked before anybody commits."""
    sent = []
    for purpose in claimable(item, policy, modes, min(as_of, now)):
        command = _attempt(item, purpose, policy, modes, voters, now)
        item = item.having(purpose.name, _carrying(item, purpose.name, command))
        sent.append(Sent(purpose.name, command))
    return Decided(item, tuple(sent))


def put_off(item: Item, policy: Policy, modes: Mapping[str, Mode], at: int, now: int) -> Item:
    """The item not to be claimed before its next retry: the central check found it active, or could not tell."""
    for purpose in claimable(item, policy, modes, at):
        state = item.of(purpose.name)._replace(retry_at=retry_at(purpose, policy, now))
        item = item.having(purpose.name, state)
    return item


def resume_deferred(item: Item, policy: Policy, now: int) -> Decided:
    """Take the last command up again for the services whose own date has come; whatever was postponed meanwhile.

    A date that no service of the last command waits for is dropped.
    """
    decided = Decided(item)
    for name, state in item.purposes.items():
        ripe_now = [service for service, at in state.deferred.items() if at <= now]
        if state.command or not ripe_now:
            continue
        waiting = [each for each in ripe_now if state.last and state.last.outcomes.get(each) == "DEFERRED"]
        left = {service: at for service, at in state.deferred.items() if service not in ripe_now}
        again = state._replace(deferred=left, command=_taken_up(state, waiting, policy, now))
        sent = (Sent(name, again.command),) if again.command else ()
        decided = Decided(decided.item.having(name, again), decided.sent + sent)
    return decided


def _taken_up(state: PurposeState, services: Collection[str], policy: Policy, now: int) -> Command | None:
    if not services or state.last is None:
        return None
    command = as_command(state, state.last, now + policy.lease)
    outcomes = {service: outcome for service, outcome in command.outcomes.items() if service not in services}
    return command._replace(outcomes=outcomes, sent_at=now)


def serve_leases(
    item: Item,
    policy: Policy,
    modes: Mapping[str, Mode],
    past_the_copy: Collection[str],
    now: int,
    *,
    voters: Collection[str] = (),
) -> Decided:
    """Judge every command whose lease is over.

    `past_the_copy` are the services whose groups have read beyond the copy sent to them; while one that owes an
    answer has not, the lease is only extended.
    """
    decided = Decided(item)
    for name, state in item.purposes.items():
        command = state.command
        if command and command.lease_until <= now and unanswered(command):
            served = _serve(decided.item, name, command, policy, modes, voters, set(past_the_copy), now)
            decided = Decided(served.item, decided.sent + served.sent)
    return decided


def _serve(
    item: Item,
    name: str,
    command: Command,
    policy: Policy,
    modes: Mapping[str, Mode],
    voters: Collection[str],
    past: set[str],
    now: int,
) -> Decided:
    state = item.of(name)
    extended = command._replace(lease_until=now + policy.lease)
    if not past.issuperset(owing(command)):
        return Decided(item.having(name, state._replace(command=extended)))
    if command.phase == "COMMITTED":
        again = extended._replace(sent_at=now)
        return Decided(item.having(name, state._replace(command=again)), (Sent(name, again),))
    purpose = policy.purposes.get(name)
    if purpose is None or not live(purpose, modes) or not is_due(item, purpose, policy, now):
        return Decided(item.having(name, state._replace(command=None)))
    anew = _attempt(item, purpose, policy, modes, voters, now)
    return Decided(item.having(name, _carrying(item, name, anew)), (Sent(name, anew),))


def _attempt(
    item: Item, purpose: Purpose, policy: Policy, modes: Mapping[str, Mode], voters: Collection[str], now: int
) -> Command:
    """A command as claimed now. Attempts carry the time, so that one from before a rebuild is never met again."""
    services = live(purpose, modes)
    votes = {service: AWAITED for service in services if service in voters}
    return Command(
        id=command_id(item, purpose, policy),
        attempt=max(item.of(purpose.name).attempt + 1, now // 1_000_000),
        phase="ASKED" if votes else "ISSUED",
        services=services,
        sent_at=now,
        lease_until=now + policy.lease,
        votes=votes,
    )


def _carrying(item: Item, purpose: str, command: Command) -> PurposeState:
    return item.of(purpose)._replace(command=command, attempt=command.attempt)
