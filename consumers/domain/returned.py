"""Data that came back: what it means, by the item, and how a customer becomes due again without a word changed."""

import uuid
from typing import Final, Literal, NamedTuple

from consumers.domain.due import counted, is_due, product_date
from consumers.domain.item import Item
from consumers.domain.policy import Policy, Purpose
from consumers.domain.registers import Product, Register

EVENT_IDS: Final = uuid.UUID("0b6a7d5e-3c1f-5b7e-8a56-6e2f7d94c1b0")

Standing = Literal["returned", "forgotten", "due", "kept"]
"""returned: nothing counts since, so it is to be erased again. forgotten: nor is a fact left to become due by.

due: a command is under way, deferred, or comes with the next tick. kept: something newer counts, or not yet.
"""


class Again(NamedTuple):
    """The newest statement about a product, to be said again. `register` has a new id, a moment after the old one."""

    kind: Literal["schedule", "postpone"]
    product: str
    register: Register


def standing(item: Item, purpose: Purpose, service: str, policy: Policy, now: int) -> Standing:
    """What personal data in a service mean whose command was carried out there."""
    state = item.of(purpose.name)
    if state.command or service in state.deferred:
        return "due"
    if counted(item, purpose, policy):
        return "due" if is_due(item, purpose, policy, now) else "kept"
    return "returned" if said_again(item, purpose, policy) else "forgotten"


def said_again(item: Item, purpose: Purpose, policy: Policy) -> Again | None:
    """The statement by which the customer becomes due for the purpose as he was before; None: no product tells.

    No due date of any purpose changes by it: where the product still counts it says what it said; where it was spent,
    it is due since when it was. It is dated a microsecond after the newest statement of its product, so that whatever
    a product service says later, folded yet or not, wins. Asked again before it is folded, it is the same event.
    """
    scheduled = [
        (product_date(product, purpose.retention), name, product)
        for name, product in item.products.items()
        if product.schedule and policy.lists(purpose, name)
    ]
    if not scheduled:
        return None
    _, name, product = min(scheduled)
    return _again(item.customer_id, name, product)


def _again(customer_id: str, name: str, product: Product) -> Again:
    schedule, postpone = product
    assert schedule is not None, "only a product with a schedule has a due date"
    speaks = postpone is None or schedule.occurred_at > postpone.occurred_at
    newest = schedule if postpone is None or speaks else postpone
    at = newest.occurred_at + 1
    event_id = uuid.uuid5(EVENT_IDS, f"{customer_id}\n{name}\n{newest.event_id}:{newest.digest}\n{at}")
    register = newest._replace(occurred_at=at, event_id=str(event_id), spent=frozenset())
    return Again("schedule" if speaks else "postpone", name, register)
