"""Doing without a record for ever: its hold goes, its halt goes, and a replay skips it."""

from contextlib import suppress

from consumers.domain import rows
from consumers.domain.errors import InvalidRecordError, PermanentError
from consumers.domain.folding import discard
from consumers.domain.item import PERSON, Item
from consumers.domain.policy import Policy
from consumers.domain.rows import Halt
from consumers.items import Items, rewrite_item
from consumers.operations.abandoning import Owed, abandon_one
from consumers.ports import Clock, Record, RecordSink, Stamp, Table
from consumers.runtime.control import rewrite
from schemas.codec import decode
from schemas.library import COMMANDS, EVENTS
from schemas.validate import check_customer_id


def discard_held(
    items: Items, customer_id: str, position: str, by: str, reason: str, policy: Policy, clock: Clock
) -> None:
    """Skip for ever the record that holds a customer, named by topic-partition-offset.

    Raises:
        PermanentError: No such record holds this customer.
    """

    def discarded(item: Item) -> Item:
        if position not in item.holds or position.startswith(PERSON):
            raise PermanentError("no record of that name holds this customer; `lapse hold list` names those that do")
        return discard(item, position, by, reason, clock.now())

    rewrite_item(items, customer_id, discarded, policy)


def discard_halting(table: Table, position: str, stamp: Stamp) -> None:
    """Skip for ever a record that halts everything, named by topic-partition-offset.

    Raises:
        PermanentError: No such record halts.
    """

    def discarded(body: bytes | None) -> bytes:
        halt = rows.halt(body) if body else Halt()
        if position not in halt.positions:
            raise PermanentError("no record of that name halts; `lapse status` names those that do")
        left = tuple(each for each in halt.positions if each != position)
        return rows.to_json(Halt(left, (*halt.discarded, position)))

    rewrite(table, rows.ALL_HALT, stamp, discarded)


def halting(table: Table) -> tuple[str, ...]:
    """The records that halt everything."""
    row = table.read([rows.ALL_HALT]).get(rows.ALL_HALT)
    return rows.halt(row.body).positions if row else ()


def held_by(items: Items, record: Record, position: str) -> list[str]:
    """The customers a dead event holds, as its key and its value name them."""
    customers = items.read(sorted(_named(record)))
    return [customer for customer, stored in customers.items() if position in stored.item.holds]


def _named(record: Record) -> set[str]:
    named = set()
    if record.key:
        named.add(record.key.decode(errors="replace"))
    with suppress(InvalidRecordError):  # its value names nobody
        named.add(str(decode(record.value, EVENTS).fields["customer_id"]))
    return {each for each in named if _is_id(each)}


def _is_id(customer_id: str) -> bool:
    try:
        check_customer_id(customer_id)
    except InvalidRecordError:
        return False
    return True


def abandon_command(
    items: Items, sink: RecordSink, results: str, record: Record, service: str, policy: Policy, clock: Clock
) -> bool:
    """Release a service from the committed command it failed at; whether it still owed it. Safe after the flush."""
    try:
        fields = decode(record.value, COMMANDS).fields
    except InvalidRecordError:
        return False
    stored = items.read([fields["customer_id"]])[fields["customer_id"]]
    command = stored.item.of(fields["purpose"]).command
    if command is None or command.id != fields["command_id"] or command.phase != "COMMITTED":
        return False
    return abandon_one(items, sink, results, Owed(stored, fields["purpose"], command), service, policy, clock)
