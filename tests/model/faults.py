"""What fails. Each fault spends one of the scenario's budget, and nothing may depend on it."""

from collections.abc import Callable, Iterator
from typing import Final

from tests.model.customer import SERVICES, Item
from tests.model.world import (
    LIVE,
    NOBODY,
    ZOMBIE,
    Database,
    Fault,
    Message,
    Row,
    Scenario,
    World,
    WorldMove,
    failed,
    with_database,
    with_job,
)


def steps(world: World, scenario: Scenario) -> Iterator[WorldMove]:
    """Whatever may fail next."""
    if world.faults_left:
        for fault in sorted(scenario.faults & FAULTS.keys()):
            yield from FAULTS[fault](world)
        if "lose table" in scenario.faults:
            yield from lose_table(world, scenario)


def crash(world: World) -> Iterator[WorldMove]:
    """A role dies and with it what it had in memory; its message, event or customer is met again by the next one."""
    if world.readers[LIVE] is not None:
        yield failed("CRASH of the state consumer", world._replace(readers=(None, world.readers[ZOMBIE])))
    if world.sweeps[LIVE] is not None:
        yield failed("CRASH of the ticker", world._replace(sweeps=(None, world.sweeps[ZOMBIE])))
    for service in range(SERVICES):
        job = world.jobs[service][LIVE]
        if job is not None:
            yield failed(f"CRASH of service {service} before {job.next}", with_job(world, service, LIVE, None))


def pause_state_consumer(world: World) -> Iterator[WorldMove]:
    """It is paused and another takes its place; what it had in memory it goes on with, at any time. So are the next."""
    reader, other = world.readers
    if reader is not None and other is None:
        row = Row(world.row.offset, ZOMBIE) if world.row.owner == LIVE else world.row
        yield failed("PAUSED state consumer, another takes over", world._replace(readers=(None, reader), row=row))


def pause_ticker(world: World) -> Iterator[WorldMove]:
    """The same of a ticker with something in hand."""
    sweep, other = world.sweeps
    if sweep is not None and other is None:
        yield failed("PAUSED ticker, another takes over", world._replace(sweeps=(None, sweep)))


def pause_service(world: World) -> Iterator[WorldMove]:
    """The same of a service's worker; its message is delivered to the one that takes over."""
    for service in range(SERVICES):
        job, other = world.jobs[service]
        if job is not None and other is None:
            after = with_job(with_job(world, service, LIVE, None), service, ZOMBIE, job)
            yield failed(f"PAUSED service {service} before {job.next}, another takes over", after)


def redeliver(world: World) -> Iterator[WorldMove]:
    """A message comes again though its offset was committed: a redrive, or a commit that was lost."""
    for message in world.handled - world.messages:
        after = world._replace(messages=world.messages | {message})
        yield failed(f"REDELIVERY of attempt {message.attempt} to service {message.service}", after)


def reset_state_group(world: World) -> Iterator[WorldMove]:
    """The state group, without members, is set back to the start of the events."""
    if world.offset:
        after = world._replace(readers=(None, world.readers[ZOMBIE]), offset=0)
        yield failed("RESET of the state group to the start", after)


def reset_service_group(world: World) -> Iterator[WorldMove]:
    """A service's group, without members, is set back to the start of the commands."""
    for service in range(SERVICES):
        again = _handled(world, service)
        if again and _stopped(world, service):
            after = world._replace(messages=world.messages | again)
            yield failed(f"RESET of service {service} to the start", after)


def restore_database(world: World) -> Iterator[WorldMove]:
    """A database is restored from a backup made before it was changed, its ledger with it; its group is set back."""
    for service in range(SERVICES):
        if world.databases[service].rows == "GONE" and _stopped(world, service):
            after = with_database(world, service, Database())
            after = after._replace(messages=world.messages | _handled(world, service))
            yield failed(f"RESTORED database of service {service}, group reset", after)


def lose_table(world: World, scenario: Scenario) -> Iterator[WorldMove]:
    """The table is lost with every role stopped, and rebuilt: lapse.state laid over nothing, the row to the start."""
    idle = world.sweeps == (None, None) and all(_stopped(world, service) for service in range(SERVICES))
    if not world.row.offset or not idle or world.readers[ZOMBIE] is not None:
        return
    item = world.published if scenario.rules.published_is_laid_over else Item()
    yield failed("LOST table, rebuilt", world._replace(item=item, row=Row(0, NOBODY), readers=(None, None)))


def _handled(world: World, service: int) -> frozenset[Message]:
    return frozenset(message for message in world.handled if message.service == service)


def _stopped(world: World, service: int) -> bool:
    return world.jobs[service] == (None, None)


FAULTS: Final[dict[Fault, Callable[[World], Iterator[WorldMove]]]] = {
    "crash": crash,
    "pause state consumer": pause_state_consumer,
    "pause ticker": pause_ticker,
    "pause service": pause_service,
    "redelivery": redeliver,
    "reset state": reset_state_group,
    "reset service": reset_service_group,
    "restore database": restore_database,
}
