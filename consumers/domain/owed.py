"""What each service owes to the commands in flight."""

from collections.abc import Iterable
from typing import NamedTuple

from consumers.domain.item import Command, Item, owing


class Owed(NamedTuple):
    """What one service owes, in commands. Times in microseconds.

    `votes` and `outcomes` are answers not given yet, `since` when the oldest of them was asked for; `committed` are
    those of the outcomes that can no longer be withdrawn. `failed` and `refused_late` were given up and wait for a
    person. `deferred` commands come up again by themselves, the first at `deferred_until`.
    """

    votes: int = 0
    outcomes: int = 0
    committed: int = 0
    since: int | None = None
    failed: int = 0
    refused_late: int = 0
    deferred: int = 0
    deferred_until: int | None = None


def owed(items: Iterable[Item]) -> dict[str, Owed]:
    """What these customers wait for, by service."""
    found: dict[str, Owed] = {}
    for item in items:
        for state in item.purposes.values():
            if state.command:
                _add_command(found, state.command)
            for service, until in state.deferred.items():
                before = found.get(service, Owed())
                first = min(until, before.deferred_until or until)
                found[service] = before._replace(deferred=before.deferred + 1, deferred_until=first)
    return found


def _add_command(found: dict[str, Owed], command: Command) -> None:
    asked, committed = command.phase == "ASKED", command.phase == "COMMITTED"
    for service in owing(command):
        before = found.get(service, Owed())
        found[service] = before._replace(
            votes=before.votes + asked,
            outcomes=before.outcomes + (not asked),
            committed=before.committed + committed,
            since=min(command.sent_at, before.since or command.sent_at),
        )
    for service, outcome in command.outcomes.items():
        before = found.get(service, Owed())
        if outcome == "FAILED":
            found[service] = before._replace(failed=before.failed + 1)
        if outcome == "REFUSED_LATE":
            found[service] = before._replace(refused_late=before.refused_late + 1)
