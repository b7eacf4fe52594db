"""Due dates: when a customer's data lapses for a purpose, computed from registers and policy alone."""

import uuid
from typing import Final

from consumers.domain.item import Item
from consumers.domain.policy import Policy, Purpose
from consumers.domain.registers import Product, Register, counts, identity
from consumers.domain.retention import Retention, after, up_to_day

NEVER: Final = 1 << 62
COMMAND_NAMESPACE: Final = uuid.UUID("8f4a6c1e-5d0b-5e7a-9c55-1a9f6b1d2c3e")


def scheduled_date(schedule: Register, retention: Retention) -> int:
    """When retention ends by a schedule: its start + retention, not before `not_before`, which can only lengthen."""
    ends = after(retention, schedule.date or 0)
    return ends if schedule.not_before is None else max(ends, schedule.not_before)


def product_date(product: Product, retention: Retention) -> int:
    """What one counted product asks for: a date, or NEVER. The newest register speaks; ties: the postpone."""
    schedule, postpone = product
    if postpone is None or (schedule is not None and schedule.occurred_at > postpone.occurred_at):
        assert schedule is not None, "a product has at least one register"
        return scheduled_date(schedule, retention)
    if postpone.date is None:
        return NEVER
    return postpone.date if schedule is None else max(postpone.date, scheduled_date(schedule, retention))


def counted(item: Item, purpose: Purpose, policy: Policy) -> list[Product]:
    """The products that still have something to say for the purpose."""
    return [
        product
        for name, product in item.products.items()
        if policy.lists(purpose, name) and counts(product, purpose.name)
    ]


def due_date(item: Item, purpose: Purpose, policy: Policy) -> int | None:
    """When the customer is due: microseconds, NEVER, or None where no counted product has a schedule.

    The latest of all counted products, rounded up to a local day. A hold means NEVER.
    """
    if item.holds:
        return NEVER
    products = counted(item, purpose, policy)
    dates = [product_date(product, purpose.retention) for product in products]
    if NEVER in dates:
        return NEVER
    if not any(product.schedule for product in products):
        return None
    return up_to_day(purpose.retention, max(dates))


def is_due(item: Item, purpose: Purpose, policy: Policy, at: int) -> bool:
    """Whether the due date has been reached at `at`."""
    date = due_date(item, purpose, policy)
    return date is not None and date <= at


def facts(item: Item, purpose: Purpose, policy: Policy) -> frozenset[tuple[int, str, str]]:
    """The identities of all registers of the purpose's kinds, spent or not."""
    return frozenset(
        identity(register)
        for name, product in item.products.items()
        if policy.lists(purpose, name)
        for register in product
        if register is not None
    )


def command_id(item: Item, purpose: Purpose, policy: Policy) -> str:
    """The name of the command these facts give: the same facts the same id, even after a rebuild.

    The digest is part of it: a producer that reuses an event id for another statement gets a new command, not one
    the ledgers take for carried out.
    """
    events = sorted(f"{event_id}:{digest}" for _, event_id, digest in facts(item, purpose, policy))
    return str(uuid.uuid5(COMMAND_NAMESPACE, "\n".join([item.customer_id, purpose.name, *events])))
