"""Commands a service owes, found through the index, and its release from them by a person."""

from collections.abc import Iterator
from typing import NamedTuple

from consumers.command_record import trace_of_item
from consumers.domain.errors import PermanentError
from consumers.domain.index import FAR, SHARDS, Prefix
from consumers.domain.item import Command, outstanding
from consumers.domain.outcomes import abandon
from consumers.domain.policy import Policy
from consumers.items import Change, Items, Stored, races
from consumers.ports import Clock, RecordSink, Table
from consumers.runtime.index_pages import index_pages
from consumers.runtime.records import trace_headers
from schemas.codec import encode

IN_FLIGHT: tuple[Prefix, ...] = ("lease", "partial")


class Owed(NamedTuple):
    """A command in flight that a service has not finished."""

    stored: Stored
    purpose: str
    command: Command


def owed(table: Table, items: Items, service: str) -> Iterator[Owed]:
    """Every command in flight that names the service and has no outcome of it that finishes it."""
    for stored in _in_flight(table, items):
        for name, state in stored.item.purposes.items():
            if state.command and service in outstanding(state.command):
                yield Owed(stored, name, state.command)


def _in_flight(table: Table, items: Items) -> Iterator[Stored]:
    for number in range(SHARDS):
        for prefix in IN_FLIGHT:
            for page in index_pages(table, prefix, number, FAR):
                yield from items.read(entry.id for entry in page).values()


def refuse_while_owed(table: Table, items: Items, service: str) -> None:
    """Raise PermanentError if the service owes something: it would be waited for in vain."""
    owing = sum(1 for _ in owed(table, items, service))
    if owing:
        raise PermanentError(
            f"{service} owes an answer to {owing} commands in flight; wait until `lapse status` shows none, pause it "
            f"with `lapse service stop {service}`, or release it for good with "
            f"`lapse service dry-run {service} --abandon --reason WHY`"
        )


def abandon_all(
    table: Table, items: Items, sink: RecordSink, results: str, service: str, policy: Policy, clock: Clock
) -> int:
    """Release a service, not live any more, from every command in flight; from how many. A second call finds none."""
    released = 0
    for each in list(owed(table, items, service)):
        released += abandon_one(items, sink, results, each, service, policy, clock)
    sink.flush()
    return released


def abandon_one(
    items: Items, sink: RecordSink, results: str, found: Owed, service: str, policy: Policy, clock: Clock
) -> bool:
    """Release a service from one command and say so on the trail; whether it owed it. Safe after the sink's flush."""
    stored = found.stored
    for _ in races():
        after = abandon(stored.item, found.purpose, found.command.id, service, clock.now())
        if after is None:
            return False
        stored, written = items.write([Change(stored, after)], policy)[0]
        if written:
            break
    items.publish(stored)
    customer = stored.item.customer_id
    fields = {
        "command_id": found.command.id,
        "attempt": found.command.attempt,
        "customer_id": customer,
        "purpose": found.purpose,
        "service": service,
        "outcome": "ABANDONED",
        "rows_by_table": {},
        "committed_at": found.command.committed_at,
        "finished_at": clock.now(),
    }
    headers = trace_headers(trace_of_item(stored.item))
    sink.send(results, customer.encode(), encode("AnonymizationResult", fields), headers)
    return True
