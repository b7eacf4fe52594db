"""One customer: due dates and why, and holds a person adds or lifts."""

from typing import Any

from consumers.domain import rows
from consumers.domain.due import NEVER, counted, due_date, product_date
from consumers.domain.errors import PermanentError
from consumers.domain.item import MAX_HOLDS, PERSON, Hold, Item
from consumers.domain.policy import Policy, Purpose
from consumers.domain.registers import counts
from consumers.domain.retention import moment
from consumers.item_record import from_bytes
from consumers.items import Items, rewrite_item
from consumers.ports import Clock, Table


class UnknownCustomerError(PermanentError):
    """Nothing is known of this customer: no event was folded, or all was forgotten."""


def customer(table: Table, customer_id: str) -> Item:
    """The customer's item. UnknownCustomerError: there is none."""
    key = rows.state_key(customer_id)
    row = table.read([key]).get(key)
    if row is None:
        raise UnknownCustomerError
    return from_bytes(row.body)


def explained(item: Item, policy: Policy) -> dict[str, Any]:
    """Due dates and why, as plain values for printing."""
    return {
        "customer_id": item.customer_id,
        "purposes": {name: _purpose(item, purpose, policy) for name, purpose in policy.purposes.items()},
        "holds": {name: {**hold._asdict(), "since": when(hold.since)} for name, hold in item.holds.items()},
        "discarded": sorted(item.discarded),
    }


def when(at: int | None) -> str | None:
    """A time for a person: ISO 8601 in UTC, `never`, or None."""
    if at is None:
        return None
    return "never" if at >= NEVER else moment(at).isoformat()


def _purpose(item: Item, purpose: Purpose, policy: Policy) -> dict[str, Any]:
    state = item.of(purpose.name)
    command, last = state.command, state.last
    return {
        "due": when(due_date(item, purpose, policy)),
        "retry_at": when(state.retry_at),
        "deferred": {service: when(at) for service, at in state.deferred.items()},
        "counted": len(counted(item, purpose, policy)),
        "products": {
            name: {
                "counts": counts(product, purpose.name),
                "traceparents": sorted(
                    {register.traceparent for register in product if register and register.traceparent}
                ),
                "asks_for": when(product_date(product, purpose.retention)),
            }
            for name, product in item.products.items()
            if policy.lists(purpose, name)
        },
        "command": command
        and {
            "id": command.id,
            "attempt": command.attempt,
            "phase": command.phase,
            "votes": {service: vote.vote for service, vote in command.votes.items()},
            "services": {service: command.outcomes.get(service, "outstanding") for service in command.services},
            "lease_until": when(command.lease_until),
            "committed_at": when(command.committed_at),
        },
        "last": last and {"id": last.id, "outcomes": dict(last.outcomes), "committed_at": when(last.committed_at)},
    }


def add_hold(items: Items, customer_id: str, by: str, reason: str, policy: Policy, clock: Clock) -> str:
    """Hold a customer under a person's name; the hold's name. The customer need not be known yet."""
    name = f"{PERSON}{clock.now()}"

    def held(item: Item) -> Item:
        if len(item.holds) >= MAX_HOLDS:
            raise PermanentError("this customer has as many holds as fit; lift one first")
        return item._replace(holds={**item.holds, name: Hold(clock.now(), "person", by, reason)})

    rewrite_item(items, customer_id, held, policy)
    return name


def lift_hold(items: Items, customer_id: str, name: str, policy: Policy) -> None:
    """Lift a hold that a person set.

    Raises:
        PermanentError: No such hold, or it stands for a dead-lettered record, which only folding that record lifts.
    """

    def lifted(item: Item) -> Item:
        if name not in item.holds:
            raise PermanentError("no such hold; `lapse hold list` names those that stand")
        if not name.startswith(PERSON):
            raise PermanentError("this hold stands for a dead-lettered record; only folding that record lifts it")
        return item._replace(holds={each: hold for each, hold in item.holds.items() if each != name})

    rewrite_item(items, customer_id, lifted, policy)
