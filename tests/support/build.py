"""Builders: a whole value from the one thing a test cares about. Same arguments, same event, id included."""

import hashlib
import uuid
from datetime import UTC, datetime
from functools import reduce
from typing import Final, Literal, TypedDict, Unpack

from consumers.domain.item import Item
from consumers.domain.policy import Mode, Policy, Purpose
from consumers.domain.registers import Event, Product, Register, with_event
from consumers.domain.retention import Retention

SECOND: Final = 1_000_000
HOUR: Final = 3600 * SECOND
DAY: Final = 24 * HOUR
_LETTERS: Final = str.maketrans("0123456789", "ghijklmnop")
EVENT_IDS: Final = uuid.UUID("6f0f3f5e-2f0c-4f5e-8d0e-0d7c0a4b9a11")
NEVER: Final = 1 << 62
CUSTOMER: Final = "c-4711"


def at(text: str) -> int:
    """Microseconds of an ISO time: `2024-02-29`, `2024-10-27T01:30`; UTC where it names no offset."""
    read = datetime.fromisoformat(text)
    aware = read if read.tzinfo else read.replace(tzinfo=UTC)
    since = aware - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds


NOW: Final = at("2026-06-15T12:00")


def new_id(prefix: str = "c") -> str:
    """An id no other test has. Letters alone: digits in a row may look like a personal number, and are refused."""
    return f"{prefix}-{uuid.uuid4().hex[:12].translate(_LETTERS)}"


def event(
    kind: Literal["schedule", "postpone"] = "schedule",
    product: str = "loan/1",
    occurred: int = 0,
    date: int | None = 0,
    *,
    not_before: int | None = None,
    event_id: str | None = None,
    position: str | None = None,
    traceparent: str | None = None,
) -> Event:
    """A statement about a product; `date` is the start of retention or, in a postpone, its end (None: open)."""
    text = f"{kind} {product} {occurred} {date} {not_before} {event_id}"
    digest = hashlib.sha256(text.encode()).hexdigest()
    register = Register(
        occurred_at=occurred,
        event_id=event_id or str(uuid.uuid5(EVENT_IDS, text)),
        digest=digest,
        date=date,
        not_before=not_before,
        traceparent=traceparent,
    )
    return Event(kind, product, register, position or f"lapse.events-0-{int(digest[:8], 16)}")


class Details(TypedDict, total=False):
    """What a test of one statement may care about beside its dates."""

    not_before: int | None
    event_id: str
    position: str
    traceparent: str


def schedule(product: str = "loan/1", occurred: int = 0, starts: int | None = None, **more: Unpack[Details]) -> Event:
    """The reason for the product ended at `starts` (default: when it occurred)."""
    return event("schedule", product, occurred, occurred if starts is None else starts, **more)


def postpone(product: str = "loan/1", occurred: int = 0, until: int | None = None, **more: Unpack[Details]) -> Event:
    """Not before `until`; open-ended where there is none."""
    return event("postpone", product, occurred, until, **more)


def item(*events: Event, customer: str = CUSTOMER) -> Item:
    """The item of a customer about whom these events are known, nothing decided yet."""
    return reduce(_knowing, events, Item(customer))


def _knowing(known: Item, news: Event) -> Item:
    product: Product = with_event(known.products.get(news.product), news)
    return known._replace(products={**known.products, news.product: product})


def purpose(
    name: str = "marketing",
    *,
    services: tuple[str, ...] = ("crm", "newsletter"),
    products: frozenset[str] | None = None,
    retention: Retention | None = None,
) -> Purpose:
    """A purpose that keeps data for 30 days in UTC and looks at every product."""
    return Purpose(name, retention or Retention(days=30), services, products)


def policy(*purposes: Purpose, always: frozenset[str] = frozenset(), cap: int = 10_000) -> Policy:
    """A policy of these purposes, of `purpose()` alone where none is named. Leases run 6 h."""
    return Policy({one.name: one for one in purposes or (purpose(),)}, always=always, cap=cap)


def all_live(rules: Policy) -> dict[str, Mode]:
    """Every service of the policy switched on."""
    return {service: "live" for one in rules.purposes.values() for service in one.services}
