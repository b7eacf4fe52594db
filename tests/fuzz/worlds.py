"""Frames and headers through whole roles, good customers among them: nothing is lost, nobody stops, nobody is freed."""

import random
from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from consumers.adapters.memory.reader import MemoryReader
from consumers.anonymizer.reading import read_command
from consumers.domain import rows
from consumers.domain.errors import InvalidRecordError
from consumers.domain.item import OVERFLOW
from consumers.domain.rows import Position
from consumers.operations import dlq
from consumers.operations.discarding import discard_halting, halting, held_by
from consumers.operations.dlq import Redrive
from consumers.operations.story import trail_of
from consumers.ports import Record
from consumers.runtime.control import rewrite
from consumers.runtime.letterhead import Dead, dead_of, original_of
from consumers.runtime.records import meant_for, position_of
from consumers.state.reading import Refused, read_record
from consumers.ticker.consumer import read_tick
from producer_client import Postpone, Schedule
from schemas.validate import PERSONAL_DATA
from tests.fuzz.cases import Target
from tests.fuzz.frames import Frame
from tests.fuzz.frames import make as frame
from tests.fuzz.growing import record_of
from tests.support.world import PURPOSE, World, closed, postponed

FRAMES = 120
UNKNOWN_AT_MOST = 9
"""Of one topic: from the tenth within a minute on a consumer pauses until it is upgraded, which is its own test."""
DUE, KEPT = ("good-a", "good-b", "good-c"), "good-d"
MOVED = frozenset({"key_mismatch", "missing_key"})


class History(NamedTuple):
    """What came in: statements about good customers, and frames, `None` where the next good one stands."""

    good: tuple[Schedule | Postpone, ...]
    frames: tuple[Frame | None, ...]


def make(chance: random.Random) -> History:
    """Frames on four topics, the good statements at any place among them."""
    good: tuple[Schedule | Postpone, ...] = (*map(closed, DUE), postponed(KEPT), closed(KEPT))
    frames: list[Frame | None] = [
        _aimed(chance, each) for each in map(frame, [chance] * FRAMES) if each.topic != "state"
    ]
    for _ in good:
        frames.insert(chance.randrange(len(frames) + 1), None)
    return History(good, tuple(_without_a_flood(frames)))


def _aimed(chance: random.Random, each: Frame) -> Frame:
    """Now and then at a good customer: garbage under the key, or a command or an answer in the name of Lapse."""
    customer = chance.choice((*DUE, KEPT))
    aimed = each.record._replace(key=customer.encode())
    if each.topic == "events":
        return each._replace(record=aimed) if chance.random() < 0.01 else each
    if each.topic == "ticks" or chance.random() < 0.8:
        return each
    name = chance.choice(("AnonymizeCustomer", "CheckCustomer")) if each.topic == "commands" else "AnonymizationResult"
    value, _ = record_of(chance, name, customer_id=customer, purpose=PURPOSE, only_service=None)
    return each._replace(record=aimed._replace(value=value))


def _without_a_flood(frames: Iterable[Frame | None]) -> Iterable[Frame | None]:
    unknown: Counter[str] = Counter()
    for each in frames:
        if each and _code(each) == "unknown_schema":
            unknown[each.topic] += 1
            if unknown[each.topic] > UNKNOWN_AT_MOST:
                continue
        yield each


def _code(each: Frame) -> str | None:
    """Why it is refused; None where it is not."""
    try:
        match each.topic:
            case "events":
                read = read_record(each.record, PERSONAL_DATA)
                return read.code if isinstance(read, Refused) else None
            case "commands":
                read_command(each.record, "crm", PURPOSE)
            case "ticks":
                read_tick(each.record, each.record.timestamp)
    except InvalidRecordError as error:
        return error.code
    return None


def judge(case: History) -> Counter[str]:
    """Run every role over the history and account for each record."""
    world = World()
    world.people(*DUE, KEPT)
    _publish(world, case)
    world.run("state")
    _all_is_read(world)
    fates = _events_are_accounted_for(world)
    _good_ones_are_as_without(world, case.good)
    _release(world)
    world.request_tick()
    world.run()
    _nobody_waits(world)
    fates += _orders_are_accounted_for(world)
    assert world.anonymized("crm") == world.anonymized("loans") == {each for each in DUE if not world.item(each).holds}
    _trail_can_be_told(world)
    _letters_can_be_sent_again(world)
    _a_replay_changes_nothing(world)
    return fates


def _publish(world: World, case: History) -> None:
    good = iter(case.good)
    for each in case.frames:
        if each is None:
            world.publish(next(good))
        else:
            key, value, headers = each.record.key, each.record.value, each.record.headers
            topic = world.names.prefix + each.topic
            partition = each.record.partition % world.broker.partitions(topic)
            world.broker.append(topic, key, value, headers, partition=partition)


def _all_is_read(world: World) -> None:
    assert world.position_rows() == world.offsets.end(world.names.events), "POSITION does not reach the end"


