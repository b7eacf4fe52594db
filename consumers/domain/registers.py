"""Registers: what product services said last, kept so that order and repetition do not matter.

Per product two last-writer-wins registers, newest schedule and newest postpone. "Newest" is the total order
`(occurred_at, event_id, digest)`; merging the same event unites its spent marks. That makes merging a join:
commutative, associative, idempotent. All times are microseconds since the epoch, UTC.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

NOTHING_SPENT: frozenset[str] = frozenset()


class Register(NamedTuple):
    """One statement of a product service.

    `date` is `retention_starts_at` of a schedule and `until` of a postpone (None: open-ended). `digest` is a hash of
    the record's bytes, so that two records that claim one `event_id` still have an order. `spent` names the purposes
    whose commit has used this statement up.
    """

    occurred_at: int
    event_id: str
    digest: str
    date: int | None
    not_before: int | None = None
    spent: frozenset[str] = NOTHING_SPENT
    traceparent: str | None = None


class Product(NamedTuple):
    """The two registers of one product."""

    schedule: Register | None = None
    postpone: Register | None = None


class Event(NamedTuple):
    """A schedule or postpone as read from the topic. `position` is its original topic-partition-offset."""

    kind: Literal["schedule", "postpone"]
    product: str
    register: Register
    position: str


def kind_of(product: str) -> str:
    """The part of a product before the slash."""
    return product.partition("/")[0]


def identity(register: Register) -> tuple[int, str, str]:
    """What orders a register and tells it from every other one."""
    return register[:3]


def merge_register(one: Register | None, other: Register | None) -> Register | None:
    """The join of two registers: the newer one; of the same event, the union of the spent marks."""
    if one is None or other is None:
        return other if one is None else one
    if one[:3] != other[:3]:
        return one if one[:3] > other[:3] else other
    traces = [trace for trace in (one.traceparent, other.traceparent) if trace]
    merged = one._replace(spent=one.spent | other.spent, traceparent=min(traces, default=None))
    return one if merged == one else merged


def merge_product(one: Product, other: Product) -> Product:
    """The join of two products, register by register."""
    return Product(merge_register(one.schedule, other.schedule), merge_register(one.postpone, other.postpone))


def merge_products(one: Mapping[str, Product], other: Mapping[str, Product]) -> dict[str, Product]:
    """The join of two sets of products."""
    merged = dict(one)
    for name, product in other.items():
        merged[name] = merge_product(merged[name], product) if name in merged else product
    return merged


def with_event(product: Product | None, event: Event) -> Product:
    """The product after this event; the very same object where the event is not news."""
    product = product or Product()
    if event.kind == "schedule":
        newest = merge_register(product.schedule, event.register)
        return product if newest is product.schedule else Product(newest, product.postpone)
    newest = merge_register(product.postpone, event.register)
    return product if newest is product.postpone else Product(product.schedule, newest)


def counts(product: Product, purpose: str) -> bool:
    """Whether either register still says something the purpose has not used up."""
    schedule, postpone = product
    return (schedule is not None and purpose not in schedule.spent) or (
        postpone is not None and purpose not in postpone.spent
    )


def spend(product: Product, purpose: str) -> Product:
    """The product with both registers used up for the purpose, the newest and the one it superseded."""
    return Product(_spent(product.schedule, purpose), _spent(product.postpone, purpose))


def _spent(register: Register | None, purpose: str) -> Register | None:
    return register and register._replace(spent=register.spent | {purpose})
