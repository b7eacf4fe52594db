"""Looking after every customer, without a scan: their names come from lapse.state, what is decided from the table."""

from collections.abc import Callable
from typing import NamedTuple

from consumers.command_record import send_command
from consumers.domain.errors import PermanentError
from consumers.domain.index import index_keys
from consumers.domain.rebuilding import backfilled
from consumers.items import Change, Items
from consumers.operations.batches import batches
from consumers.operations.statelog import StateLog
from consumers.ports import Clock, RecordSink, Table
from consumers.runtime.control import Control, read_policy

Told = Callable[[int], None]


def _nobody(_: int) -> None:
    """Nobody wants to hear of progress."""


class Audited(NamedTuple):
    """What an audit found: customers published, those published otherwise than they stand, those not in the table."""

    customers: int
    older: int
    missing: int


def audit(log: StateLog, items: Items, sink: RecordSink, *, execute: bool, done: Told = _nobody) -> Audited:
    """Publish again whatever lapse.state has in an older version than the table. A second call finds nothing.

    Who stands in the table though the topic says he was forgotten (a paused writer's tombstone) is among them. Who was
    never published cannot be found this way, nor any other without a scan.
    """
    found = Audited(0, 0, 0)
    for seen in log.newest():
        for customers in batches(seen):
            batch = items.read(customers)
            missing = [each for each, stored in batch.items() if stored.row is None and seen[each].version]
            older = [
                stored
                for each, stored in batch.items()
                if stored.row and (stored.row.version, stored.row.stamp) != (seen[each].version, seen[each].stamp)
            ]
            for stored in older if execute else ():
                items.publish(stored)
            sink.flush()
            published = sum(bool(seen[each].version) for each in batch)
            found = Audited(found.customers + published, found.older + len(older), found.missing + len(missing))
            done(len(batch))
    return found


class Touched(NamedTuple):
    """Customers looked at, and those whose place in the index was not the one the policy gives them."""

    customers: int
    moved: int


def touch(
    table: Table, log: StateLog, items: Items, sink: RecordSink, *, execute: bool, done: Told = _nobody
) -> Touched:
    """Give every customer the place in the index that the policy in force gives. A second call moves nobody.

    After a shorter retention, a new purpose or other kinds of products: nobody is due before this has run.
    """
    found = Touched(0, 0)
    for customers in log.customers():
        policy = read_policy(table)
        there = [stored for stored in items.read(customers).values() if stored.row]
        moved = [stored for stored in there if stored.row and index_keys(stored.item, policy) != stored.row.keys]
        # who lost the race wrote the place himself
        for stored, written in items.write([Change(each, each.item) for each in moved], policy) if execute else ():
            if written:
                items.publish(stored)
        sink.flush()
        found = Touched(found.customers + len(there), found.moved + len(moved))
        done(len(customers))
    return found


def backfill(
    table: Table,
    log: StateLog,
    items: Items,
    sink: RecordSink,
    commands: str,
    service: str,
    clock: Clock,
    *,
    execute: bool,
    done: Told = _nobody,
) -> int:
    """Send the completed commands of every customer to a service added since; how many. Twice is harmless.

    Raises:
        PermanentError: The policy has no such service, or it is not live.
    """
    control = Control.read(table)
    purpose = control.policy.purpose_of(service)
    if purpose is None:
        raise PermanentError(f"the policy has no service {service}; `lapse policy apply` puts it in force")
    if control.modes.get(service) != "live":
        raise PermanentError(f"{service} is not live; look at its dry run, then `lapse service enable {service}`")
    owed = 0
    for customers in log.customers():
        now = clock.now()
        for stored in items.read(customers).values():
            sent = backfilled(stored.item, purpose, service, control.policy, now)
            if sent:
                owed += 1
                if execute:
                    send_command(sink, commands, stored.item, sent)
        sink.flush()
        done(len(customers))
    return owed
