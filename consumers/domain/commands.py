"""The life of a command: claim, lease, commit point, replay, outcome. Each function is one row of "who writes what".

Every result is written under the condition that the item is still as it was read; a lost race means: read again,
decide again. All times are microseconds since the epoch, UTC.
"""

from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple

from consumers.domain.due import command_id, counted, is_due
from consumers.domain.item import FINISHED, GIVEN_UP, Command, Item, Last, PurposeState, outstanding, unanswered
from consumers.domain.policy import Mode, Policy, Purpose, armed, live
from consumers.domain.registers import spend


class Sent(NamedTuple):
    """A command to be sent, to all its services or (a copy) to those that owe an answer."""

    purpose: str
    command: Command


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


def claim(item: Item, policy: Policy, modes: Mapping[str, Mode], as_of: int, now: int) -> Decided:
    """Claim a customer for all purposes that are due for `as_of` and now."""
    sent = []
    for purpose in claimable(item, policy, modes, min(as_of, now)):
        command = _attempt(item, purpose, policy, modes, now)
        item = item.having(purpose.name, _carrying(item, purpose.name, command))
        sent.append(Sent(purpose.name, command))
    return Decided(item, tuple(sent))


def serve_leases(
    item: Item, policy: Policy, modes: Mapping[str, Mode], past_the_copy: Collection[str], now: int
) -> Decided:
    """Judge every command whose lease is over.

    `past_the_copy` are the services whose groups have read beyond the copy sent to them; while one that owes an
    answer has not, the lease is only extended.
    """
    decided = Decided(item)
    for name, state in item.purposes.items():
        command = state.command
        if command and command.lease_until <= now and unanswered(command):
            served = _serve(decided.item, name, command, policy, modes, set(past_the_copy), now)
            decided = Decided(served.item, decided.sent + served.sent)
    return decided


def _serve(
    item: Item, name: str, command: Command, policy: Policy, modes: Mapping[str, Mode], past: set[str], now: int
) -> Decided:
    state = item.of(name)
    extended = command._replace(lease_until=now + policy.lease)
    if not past.issuperset(unanswered(command)):
        return Decided(item.having(name, state._replace(command=extended)))
    if command.phase == "COMMITTED":
        again = extended._replace(sent_at=now)
        return Decided(item.having(name, state._replace(command=again)), (Sent(name, again),))
    purpose = policy.purposes.get(name)
    if purpose is None or not live(purpose, modes) or not is_due(item, purpose, policy, now):
        return Decided(item.having(name, state._replace(command=None)))
    anew = _attempt(item, purpose, policy, modes, now)
    return Decided(item.having(name, _carrying(item, name, anew)), (Sent(name, anew),))


def _attempt(item: Item, purpose: Purpose, policy: Policy, modes: Mapping[str, Mode], now: int) -> Command:
    """A command as claimed now. Attempts carry the time, so that one from before a rebuild is never met again."""
    return Command(
        id=command_id(item, purpose, policy),
        attempt=max(item.of(purpose.name).attempt + 1, now // 1_000_000),
        phase="ISSUED",
        services=live(purpose, modes),
        sent_at=now,
        lease_until=now + policy.lease,
    )


def _carrying(item: Item, purpose: str, command: Command) -> PurposeState:
    return item.of(purpose)._replace(command=command, attempt=command.attempt)


class Verdict(NamedTuple):
    """What an anonymizer may do with a command for one service.

    COMMIT and REPLAY: write `item` first, then act. GO_ON: somebody committed already; publish the item, then act.
    SUPERSEDED: nothing is touched; an answer to one message, never an outcome of the command.
    """

    step: Literal["COMMIT", "REPLAY", "GO_ON", "SUPERSEDED"]
    item: Item


def judge(
    item: Item,
    purpose: Purpose,
    service: str,
    message: str,
    policy: Policy,
    now: int,
    *,
    carried_out: bool,
    halted: bool,
) -> Verdict:
    """Decide whether a service may carry out the command named in a message, by the item alone.

    `carried_out`: this service's ledger has the command. It stops a replay, but never skips the commit point.
    """
    state = item.of(purpose.name)
    command = state.command if state.command and state.command.id == message else None
    if command and command.phase == "COMMITTED" and service in outstanding(command):
        return Verdict("GO_ON", item)
    if item.holds or halted:
        return Verdict("SUPERSEDED", item)
    if command and command.phase == "ISSUED" and service in command.services and is_due(item, purpose, policy, now):
        return Verdict("COMMIT", _committed(item, purpose, command, policy, now))
    reopened = _reopened(state, message, service, now + policy.lease)
    if reopened and not carried_out and not counted(item, purpose, policy):
        return Verdict("REPLAY", item.having(purpose.name, state._replace(command=reopened)))
    return Verdict("SUPERSEDED", item)


def _committed(item: Item, purpose: Purpose, command: Command, policy: Policy, now: int) -> Item:
    products = {
        name: spend(product, purpose.name) if policy.lists(purpose, name) else product
        for name, product in item.products.items()
    }
    committed = command._replace(phase="COMMITTED", committed_at=now)
    state = item.of(purpose.name)._replace(command=committed)
    return item._replace(products=products).having(purpose.name, state)


def _reopened(state: PurposeState, message: str, service: str, lease_until: int) -> Command | None:
    """The command of `message` with this service outstanding again, where it is committed or was the last one."""
    command, last = state.command, state.last
    if command is None and last is not None and last.id == message:
        command = Command(
            id=last.id,
            attempt=state.attempt,
            phase="COMMITTED",
            services=last.services,
            sent_at=last.committed_at,
            lease_until=lease_until,
            outcomes=last.outcomes,
            committed_at=last.committed_at,
        )
    if command is None or command.id != message or command.phase != "COMMITTED":
        return None
    services = command.services if service in command.services else (*command.services, service)
    outcomes = {name: outcome for name, outcome in command.outcomes.items() if name != service}
    return command._replace(services=services, outcomes=outcomes, lease_until=lease_until)


def record_outcome(item: Item, purpose: str, message: str, service: str, outcome: str, now: int) -> Item | None:
    """The item with a service's outcome, completed when it was the last one; None where none is owed.

    SUPERSEDED, LATE and the like answer one message; they are no outcome of a command.
    """
    state = item.of(purpose)
    command = state.command
    if command is None or command.id != message or command.phase != "COMMITTED":
        return None
    if service not in outstanding(command) or outcome not in FINISHED | GIVEN_UP:
        return None
    command = command._replace(outcomes={**command.outcomes, service: outcome})
    if outstanding(command):
        return item.having(purpose, state._replace(command=command))
    assert command.committed_at is not None, "a committed command has a time"
    last = Last(command.id, command.services, command.outcomes, command.committed_at, now)
    return item.having(purpose, state._replace(command=None, retry_at=None, last=last))