def _events_are_accounted_for(world: World) -> Counter[str]:
    dead, halts = _dead(world, world.names.state_group), set(halting(world.table))
    fates: Counter[str] = Counter()
    for record in world.records("events"):
        if not meant_for([record], world.names.state_group):
            fates["event of another group"] += 1
            continue
        read = read_record(record, PERSONAL_DATA)
        if isinstance(read, Refused):
            _is_kept(record, read, dead)
            assert not read.halts or position_of(record) in halts, "a record that names nobody does not halt"
            _holds(world, record, read)
            fates["event halting" if read.halts else "event holding" if read.holds else "event of nobody"] += 1
        else:
            fates["event folded"] += 1
            assert read.event.product in world.item(read.customer_id).products, "an event is lost"
    return fates


def _holds(world: World, record: Record, read: Refused) -> None:
    position = position_of(record)
    overflown = {each for each in read.holds if OVERFLOW in world.item(each).holds}
    assert {*held_by(world.items, record, position), *overflown} == set(read.holds), "whom it may mean is not held"


def _is_kept(record: Record, read: Refused, dead: dict[str, list[tuple[Record, Dead]]]) -> None:
    kept = dead.get(position_of(record), [])
    if read.personal:
        assert any(told.withheld and letter.value is None for letter, told in kept), "a record is lost"
        return
    assert any(_same(letter, told, record) for letter, told in kept), "a record is lost, or changed"


def _same(letter: Record, told: Dead, record: Record) -> bool:
    copy = original_of(record.headers)
    own = copy.own if copy else record.headers
    return (letter.key, letter.value, list(told.own)) == (record.key, record.value, list(own))


def _dead(world: World, group: str) -> dict[str, list[tuple[Record, Dead]]]:
    found: dict[str, list[tuple[Record, Dead]]] = {}
    for record in world.records("dead-letters"):
        dead = dead_of(record.headers)
        if dead and dead.group == group:
            found.setdefault(str(dead.origin), []).append((record, dead))
    return found


def _good_ones_are_as_without(world: World, good: Iterable[Schedule | Postpone]) -> None:
    alone = World()
    alone.publish(*good)
    alone.run("state")
    for customer in (*DUE, KEPT):
        assert world.item(customer).products == alone.item(customer).products, "a good customer is not as without"


def _release(world: World) -> None:
    """A person does without the records that halt everything."""
    for position in halting(world.table):
        discard_halting(world.table, position, world.stamp)


def _nobody_waits(world: World) -> None:
    waiting = {name: health.waiting_for for name, health in world.healths.items() if health.waiting_for}
    assert not waiting, f"stopped: {waiting}"


def _orders_are_accounted_for(world: World) -> Counter[str]:
    now = world.clock.now()
    fates = _of_topic(world, "ticks", world.names.ticker_group, lambda record: read_tick(record, now))
    for service in world.stores:
        group = world.names.anonymizer_group(service)
        fates += _of_topic(world, "commands", group, lambda record, to=service: read_command(record, to, PURPOSE))  # type: ignore[misc]
    return fates


def _of_topic(world: World, topic: str, group: str, read: Callable[[Record], object]) -> Counter[str]:
    dead, fates = _dead(world, group), Counter[str]()
    for record in meant_for(world.records(topic), group):
        try:
            read(record)
        except InvalidRecordError as error:
            _is_dead(record, dead, error.code)
            fates[f"{topic} dead"] += 1
        else:
            fates[f"{topic} read"] += 1
    return fates


def _is_dead(record: Record, dead: dict[str, list[tuple[Record, Dead]]], code: str) -> None:
    kept = dead.get(position_of(record), [])
    assert any(_same(letter, told, record) for letter, told in kept), f"a record is lost: {code}"


def _trail_can_be_told(world: World) -> None:
    for customer in {record.key.decode(errors="ignore") for record in world.records("results") if record.key}:
        trail_of(MemoryReader(world.broker), world.offsets, world.names.results, customer)


def _letters_can_be_sent_again(world: World) -> None:
    """What a redrive sends comes back, every letter of it, and nobody stops at it."""
    reader = MemoryReader(world.broker)
    before = dlq.letters(reader, world.names.dead_letters)
    wanted = dlq.redrivable(before, parked=True)
    wanted = [each for each in wanted if each.origin.topic in {record.topic for record in world.records("events")}]
    Redrive(reader, world.sink, world.names.dead_letters, world.clock).run(wanted[:UNKNOWN_AT_MOST], "ann")
    world.days(1)
    world.run("state")
    _nobody_waits(world)
    _all_is_read(world)
    after = dlq.letters(reader, world.names.dead_letters)
    assert {(str(each.origin), each.group) for each in before} == {(str(each.origin), each.group) for each in after}


def _a_replay_changes_nothing(world: World) -> None:
    """The table contains no events any more, as after a restore: the state consumer folds the log again."""
    customers = {each.key.decode(errors="ignore") for each in world.records("state") if each.key}
    before = {each: world.item(each) for each in customers}
    for partition in world.position_rows():
        start = rows.to_json(Position(0, ""))
        rewrite(world.table, rows.position_key(partition), world.stamp, lambda _, body=start: body)  # type: ignore[misc]
    world.run("state")
    _nobody_waits(world)
    _all_is_read(world)
    for customer, item in before.items():
        assert world.item(customer) == item, "a replay changes an item"


TARGET = Target("worlds", make, judge)
