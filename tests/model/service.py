"""A service's consumer group: takes a message, goes through its steps, publishes, commits its offset."""

from collections.abc import Callable, Iterator
from typing import Final

from tests.model import anonymizer, voter
from tests.model.checker import Move
from tests.model.customer import SERVICES
from tests.model.world import LIVE, SLOTS, Job, Scenario, Slot, World, WorldMove, finished, published, who, with_job

WorkStep = Callable[[World, Scenario, int, Slot, Job], Iterator[WorldMove]]


def steps(world: World, scenario: Scenario) -> Iterator[WorldMove]:
    """Whatever the workers of both services may do next."""
    for service in range(SERVICES):
        if world.jobs[service][LIVE] is None:
            yield from take(world, scenario, service)
        for slot in SLOTS:
            job = world.jobs[service][slot]
            if job is not None:
                yield from STEPS[job.next](world, scenario, service, slot, job)


def take(world: World, scenario: Scenario, service: int) -> Iterator[WorldMove]:
    """Takes any message of its own that its offset is not past: more orders than the broker's, never fewer."""
    for message in world.messages:
        if message.service == service:
            asks = message.kind == "CHECK"
            job = voter.begin(world, message) if asks else anonymizer.begin(world, scenario, message)
            role = "voter" if asks else "anonymizer"
            label = f"{role} {service}: takes attempt {message.attempt} at {message.id}"
            yield Move(label, with_job(world, service, LIVE, job))


def publish(world: World, scenario: Scenario, service: int, slot: Slot, job: Job) -> Iterator[WorldMove]:
    """*The step ends when the state records are acknowledged; whoever goes on with a COMMITTED item publishes it.*"""
    after = with_job(published(world, job.written, scenario), service, slot, anonymizer.after_publishing(job))
    yield Move(f"{who(f'service {service}', slot)}: publishes", after)


def commit_offset(world: World, scenario: Scenario, service: int, slot: Slot, job: Job) -> Iterator[WorldMove]:
    """The last step of whatever was written for a message."""
    label = f"{who(f'service {service}', slot)}: commits its offset"
    yield Move(label, finished(world, scenario, service, slot, job.message))


STEPS: Final[dict[str, WorkStep]] = {
    "vote": voter.write_vote,
    "send": voter.send_command,
    "guard": anonymizer.ask_guard,
    "read": anonymizer.read_item,
    "rule": anonymizer.rule,
    "wait": anonymizer.wait_again,
    "confirm": anonymizer.confirm,
    "publish": publish,
    "database": anonymizer.change_database,
    "outcome": anonymizer.write_outcome,
    "offset": commit_offset,
}
