"""Who is not Lapse: product services, time, persons.

That time passes is certain. That anybody says anything more, comes back or repairs is not: nothing may wait for it.
"""

from collections.abc import Iterator

from tests.model.checker import Move
from tests.model.customer import SERVICES, CommandId, discarded, outstanding, owing, unanswered
from tests.model.world import Database, Entry, Scenario, World, WorldMove, active, failed, may_fail, published


def steps(world: World, scenario: Scenario) -> Iterator[WorldMove]:
    """Whatever happens around Lapse."""
    yield from next_day(world, scenario)
    yield from acknowledge(world, scenario)
    yield from live_on(world, scenario)
    yield from pass_a_lease(world, scenario)
    yield from redrive_event(world, scenario)
    yield from discard_event(world, scenario)
    yield from redrive_command(world)


def next_day(world: World, scenario: Scenario) -> Iterator[WorldMove]:
    """A day passes; a lease need not: midnight may follow a vote at once."""
    if world.today < scenario.last_day:
        yield Move(f"day {world.today + 1}", world._replace(today=world.today + 1))


def acknowledge(world: World, scenario: Scenario) -> Iterator[WorldMove]:
    """The next event is acknowledged. One that closes is published when the customer has gone again."""
    number = len({entry.event for entry in world.log})
    if number == len(scenario.events):
        return
    event = scenario.events[number]
    if event.closes and not active(world):
        return
    after = world._replace(log=(*world.log, Entry(number, len(world.log))))
    if event.opens:
        after = after._replace(activity="coming")
    if event.closes:
        after = _gone(after)
    yield Move(
        f"event {number} is acknowledged: {event.kind}, occurred {event.occurred}, date {event.date}",
        after,
        certain=False,
    )


def live_on(world: World, scenario: Scenario) -> Iterator[WorldMove]:
    """10.2: who comes back does so once his postpone is acknowledged. `untold`: he is active, and no event says so."""
    if world.activity == "coming":
        databases = tuple(Database("NEW", database.ledger) for database in world.databases)
        ghosts = world.ghosts._replace(owing=frozenset(_owing(world)))
        back = world._replace(activity="active", databases=databases, ghosts=ghosts)
        yield Move("the customer comes back", back, certain=False)
    if scenario.untold and world.activity == "before":
        yield Move("the customer is active", world._replace(activity="active"), certain=False)
    if scenario.untold and not scenario.stays and active(world):
        yield Move("the customer is not active any more", _gone(world), certain=False)


def _owing(world: World) -> Iterator[tuple[int, CommandId]]:
    command = world.item.command
    if command and command.phase == "COMMITTED":
        yield from ((service, command.id) for service in range(SERVICES) if outstanding(command, service))


def _gone(world: World) -> World:
    return world._replace(activity="over", ghosts=world.ghosts._replace(objected=False))


def pass_a_lease(world: World, scenario: Scenario) -> Iterator[WorldMove]:
    """A lease runs out, and what is older than it with it: votes, written or not. Nobody should still be at work."""
    command = world.item.command
    if command is None or not command.leased or not unanswered(command) or not scenario.rules.lease_expires:
        return
    working = {message.service for message in world.messages}.intersection(owing(command))
    if not working:
        yield Move("a lease passes", _aged(world))
    elif may_fail(world, scenario, "early lease"):
        yield failed("A LEASE PASSES before the answers are there", _aged(world))


def _aged(world: World) -> World:
    command = world.item.command
    assert command is not None, "there is a lease"
    votes = tuple("AGREED long ago" if vote == "AGREED" else vote for vote in command.votes)
    jobs = tuple(
        (
            live and live._replace(vote="AGREED long ago" if live.vote == "AGREED" else live.vote),
            zombie and zombie._replace(vote="AGREED long ago" if zombie.vote == "AGREED" else zombie.vote),
        )
        for live, zombie in world.jobs
    )
    activity = "active long since" if world.activity == "active" else world.activity
    item = world.item._replace(command=command._replace(leased=False, votes=votes))
    return world._replace(item=item, jobs=jobs, activity=activity)


def redrive_event(world: World, scenario: Scenario) -> Iterator[WorldMove]:
    """Section 7: a person has the dead event sent again; its copy goes by the original position."""
    for name in world.dead:
        entry = Entry(world.log[name].event, name)
        after = world._replace(dead=world.dead - {name}, log=(*world.log, entry))
        if scenario.rules.holds_lifted_by == "person":
            after = after._replace(item=world.item._replace(holds=world.item.holds - {name}))
        yield Move(f"a person redrives the record at {name}", after, certain=False)


def discard_event(world: World, scenario: Scenario) -> Iterator[WorldMove]:
    """Row *a person, discard*: remembered in the item under the same name."""
    for name in world.dead:
        item = discarded(world.item, name)
        after = published(world._replace(dead=world.dead - {name}, item=item), item, scenario)
        yield Move(f"a person discards the record at {name}", after, certain=False)


def redrive_command(world: World) -> Iterator[WorldMove]:
    """A command refused too late is sent again, to the service that refused."""
    for message in world.parked - world.messages:
        after = world._replace(parked=world.parked - {message}, messages=world.messages | {message})
        yield Move(f"a person redrives the command to service {message.service}", after, certain=False)
