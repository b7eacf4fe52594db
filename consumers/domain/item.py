"""The item: all that Lapse knows about one customer, written as one row under one condition."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from consumers.domain.registers import Product

Phase = Literal["ASKED", "ISSUED", "COMMITTED"]
FINISHED = frozenset({"DONE", "ALREADY_DONE", "NOTHING_FOUND", "DEFERRED", "ABANDONED"})
GIVEN_UP = frozenset({"FAILED", "REFUSED_LATE"})
MAX_PRODUCTS = 200
MAX_HOLDS = 100
OVERFLOW = "overflow"
PERSON = "person:"
_NONE: Mapping[str, str] = MappingProxyType({})


class Vote(NamedTuple):
    """What a service with a guard answered, and when its query ran; UNKNOWN until it has."""

    vote: Literal["UNKNOWN", "AGREED", "REFUSED"]
    at: int


AWAITED = Vote("UNKNOWN", 0)


class Command(NamedTuple):
    """A command in flight. ASKED: services vote; ISSUED: may commit; COMMITTED: is carried out everywhere.

    `votes` names every service that is asked, from the claim on. `reopened`: services that a replay has made
    outstanding again and not yet confirmed, each with the outcome it had; empty text where it had none.
    """

    id: str
    attempt: int
    phase: Phase
    services: tuple[str, ...]
    sent_at: int
    lease_until: int
    votes: Mapping[str, Vote] = MappingProxyType({})
    outcomes: Mapping[str, str] = _NONE
    committed_at: int | None = None
    reopened: Mapping[str, str] = _NONE


class Last(NamedTuple):
    """The command that was completed last."""

    id: str
    services: tuple[str, ...]
    outcomes: Mapping[str, str]
    committed_at: int
    completed_at: int


class PurposeState(NamedTuple):
    """Where a customer stands for one purpose."""

    attempt: int = 0
    retry_at: int | None = None
    command: Command | None = None
    last: Last | None = None
    deferred: Mapping[str, int] = MappingProxyType({})


class Hold(NamedTuple):
    """Why nothing may happen to this customer: a dead-lettered event, or a person (`by`, `reason`)."""

    since: int
    code: str
    by: str | None = None
    reason: str | None = None


class Discarded(NamedTuple):
    """A record a person decided to skip for ever."""

    at: int
    by: str
    reason: str


class Item(NamedTuple):
    """The row `C, STATE`. Its maps are never changed in place.

    `holds` and `discarded` are named by original topic-partition-offset; a person's hold by `person:` and its number.
    """

    customer_id: str
    products: Mapping[str, Product] = MappingProxyType({})
    purposes: Mapping[str, PurposeState] = MappingProxyType({})
    holds: Mapping[str, Hold] = MappingProxyType({})
    discarded: Mapping[str, Discarded] = MappingProxyType({})

    def of(self, purpose: str) -> PurposeState:
        """The state for a purpose, blank where there is none yet."""
        return self.purposes.get(purpose) or PurposeState()

    def having(self, purpose: str, state: PurposeState) -> "Item":
        """The item with the state of one purpose replaced."""
        return self._replace(purposes={**self.purposes, purpose: state})


def outstanding(command: Command) -> tuple[str, ...]:
    """The services of a command that have not finished it."""
    return tuple(service for service in command.services if command.outcomes.get(service) not in FINISHED)


def unanswered(command: Command) -> tuple[str, ...]:
    """The services of a command that have no outcome at all."""
    return tuple(service for service in command.services if service not in command.outcomes)


def owing(command: Command) -> tuple[str, ...]:
    """The services whose next answer the command waits for: a vote while it is ASKED, an outcome from then on."""
    if command.phase == "ASKED":
        return tuple(service for service, vote in command.votes.items() if vote.vote == "UNKNOWN")
    return unanswered(command)


def without(outcomes: Mapping[str, str], service: str) -> dict[str, str]:
    """The outcomes of the other services."""
    return {name: outcome for name, outcome in outcomes.items() if name != service}


def as_command(state: PurposeState, last: Last, lease_until: int) -> Command:
    """The last command as it was before its last outcome."""
    return Command(
        id=last.id,
        attempt=state.attempt,
        phase="COMMITTED",
        services=last.services,
        sent_at=last.committed_at,
        lease_until=lease_until,
        outcomes=last.outcomes,
        committed_at=last.committed_at,
    )
