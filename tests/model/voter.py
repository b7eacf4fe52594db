"""The vote of a service with a guard. Mirrors `consumers/anonymizer/voting`."""

from collections.abc import Iterator

from tests.model.checker import Move
from tests.model.customer import SERVICES
from tests.model.decisions import agreed, refused
from tests.model.properties import objecting
from tests.model.world import (
    Job,
    Message,
    Scenario,
    Slot,
    World,
    WorldMove,
    active,
    finished,
    published,
    restorable,
    who,
    with_job,
)


def begin(world: World, message: Message) -> Job:
    """Section 6, *Vote*: one query says who is active here. The answer stays in memory until it is written."""
    return Job(message, "vote", objects=active(world), vote="AGREED")


def write_vote(world: World, scenario: Scenario, service: int, slot: Slot, job: Job) -> Iterator[WorldMove]:
    """Rows *voter, CheckCustomer* and *its guard objects*: only for this command, this attempt, ASKED, awaited."""
    step = _refuse if job.objects else _agree
    yield step(world, scenario, service, slot, job)


def _refuse(world: World, scenario: Scenario, service: int, slot: Slot, job: Job) -> WorldMove:
    item = refused(world.item, job.message.id, job.message.attempt, world.today)
    if item is None:
        return _void(world, scenario, service, slot, job)
    after = job._replace(next="publish" if restorable(scenario) else "offset", verdict="REFUSED", written=item)
    return Move(f"{_name(service, slot)}: REFUSED", with_job(objecting(world, item), service, slot, after))


def _agree(world: World, scenario: Scenario, service: int, slot: Slot, job: Job) -> WorldMove:
    item = agreed(world.item, job.message.id, job.message.attempt, service, job.vote, scenario.rules)
    if item is None or item.command is None:
        return _void(world, scenario, service, slot, job)
    issued = item.command.phase == "ISSUED"
    after = job._replace(next="send", written=item) if issued else Job(job.message, "offset")
    label = f"{_name(service, slot)}: AGREED" + (", ISSUED" if issued else "")
    return Move(label, with_job(world._replace(item=item), service, slot, after))


def _void(world: World, scenario: Scenario, service: int, slot: Slot, job: Job) -> WorldMove:
    return Move(f"{_name(service, slot)}: vote void", finished(world, scenario, service, slot, job.message))


def send_command(world: World, scenario: Scenario, service: int, slot: Slot, job: Job) -> Iterator[WorldMove]:
    """*The last one: phase ISSUED, AnonymizeCustomer sent*: what was written is published and sent to all."""
    sent = {Message(each, "ANONYMIZE", job.message.id, job.message.attempt) for each in range(SERVICES)}
    after = published(world, job.written, scenario)._replace(messages=world.messages | sent)
    yield Move(f"{_name(service, slot)}: sends", with_job(after, service, slot, Job(job.message, "offset")))


def _name(service: int, slot: Slot) -> str:
    return who(f"voter {service}", slot)
