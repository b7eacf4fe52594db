"""What an anonymizer may do with a command: commit point, replay, refusal. Rows of "who writes what".

Every result is written under the condition that the item is still as it was read; a lost race means: read again,
decide again. All times are microseconds since the epoch, UTC.
"""

from typing import Literal, NamedTuple

from consumers.domain.due import counted, is_due
from consumers.domain.item import Command, Item, PurposeState, as_command, outstanding, without
from consumers.domain.outcomes import completed
from consumers.domain.policy import Policy, Purpose
from consumers.domain.registers import spend
from consumers.domain.votes import agreed, refused


class Verdict(NamedTuple):
    """What an anonymizer may do with a command for one service.

    Where `item` is not the one judged it is written first. COMMIT, CONFIRM (of a replay) and GO_ON (somebody has
    committed already; publish the item): act. With all others nothing is touched. REPLAY: judge again behind another
    barrier. CALLED_OFF: a replay that was not confirmed. REFUSED: the guard objects before the commit, the command is
    withdrawn. REFUSED_LATE: it objects after the commit; an outcome. SUPERSEDED: an answer to one message, never an
    outcome of the command.
    """

    step: Literal["COMMIT", "REPLAY", "CONFIRM", "CALLED_OFF", "GO_ON", "REFUSED", "REFUSED_LATE", "SUPERSEDED"]
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
    attempt: int | None = None,
    objects: bool = False,
    waited: bool = False,
) -> Verdict:
    """Decide whether a service may carry out the command named in a message, by the item alone.

    `carried_out`: this service's ledger has the command. It stops a replay, but never skips the commit point.
    `attempt` is the message's; `objects`: this service's guard lists the customer. `waited`: the barrier was taken when
    the item was already as it is, so that a replay in it has met all that was acknowledged before it was written.
    """
    state = item.of(purpose.name)
    command = state.command if state.command and state.command.id == message else None
    if command and command.phase == "COMMITTED" and service in outstanding(command):
        if service not in command.reopened or carried_out:
            return Verdict("REFUSED_LATE" if objects else "GO_ON", item)
        stands = not objects and _may_replay(item, purpose, policy, halted=halted)
        return _replayed(item, purpose, command, service, now, stands=stands, waited=waited)
    if objects:
        withdrawn = refused(item, purpose, message, attempt, policy, now)
        return Verdict("SUPERSEDED", item) if withdrawn is None else Verdict("REFUSED", withdrawn)
    if command and not item.holds and not halted and _may_commit(item, purpose, command, service, policy, now):
        return Verdict("COMMIT", _committed(item, purpose, command, policy, now))
    reopened = _reopened(state, message, service, now + policy.lease)
    if reopened and not carried_out and _may_replay(item, purpose, policy, halted=halted):
        return Verdict("REPLAY", item.having(purpose.name, state._replace(command=reopened)))
    return Verdict("SUPERSEDED", item)


def _may_commit(item: Item, purpose: Purpose, command: Command, service: str, policy: Policy, now: int) -> bool:
    return (
        command.phase == "ISSUED"
        and service in command.services
        and agreed(command, now - policy.lease)
        and is_due(item, purpose, policy, now)
    )


def _committed(item: Item, purpose: Purpose, command: Command, policy: Policy, now: int) -> Item:
    products = {
        name: spend(product, purpose.name) if policy.lists(purpose, name) else product
        for name, product in item.products.items()
    }
    committed = command._replace(phase="COMMITTED", committed_at=now)
    state = item.of(purpose.name)._replace(command=committed)
    return item._replace(products=products).having(purpose.name, state)


def _may_replay(item: Item, purpose: Purpose, policy: Policy, *, halted: bool) -> bool:
    return not item.holds and not halted and not counted(item, purpose, policy)


def _replayed(
    item: Item, purpose: Purpose, command: Command, service: str, now: int, *, stands: bool, waited: bool
) -> Verdict:
    if not stands:
        return Verdict("CALLED_OFF", _called_off(item, purpose, command, service, now))
    return Verdict("CONFIRM", _confirmed(item, purpose, command, service)) if waited else Verdict("REPLAY", item)


def _confirmed(item: Item, purpose: Purpose, command: Command, service: str) -> Item:
    """From here on the replay is carried out, whatever arrives, like any command this service owes."""
    command = command._replace(reopened=without(command.reopened, service))
    return item.having(purpose.name, item.of(purpose.name)._replace(command=command))


def _called_off(item: Item, purpose: Purpose, command: Command, service: str, now: int) -> Item:
    """The item as if the command had not been replayed for this service."""
    before = command.reopened[service]
    command = command._replace(
        services=command.services if before else tuple(each for each in command.services if each != service),
        outcomes={**command.outcomes, service: before} if before else command.outcomes,
        reopened=without(command.reopened, service),
    )
    return item.having(purpose.name, completed(item.of(purpose.name), command, now))


def _reopened(state: PurposeState, message: str, service: str, lease_until: int) -> Command | None:
    """The command of `message` with this service outstanding again, where it is committed or was the last one."""
    command, last = state.command, state.last
    if command is None and last is not None and last.id == message:
        command = as_command(state, last, lease_until)
    if command is None or command.id != message or command.phase != "COMMITTED":
        return None
    services = command.services if service in command.services else (*command.services, service)
    return command._replace(
        services=services,
        outcomes=without(command.outcomes, service),
        lease_until=lease_until,
        reopened={**command.reopened, service: command.outcomes.get(service, "")},
    )
