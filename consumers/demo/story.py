"""What happens to the demo's customers, as product services tell it, and who must be anonymized by it.

The expectation is computed from the statements alone, in the plainest way, so that the demo can be wrong.
"""

import random
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from producer_client import LapseProducer

RETENTION_DAYS = 30
SEED = 20_260_101
Said = Literal["opened", "closed", "postponed", "legal_hold"]
Fate = Literal["due", "not yet due", "postponed", "open product", "legal hold", "unreadable", "nothing said"]

# how many of 20 customers have each fate
SHARES: tuple[tuple[Fate, int], ...] = (
    ("due", 11),
    ("not yet due", 2),
    ("postponed", 3),
    ("open product", 2),
    ("legal hold", 1),
    ("nothing said", 1),
)


class Statement(NamedTuple):
    """Something a product service says. `until` only of a postponement."""

    customer_id: str
    product: str
    said: Said
    occurred_at: datetime
    until: datetime | None = None


class Customer(NamedTuple):
    """A customer of the demo."""

    customer_id: str
    fate: Fate
    statements: tuple[Statement, ...]


def customers(count: int, now: datetime) -> list[Customer]:
    """The customers of the demo; the first one is the one whose postpone cannot be read."""
    chance = random.Random(SEED)  # noqa: S311 - the same people every time
    fates: list[Fate] = [fate for fate, share in SHARES for _ in range(share)]
    made = []
    for number in range(count):
        fate: Fate = "unreadable" if number == 0 else fates[number % len(fates)]
        customer_id = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        made.append(Customer(customer_id, fate, _statements(customer_id, fate, now, chance)))
    return made


def _statements(customer_id: str, fate: Fate, now: datetime, chance: random.Random) -> tuple[Statement, ...]:
    if fate == "nothing said":
        return ()
    loan = f"loan/{chance.randrange(10**6)}"
    closed = now - timedelta(days=RETENTION_DAYS + 2 + chance.randrange(300))
    opened = Statement(customer_id, loan, "opened", closed - timedelta(days=400))
    if fate == "not yet due":
        return opened, Statement(customer_id, loan, "closed", now - timedelta(days=chance.randrange(RETENTION_DAYS)))
    told = (opened, Statement(customer_id, loan, "closed", closed))
    if fate == "postponed":
        later = now + timedelta(days=10 + chance.randrange(100))
        return *told, Statement(customer_id, "activity", "postponed", now - timedelta(days=1), later)
    if fate == "open product":
        return *told, Statement(customer_id, "card/1", "opened", now - timedelta(days=3))
    if fate == "legal hold":
        return *told, Statement(customer_id, "77", "legal_hold", now - timedelta(days=5))
    return told


def is_due(statements: Sequence[Statement], now: datetime) -> bool:
    """Whether these statements make a customer due: every product closed long enough ago, nothing postponed."""
    newest: dict[str, Statement] = {}
    for statement in sorted(statements, key=lambda each: each.occurred_at):
        newest[statement.product] = statement
    closed = [each for each in newest.values() if each.said == "closed"]
    waits = [each for each in newest.values() if each.said in {"opened", "legal_hold"}]
    waits += [each for each in newest.values() if each.until and each.until > now]
    # a day more than the retention, for the rounding to a local day
    recent = [each for each in closed if each.occurred_at > now - timedelta(days=RETENTION_DAYS + 1)]
    return bool(closed) and not waits and not recent


def say(producer: LapseProducer, statement: Statement) -> None:
    """Publish a statement, as a product service would."""
    customer_id, product, said, occurred_at, until = statement
    if said == "opened":
        producer.product_opened(customer_id, product, occurred_at=occurred_at)
    elif said == "closed":
        producer.product_closed(customer_id, product, closed_at=occurred_at)
    elif said == "legal_hold":
        producer.legal_hold(customer_id, product, occurred_at=occurred_at)
    else:
        producer.postpone(customer_id, product, until=until, occurred_at=occurred_at)
