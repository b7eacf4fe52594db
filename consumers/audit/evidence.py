"""What is on record about one customer, as plain values. All times are microseconds since the epoch, UTC."""

from typing import Final, NamedTuple

from consumers.domain.policy import Policy
from consumers.domain.registers import Event
from consumers.domain.work import Proof

CARRIED: Final = frozenset({"DONE", "ALREADY_DONE", "NOTHING_FOUND", "LATE"})
"""Answers that say: it is in this service's ledger."""
TOLERANCE: Final = 1_000_000
"""How far a worker's clock may be from the broker's."""


class Held(NamedTuple):
    """An event that cannot be read: it holds the customer from then on."""

    position: str
    code: str


class Step(NamedTuple):
    """What the events topic says about a customer, in its order; `at` is the broker's append time."""

    at: int
    said: Event | Held


class Sent(NamedTuple):
    """A command record: when it was appended, and the attempt it belongs to."""

    at: int
    attempt: int


class Answer(NamedTuple):
    """A record of the trail."""

    service: str
    outcome: str
    attempt: int
    finished_at: int
    started_at: int | None = None
    committed_at: int | None = None
    deferred_until: int | None = None


class Case(NamedTuple):
    """All that is on record under one command id; `rows` are ledger rows by service."""

    purpose: str
    command_id: str
    sent: list[Sent]
    answers: list[Answer]
    rows: dict[str, Proof]

    @property
    def committed_at(self) -> int | None:
        """When it passed its commit point: as the trail says first, else as ledgers say; None: nothing says it has."""
        told = {answer.committed_at for answer in self.answers} - {None}
        return min(told or {row.committed_at for row in self.rows.values()}, default=None)  # type: ignore[type-var]

    def answers_of(self, service: str) -> list[Answer]:
        """What one service answered, oldest first."""
        return [answer for answer in self.answers if answer.service == service]


class Evidence(NamedTuple):
    """One customer.

    `foreign` are ledger rows under a command nothing else knows, with their service. `unflagged` names services with
    rows of his that are not anonymized, among those with a ledger row of his. `waits`: a dead letter that may hold him
    waits for a person.
    """

    customer_id: str
    steps: list[Step]
    cases: dict[tuple[str, str], Case]
    foreign: list[tuple[str, Proof]]
    unflagged: set[str]
    waits: bool = False


class Scope(NamedTuple):
    """What is asked, and how far the records reach.

    `now` is when the ledgers were read: before the topics, so that what they hold has its cause there. Reported is what
    was committed or due from `since` on. `whole`: the events reach back to the first one ever. `commands_since`: from
    when on every command is on record. `halted_since`: a record that could name no customer stops everybody.
    `ledgers` are services whose ledger was read.
    """

    policy: Policy
    now: int
    since: int
    grace: int
    whole: bool = True
    commands_since: int = 0
    halted_since: int | None = None
    ledgers: frozenset[str] = frozenset()
