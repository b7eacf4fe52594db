"""What must hold: the promises of design.md section 10 as far as the model has them, and what *done* is.

They look at history (`Ghosts`) and at the log as it is, which no role of the model does.
"""

from collections.abc import Iterable

from tests.model.customer import SERVICES, CommandId, Event, Item, due_day, outstanding, unanswered
from tests.model.world import Job, Scenario, World, active

P1 = "P1: the POSITION row claims an event that is neither in the item nor held nor discarded"
P2 = "P2: a commit over a postpone, or a hold, acknowledged before its barrier"
P3_OBJECTION = "P3: a commit over an objection made before its barrier"
P3_STALE = "P3: a commit on a vote older than a lease, by a customer active since"
P3_CHANGE = "P3: a database is changed before the commit"
P3_PART = "P3: complete, but a service has never carried it out"
P4 = "P4: new rows of a customer who came back are erased by an old command"


def broken_by_position(world: World, scenario: Scenario) -> str | None:
    """P1, in every state: what the row claims is there."""
    lost = (
        entry
        for entry in world.log[: world.row.offset]
        if entry.name not in world.item.holds | world.item.discarded
        and not _contained(world, scenario.events[entry.event])
    )
    return P1 if any(lost) else None


def _contained(world: World, event: Event) -> bool:
    register = world.item.schedule if event.kind == "schedule" else world.item.postpone
    return register is not None and register.occurred >= event.occurred


def broken_by_commit(world: World, scenario: Scenario, job: Job) -> str | None:
    """P2 and P3, at a commit: by what was said and refused before the barrier, whoever could read it."""
    if broken := broken_by_replay(world, scenario, job):
        return broken
    if job.objected and world.ghosts.objected:
        return P3_OBJECTION
    if scenario.guards and world.activity == "active long since":
        return P3_STALE
    return None


def broken_by_replay(world: World, scenario: Scenario, job: Job) -> str | None:
    """P2 alone: nobody votes again on what is committed."""
    return P2 if _postponed(world, scenario, job.end) else None


def _postponed(world: World, scenario: Scenario, end: int) -> bool:
    """Whether the newest postpone among the first records of the log stands, by these and what the item knows."""
    said = [scenario.events[entry.event] for entry in world.log[:end] if entry.name not in world.item.discarded]
    postpone = max(_of(said, "postpone"), key=lambda event: event.occurred, default=None)
    known = max((register.occurred for register in (world.item.schedule, world.item.postpone) if register), default=-1)
    superseded = max([known, *(event.occurred for event in _of(said, "schedule"))])
    if postpone is None or superseded > postpone.occurred:
        return False
    return postpone.date is None or postpone.date > world.today


def _of(events: Iterable[Event], kind: str) -> list[Event]:
    return [event for event in events if event.kind == kind]


def broken_by_change(world: World, service: int, named: CommandId) -> str | None:
    """P3 and P4, when a database is changed: committed, still in force here, and not carried out here before.

    Before he came back, that is: who does while this service owes the command is the exception that promise 4 names,
    and whose postpone a person discarded is one nobody can know of.
    """
    if named not in world.ghosts.committed:
        return P3_CHANGE
    command, database = world.item.command, world.databases[service]
    in_force = command is not None and command.id == named and outstanding(command, service)
    before = (service, named) in world.ghosts.carried_out - world.ghosts.owing and not world.item.discarded
    if database.rows == "NEW" and (not in_force or before or named in database.ledger):
        return P4
    return None


def broken_by_completion(world: World, named: CommandId) -> str | None:
    """P3, when the last outcome is written: every service has carried the command out."""
    everywhere = all((service, named) in world.ghosts.carried_out for service in range(SERVICES))
    return None if everywhere else P3_PART


def committing(world: World, committed: Item, named: CommandId) -> World:
    """The world with the item of a commit, which remembers it."""
    return world._replace(item=committed, ghosts=world.ghosts._replace(committed=world.ghosts.committed | {named}))


def objecting(world: World, withdrawn: Item) -> World:
    """The world with the item of a refusal, which remembers it for as long as the customer stays active."""
    return world._replace(item=withdrawn, ghosts=world.ghosts._replace(objected=active(world)))


def settled(world: World, scenario: Scenario) -> bool:
    """Done: what was said is folded, what was committed is carried out everywhere, and who is left is rightly kept.

    Rightly kept is who is not due within the scenario, or refused until after it. A command that a service refused too
    late waits for a person, who was paged.
    """
    if world.today < scenario.last_day or world.row.offset < len(world.log):
        return False
    command = world.item.command
    if command is not None:
        return not unanswered(command) and bool(world.parked)
    return _all_or_none(world) and (_kept(world, scenario) or _erased(world))


def _all_or_none(world: World) -> bool:
    """None: a commit that was lost with its table before it was published, and before anybody acted on it."""
    done = [
        [(service, named) in world.ghosts.carried_out for service in range(SERVICES)]
        for named in world.ghosts.committed
    ]
    return all(all(each) or not any(each) for each in done)


def _kept(world: World, scenario: Scenario) -> bool:
    if not world.log:
        return True
    day = due_day(world.item)
    return day is not None and max(day, world.item.retry_at) > scenario.last_day


def _erased(world: World) -> bool:
    """A discard excuses rows that came back after the command was done: `docs/model.md`, *limits*."""
    gone = all(database.rows == "GONE" for database in world.databases)
    return due_day(world.item) is None and (gone or bool(world.item.discarded))
