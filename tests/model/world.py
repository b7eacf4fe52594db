"""All there is: one customer, one purpose, two services, one partition of events, and whoever works on them.

Every row is written under its condition and a lost race means deciding again; so reading, deciding and writing are one
step here. What a role keeps in its memory between two steps is what a crash takes away, and what a zombie acts on.
"""

from typing import Final, Literal, NamedTuple

from tests.model.checker import Move
from tests.model.customer import SERVICES, CommandId, Event, Item, Outcome, Vote
from tests.model.decisions import Step
from tests.model.rules import DESIGN, Rules

LIVE: Final = 0
ZOMBIE: Final = 1  # took up its work before it was paused, and goes on with it after another took over
NOBODY: Final = 2  # owner of a POSITION row that a rebuild has written
Slot = Literal[0, 1]
SLOTS: Final[tuple[Slot, ...]] = (LIVE, ZOMBIE)

Fault = Literal[
    "crash",
    "pause state consumer",
    "pause ticker",
    "pause service",
    "redelivery",
    "early lease",
    "reset state",
    "reset service",
    "restore database",
    "lose table",
]
COMING_AGAIN: Final[frozenset[Fault]] = frozenset({"redelivery", "reset service", "restore database"})
Activity = Literal["before", "coming", "active", "active long since", "over"]


class Scenario(NamedTuple):
    """What happens, what may fail, how often, and by which rules.

    `events` are acknowledged in this order, each not before its day in `from_day`. `guards`: services that vote.
    `untold`: the customer becomes active without an event that says so; only a guard can know. `stays`: he
    does not go again. `interleaved`: others
    may act between a state consumer's writes for one event; else they are one step.
    """

    name: str
    events: tuple[Event, ...]
    last_day: int
    faults: frozenset[Fault] = frozenset()
    budget: int = 0
    guards: frozenset[int] = frozenset()
    untold: bool = False
    stays: bool = False
    interleaved: bool = False
    rules: Rules = DESIGN


class Entry(NamedTuple):
    """A record on the events topic: which event, and the position it goes by (a redriven copy: the original's)."""

    event: int
    name: int


class Message(NamedTuple):
    """A record on the commands topic as one service meets it."""

    service: int
    kind: Literal["CHECK", "ANONYMIZE"]
    id: CommandId
    attempt: int


class Row(NamedTuple):
    """The POSITION row: the next offset the table does not contain, and whose token it has."""

    offset: int
    owner: int


class Reader(NamedTuple):
    """A state consumer at an offset, with this many of its writes done; `written` is what it has yet to publish."""

    at: int
    done: int = 0
    written: Item | None = None


class Sweep(NamedTuple):
    """A ticker behind the barrier; once it has decided, with what it has yet to publish and send."""

    decided: bool = False
    written: Item | None = None
    sent: frozenset[Message] = frozenset()


class Job(NamedTuple):
    """A service's worker with a message in hand: what is next, and what it remembers of the steps before.

    `end`: the end of the log its barrier waits for. `carried`: its ledger had the command. `objects`: its guard
    listed the customer. `written`: what it has yet to publish. `seen`: the item with its replay (a mutant decides by
    one it has seen before, too). `objected` is no memory, but for `properties`: whether an objection stood when it
    took its barrier.
    """

    message: Message
    next: Literal[
        "vote", "guard", "read", "rule", "wait", "confirm", "publish", "database", "outcome", "send", "offset"
    ]
    end: int = 0
    carried: bool = False
    objects: bool = False
    vote: Vote = "not asked"
    verdict: Step = "SUPERSEDED"
    outcome: Outcome = ""
    written: Item | None = None
    seen: Item | None = None
    objected: bool = False


class Database(NamedTuple):
    """One service's rows of the customer, and the commands in its ledger. NEW: of a customer who came back."""

    rows: Literal["OLD", "GONE", "NEW"] = "OLD"
    ledger: frozenset[CommandId] = frozenset()


