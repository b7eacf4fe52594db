"""Outcomes: what a service has done for a committed command, and the end of the command with the last one."""

from consumers.domain.item import FINISHED, GIVEN_UP, Command, Item, Last, PurposeState, outstanding, without


def record_outcome(
    item: Item, purpose: str, message: str, service: str, outcome: str, now: int, deferred_until: int | None = None
) -> Item | None:
    """The item with a service's outcome, completed when it was the last one; None where none is owed.

    SUPERSEDED, LATE and the like answer one message; they are no outcome of a command. A DEFERRED service waits for
    its own date, `deferred_until`.
    """
    state = item.of(purpose)
    command = state.command
    if command is None or command.id != message or command.phase != "COMMITTED":
        return None
    if service not in outstanding(command) or outcome not in FINISHED | GIVEN_UP:
        return None
    command = command._replace(
        outcomes={**command.outcomes, service: outcome}, reopened=without(command.reopened, service)
    )
    if outcome == "DEFERRED" and deferred_until is not None:
        state = state._replace(deferred={**state.deferred, service: deferred_until})
    return item.having(purpose, completed(state, command, now))


def completed(state: PurposeState, command: Command, now: int) -> PurposeState:
    """The state with a committed command, which is the last one where no service is outstanding any more."""
    if outstanding(command):
        return state._replace(command=command)
    assert command.committed_at is not None, "a committed command has a time"
    last = Last(command.id, command.services, command.outcomes, command.committed_at, now)
    return state._replace(command=None, retry_at=None, last=last)


def abandon(item: Item, purpose: str, command_id: str, service: str, now: int) -> Item | None:
    """The item with a service released from a command by a person; None where it owes none.

    After the commit an outcome like any other. Before it the whole command is withdrawn: the next tick claims anew.
    """
    state = item.of(purpose)
    command = state.command
    if command is None or command.id != command_id or service not in outstanding(command):
        return None
    if command.phase == "COMMITTED":
        return record_outcome(item, purpose, command_id, service, "ABANDONED", now)
    return item.having(purpose, state._replace(command=None))
