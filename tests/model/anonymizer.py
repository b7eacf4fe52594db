"""The anonymizer of a service, one step of section 6 each. Mirrors `consumers/anonymizer/carrying` and `commit`."""

from collections.abc import Iterator

from tests.model.checker import Move
from tests.model.customer import Item
from tests.model.decisions import Verdict, confirmed, judge, recorded
from tests.model.properties import (
    broken_by_change,
    broken_by_commit,
    broken_by_completion,
    broken_by_replay,
    committing,
    objecting,
)
from tests.model.world import (
    Database,
    Job,
    Message,
    Scenario,
    Slot,
    World,
    WorldMove,
    active,
    finished,
    restorable,
    who,
    with_database,
    with_job,
)


def begin(world: World, scenario: Scenario, message: Message) -> Job:
    """Steps 0 and 2: reads its ledger, then the end of the log its barrier is to wait for."""
    carried = message.id in world.databases[message.service].ledger and scenario.rules.ledger_is_read
    return Job(message, "guard", end=len(world.log), carried=carried, objected=world.ghosts.objected)


def ask_guard(world: World, scenario: Scenario, service: int, slot: Slot, job: Job) -> Iterator[WorldMove]:
    """Steps 2 and 3: once the POSITION row is there its guard is asked, but not for what is carried out."""
    if world.row.offset < job.end and scenario.rules.barrier:
        return
    objects = service in scenario.guards and active(world) and not job.carried
    after = job._replace(next="rule" if scenario.rules.commit_is_conditional else "read", objects=objects)
    label = f"{_name(service, slot)}: barrier open, guard {'objects' if objects else 'agrees'}"
    yield Move(label, with_job(world, service, slot, after))


def read_item(world: World, scenario: Scenario, service: int, slot: Slot, job: Job) -> Iterator[WorldMove]:
    """Only where the commit is not conditional: what it decides by may be old when it writes."""
    after = job._replace(next="rule", seen=world.item)
    yield Move(f"{_name(service, slot)}: reads the item", with_job(world, service, slot, after))


def rule(world: World, scenario: Scenario, service: int, slot: Slot, job: Job) -> Iterator[WorldMove]:
    """Step 4, rows *commit point*, *replay* and *its guard objects*: one conditional write decides."""
    step, item = _judged(job.seen or world.item, world, scenario, service, job)
    label, named = f"{_name(service, slot)}: {step}", job.message.id
    after = _ruled(job, Verdict(step, item), scenario)
    if step in {"COMMIT", "REPLAY"}:
        committed = with_job(committing(world, item, named), service, slot, after)
        broken = broken_by_commit if step == "COMMIT" else broken_by_replay
        yield Move(label, committed, breaks=broken(world, scenario, job))
    elif step == "CALLED_OFF":
        yield Move(label, with_job(world._replace(item=item), service, slot, after))
    elif step == "REFUSED":
        yield Move(label, with_job(objecting(world, item), service, slot, after))
    elif after is None:
        yield Move(label, finished(world, scenario, service, slot, job.message))
    else:
        yield Move(label, with_job(world, service, slot, after))


def _judged(item: Item, world: World, scenario: Scenario, service: int, job: Job) -> Verdict:
    return judge(
        item,
        job.message.id,
        job.message.attempt,
        service,
        world.today,
        scenario.rules,
        carried=job.carried,
        objects=job.objects,
    )


def wait_again(world: World, scenario: Scenario, service: int, slot: Slot, job: Job) -> Iterator[WorldMove]:
    """A replay is written: the end of the log now is what the barrier is to wait for before it is confirmed."""
    after = job._replace(next="confirm", end=len(world.log))
    yield Move(f"{_name(service, slot)}: reads the end of the log again", with_job(world, service, slot, after))


def confirm(world: World, scenario: Scenario, service: int, slot: Slot, job: Job) -> Iterator[WorldMove]:
    """Row *replay confirmed*: nothing has changed since it was written and folded; else judged again."""
    if world.row.offset < job.end:
        return
    assert job.seen is not None, "it has written it"
    if world.item != job.seen:
        again = with_job(world, service, slot, job._replace(next="rule", seen=None))
        yield Move(f"{_name(service, slot)}: the item has changed", again)
        return
    item = confirmed(world.item, service)
    after = _ruled(job, Verdict("GO_ON", item), scenario)
    breaks = broken_by_replay(world, scenario, job)
    label = f"{_name(service, slot)}: confirms the replay"
    yield Move(label, with_job(world._replace(item=item), service, slot, after), breaks=breaks)


def _ruled(job: Job, verdict: Verdict, scenario: Scenario) -> Job | None:
    """What comes after the verdict: nothing is touched where it is REFUSED, REFUSED_LATE or SUPERSEDED."""
    if verdict.step == "SUPERSEDED":
        void = scenario.rules.superseded_is_no_outcome
        return None if void else Job(job.message, "outcome", outcome="SUPERSEDED")
    if verdict.step == "REFUSED_LATE":
        return Job(job.message, "outcome", outcome="REFUSED_LATE")
    if verdict.step == "REPLAY" and scenario.rules.replay_is_confirmed:
        return job._replace(next="wait", seen=verdict.item)
    ruled = job._replace(verdict=verdict.step, seen=None)
    unheard = verdict.step == "GO_ON" and not scenario.rules.committed_is_published
    if restorable(scenario) and not unheard:
        return ruled._replace(next="publish", written=verdict.item)
    return after_publishing(ruled)


def after_publishing(job: Job) -> Job:
    """Straight to the outcome where the ledger had the command; to the database only by a commit."""
    if job.verdict in {"REFUSED", "CALLED_OFF"}:
        return Job(job.message, "offset")
    return Job(job.message, "outcome", outcome="DONE") if job.carried else Job(job.message, "database")


def change_database(world: World, scenario: Scenario, service: int, slot: Slot, job: Job) -> Iterator[WorldMove]:
    """Step 5: one transaction reads the ledger again, rewrites the rows and adds the ledger row."""
    database, named = world.databases[service], job.message.id
    after = Job(job.message, "outcome", outcome="DONE")
    if named in database.ledger and scenario.rules.ledger_is_read:
        yield Move(f"{_name(service, slot)}: ledger row is there", with_job(world, service, slot, after))
        return
    changed = with_database(world, service, Database("GONE", database.ledger | {named}))
    ghosts = changed.ghosts._replace(carried_out=changed.ghosts.carried_out | {(service, named)})
    yield Move(
        f"{_name(service, slot)}: changes the database",
        with_job(changed._replace(ghosts=ghosts), service, slot, after),
        breaks=broken_by_change(world, service, named),
    )


def write_outcome(world: World, scenario: Scenario, service: int, slot: Slot, job: Job) -> Iterator[WorldMove]:
    """Step 7, row *anonymizer, outcome*: COMMITTED, this command, outstanding; the last one completes it."""
    item = recorded(world.item, job.message.id, service, job.outcome, scenario.rules)
    after = world._replace(item=item)
    if job.outcome == "REFUSED_LATE":
        after = after._replace(parked=after.parked | {job.message})
    complete = world.item.command is not None and item.command is None
    yield Move(
        f"{_name(service, slot)}: outcome {job.outcome}" + (", complete" if complete else ""),
        with_job(after, service, slot, Job(job.message, "offset")),
        breaks=broken_by_completion(world, job.message.id) if complete else None,
    )


def _name(service: int, slot: Slot) -> str:
    return who(f"anonymizer {service}", slot)