class Ghosts(NamedTuple):
    """What nobody in the model can read: history, for `properties`.

    `owing`: services that owed a command when the customer came back.
    """

    committed: frozenset[CommandId] = frozenset()
    carried_out: frozenset[tuple[int, CommandId]] = frozenset()
    owing: frozenset[tuple[int, CommandId]] = frozenset()
    objected: bool = False


Readers = tuple[Reader | None, Reader | None]
Sweeps = tuple[Sweep | None, Sweep | None]
Jobs = tuple[Job | None, Job | None]


class World(NamedTuple):
    """One state of everything. Pairs are of what LIVE and ZOMBIE have in memory; None: nothing.

    `offset`: committed by the state group. `messages`: not yet past, by their service's group; `handled`: past, kept
    where they may come again. `dead`: events, `parked`: commands waiting for a person.
    """

    today: int = 0
    log: tuple[Entry, ...] = ()
    item: Item = Item()
    row: Row = Row(0, NOBODY)
    offset: int = 0
    published: Item = Item()
    readers: Readers = (None, None)
    sweeps: Sweeps = (None, None)
    jobs: tuple[Jobs, ...] = ((None, None),) * SERVICES
    messages: frozenset[Message] = frozenset()
    handled: frozenset[Message] = frozenset()
    databases: tuple[Database, ...] = (Database(),) * SERVICES
    activity: Activity = "before"
    dead: frozenset[int] = frozenset()
    parked: frozenset[Message] = frozenset()
    faults_left: int = 0
    ghosts: Ghosts = Ghosts()


WorldMove = Move[World]


def with_job(world: World, service: int, slot: Slot, job: Job | None) -> World:
    """The world with one worker's memory replaced."""
    pair: Jobs = (job, world.jobs[service][ZOMBIE]) if slot == LIVE else (world.jobs[service][LIVE], job)
    return world._replace(jobs=(*world.jobs[:service], pair, *world.jobs[service + 1 :]))


def with_database(world: World, service: int, database: Database) -> World:
    """The world with one database replaced."""
    return world._replace(databases=(*world.databases[:service], database, *world.databases[service + 1 :]))


def active(world: World) -> bool:
    """Whether a guard lists the customer."""
    return world.activity in {"active", "active long since"}


def restorable(scenario: Scenario) -> bool:
    """Whether the table may be lost: only then does it matter what is on lapse.state, and when."""
    return "lose table" in scenario.faults


def published(world: World, item: Item | None, scenario: Scenario) -> World:
    """The world with the item on lapse.state. Once the newest is there, older ones that follow are told by version."""
    if item is None or not restorable(scenario):
        return world
    after = world._replace(published=item)
    return _outdated(after) if item == world.item else after


def _outdated(world: World) -> World:
    """The world in which what anybody has yet to publish is older than what was published."""
    first, second = (reader and reader._replace(written=None) for reader in world.readers)
    sweep, paused = (each and each._replace(written=None) for each in world.sweeps)
    jobs = tuple((live and live._replace(written=None), old and old._replace(written=None)) for live, old in world.jobs)
    return world._replace(readers=(first, second), sweeps=(sweep, paused), jobs=jobs)


def finished(world: World, scenario: Scenario, service: int, slot: Slot, message: Message) -> World:
    """The message is answered and its offset committed (section 6, step 7); Kafka refuses a zombie's offset."""
    after = with_job(world, service, slot, None)
    if slot == ZOMBIE:
        return after
    again = frozenset({message}) if COMING_AGAIN & scenario.faults else frozenset()
    return after._replace(messages=world.messages - {message}, handled=world.handled | again)


def may_fail(world: World, scenario: Scenario, fault: Fault) -> bool:
    """Whether this fault is part of the scenario and something may still fail."""
    return world.faults_left > 0 and fault in scenario.faults


def failed(label: str, world: World) -> WorldMove:
    """A fault as a step: one less is left."""
    return Move(label, world._replace(faults_left=world.faults_left - 1), certain=False)


def who(name: str, slot: Slot) -> str:
    """A role in a label."""
    return f"zombie {name}" if slot == ZOMBIE else name
