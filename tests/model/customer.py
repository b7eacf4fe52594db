"""The item of the one customer, for the one purpose: registers, due day, command. The words are those of the design.

Days and events are small numbers. An event is known by when it occurred, which no other event of its kind shares.
Mirrors `consumers/domain/`: `item`, `registers`, `due`, `folding`, `index`.
"""

from typing import Final, Literal, NamedTuple

NEVER: Final = 99
SERVICES: Final = 2
NOBODY: Final[frozenset[int]] = frozenset()
CommandId = tuple[int, int]
Phase = Literal["ASKED", "ISSUED", "COMMITTED"]
Vote = Literal["not asked", "awaited", "AGREED", "AGREED long ago"]
Outcome = Literal["", "DONE", "REFUSED_LATE", "SUPERSEDED"]
FINISHED: Final = frozenset({"DONE", "SUPERSEDED"})  # SUPERSEDED gets there by a mutant only


class Event(NamedTuple):
    """What a product service says. `date`: due day of a schedule, end of a postpone (None: open-ended).

    `opens`: once it is acknowledged the customer comes back. `closes`: it is said when he has gone again.
    """

    kind: Literal["schedule", "postpone"]
    occurred: int
    date: int | None = None
    readable: bool = True
    opens: bool = False
    closes: bool = False


class Register(NamedTuple):
    """The newest event of its kind, and whether a commit has used it up."""

    occurred: int
    date: int | None
    spent: bool = False


class Command(NamedTuple):
    """A command in flight; votes and outcomes by service. Its attempt is the item's. `leased`: its lease still runs.

    `reopened`: services that a replay has made outstanding again and not yet confirmed; each had done it before.
    """

    id: CommandId
    phase: Phase
    votes: tuple[Vote, ...]
    outcomes: tuple[Outcome, ...]
    leased: bool = True
    reopened: frozenset[int] = NOBODY


class Item(NamedTuple):
    """The row `C, STATE`. Holds and discarded records are named by their original position in the log."""

    schedule: Register | None = None
    postpone: Register | None = None
    attempt: int = 0
    retry_at: int = 0
    command: Command | None = None
    last: CommandId | None = None
    holds: frozenset[int] = NOBODY
    discarded: frozenset[int] = NOBODY


def facts(item: Item) -> CommandId:
    """What a command is named by: the same facts give the same id."""
    return (item.schedule.occurred if item.schedule else -1, item.postpone.occurred if item.postpone else -1)


def counts(item: Item) -> bool:
    """Whether either register still says something no commit has used up."""
    return any(register is not None and not register.spent for register in (item.schedule, item.postpone))


def due_day(item: Item) -> int | None:
    """When the customer is due: a day, NEVER, or None where nothing that counts has a schedule."""
    if item.holds:
        return NEVER
    if not counts(item):
        return None
    schedule, postpone = item.schedule, item.postpone
    if postpone is None or (schedule is not None and schedule.occurred > postpone.occurred):
        return schedule.date if schedule else None
    if postpone.date is None:
        return NEVER
    return None if schedule is None else max(postpone.date, schedule.date or 0)


def is_due(item: Item, today: int) -> bool:
    """Whether the due day has come."""
    day = due_day(item)
    return day is not None and day <= today


def folded(item: Item, event: Event, name: int) -> Item:
    """The item after an event it can read: its hold is lifted, and news withdraw a command not yet committed."""
    if name in item.discarded:
        return item
    after = _registered(item._replace(holds=item.holds - {name}), event)
    if facts(after) == facts(item):
        return after
    pending = item.command is not None and item.command.phase != "COMMITTED"
    return after._replace(command=None if pending else item.command, retry_at=0)


def _registered(item: Item, event: Event) -> Item:
    before = item.schedule if event.kind == "schedule" else item.postpone
    if before is not None and before.occurred >= event.occurred:
        return item
    register = Register(event.occurred, event.date)
    return item._replace(schedule=register) if event.kind == "schedule" else item._replace(postpone=register)


def held(item: Item, name: int) -> Item:
    """The item held because of a record it cannot read, unless a person has discarded that."""
    return item if name in item.discarded else item._replace(holds=item.holds | {name})


def discarded(item: Item, name: int) -> Item:
    """The item with a record skipped for ever, by a person's decision."""
    return item._replace(holds=item.holds - {name}, discarded=item.discarded | {name})


def unanswered(command: Command) -> bool:
    """Whether a service has no outcome at all."""
    return "" in command.outcomes


def outstanding(command: Command, service: int) -> bool:
    """Whether a service has not finished."""
    return command.outcomes[service] not in FINISHED


def owing(command: Command) -> list[int]:
    """The services whose next answer the command waits for."""
    if command.phase == "ASKED":
        return [service for service, vote in enumerate(command.votes) if vote == "awaited"]
    return [service for service, outcome in enumerate(command.outcomes) if not outcome]


def swept(item: Item, today: int) -> bool:
    """Whether the index shows the customer to a tick: his lease is over, or he is due and waits for no retry."""
    if item.command:
        return unanswered(item.command) and not item.command.leased
    return is_due(item, today) and item.retry_at <= today
