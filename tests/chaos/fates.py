"""Fates: what product services say about a customer, and when, as a script that waits between its lines."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final, Protocol
from uuid import UUID

from consumers.domain.retention import micros
from producer_client import Postpone, Schedule, encode
from tests.chaos.customers import FOREVER, Customer, Row, Unreadable, event_of
from tests.support.build import _LETTERS

SOURCE: Final = "chaos"
FUTURE: Final = timedelta(minutes=5)  # further ahead than that is refused
Wait = Callable[[], bool]


class Teller(Protocol):
    """What a fate can have done; all but `say` and `spoil` wait for nothing. What is given back is to be waited for."""

    def say(self, customer: Customer, statement: Schedule | Postpone) -> Wait:
        """Publish; true once acknowledged."""

    def spoil(self, customer: Customer, record: Unreadable) -> Wait:
        """Publish a record that cannot be handled; true once acknowledged."""

    def after(self, least: float, most: float) -> Wait:
        """True after some seconds."""

    def done(self, customer: Customer, times: int = 1) -> Wait:
        """True once every service's ledger says that the customer was anonymized so many times."""

    def comes_back(self, customer: Customer) -> Wait:
        """Give the customer new rows; true once they are committed."""

    def becomes_inactive(self, customer: Customer) -> Wait:
        """Take the customer off the voting service's list; true once that is committed."""

    def discard(self, customer: Customer) -> Wait:
        """Discard the customer's unreadable record; true once the command has succeeded."""

    def redrive(self, customer: Customer) -> Wait:
        """Redrive again and again until the customer is anonymized."""


class Script:
    """What a fate says, with ids and times of its own."""

    def __init__(self, customer: Customer, teller: Teller, chance: Random) -> None:
        self.customer, self.teller, self.chance = customer, teller, chance

    def closed(self, product: str, *, days: int = 60, now: bool = False) -> Wait:
        """The product's retention has run for so many days. `now`: said of today, so that it supersedes a postpone."""
        today = datetime.now(UTC)
        starts = today - timedelta(days=days)
        return self.teller.say(
            self.customer,
            Schedule(
                customer_id=self.customer.id,
                product=product,
                retention_starts_at=starts,
                occurred_at=today if now else starts,
                source=SOURCE,
                event_id=self.event_id(),
            ),
        )

    def postponed(self, product: str, *, days: int | None = None) -> Wait:
        """The product stands: open-ended, or until so many days from now."""
        today = datetime.now(UTC)
        return self.teller.say(
            self.customer,
            Postpone(
                customer_id=self.customer.id,
                product=product,
                until=None if days is None else today + timedelta(days=days),
                occurred_at=today,
                source=SOURCE,
                event_id=self.event_id(),
            ),
        )

    def event_id(self) -> UUID:
        """The next event id of this script."""
        return UUID(int=self.chance.getrandbits(128), version=4)

    def done(self, times: int = 1) -> Wait:
        """Wait until anonymized everywhere."""
        return self.teller.done(self.customer, times)

    def later(self, least: float = 1.0, most: float = 12.0) -> Wait:
        """Wait for some seconds."""
        return self.teller.after(least, most)


Fate = Callable[[Script], Iterator[Wait]]


def due(script: Script) -> Iterator[Wait]:
    yield script.closed("loan/1")
    yield script.done()


def not_due(script: Script) -> Iterator[Wait]:
    yield script.closed("loan/1", days=3)


def bystander(script: Script) -> Iterator[Wait]:
    """Rows, and nothing is ever said."""
    yield from ()


def standing(script: Script) -> Iterator[Wait]:
    """A product that stands, by an open-ended postpone or by a date to come, and another that is long over."""
    yield script.postponed("loan/2", days=script.chance.choice([None, 40]))
    yield script.closed("loan/1")


def lifted(script: Script) -> Iterator[Wait]:
    """Postponed, due but for that, and let go later: the product closed or the legal hold released."""
    hold = script.chance.random() < 0.3
    product = "legal-hold/1" if hold else "loan/2"
    yield script.postponed(product)
    yield script.closed("loan/1")
    yield script.later()
    yield script.postponed(product, days=-40) if hold else script.closed(product, now=True)
    yield script.done()


def raced(script: Script) -> Iterator[Wait]:
    """Due, and postponed while the command is under way: either wins, everywhere."""
    yield script.closed("loan/1")
    yield script.later(0.0, 8.0)
    yield script.postponed("loan/2")


def raced_and_lifted(script: Script) -> Iterator[Wait]:
    yield from raced(script)
    yield script.later(0.0, 8.0)
    yield script.closed("loan/2", now=True)


def back(script: Script) -> Iterator[Wait]:
    """Comes back when anonymized, with new rows, and stays."""
    yield from due(script)
    yield script.later(0.0, 4.0)
    yield script.postponed("loan/2")
    yield script.teller.comes_back(script.customer)


def back_and_gone(script: Script) -> Iterator[Wait]:
    """Comes back and is anonymized again."""
    yield from back(script)
    yield script.later(0.0, 6.0)
    yield script.closed("loan/2", now=True)
    yield script.done(2)


def active(script: Script) -> Iterator[Wait]:
    """Due, but the voting service's guard lists the customer for good."""
    yield script.closed("loan/1")


def active_for_a_while(script: Script) -> Iterator[Wait]:
    yield script.closed("loan/1")
    yield script.later(2.0, 15.0)
    yield script.teller.becomes_inactive(script.customer)
    yield script.done()


def held(script: Script) -> Iterator[Wait]:
    """A postpone nobody can read, and nobody does anything about it."""
    yield script.teller.spoil(script.customer, Unreadable("undecodable", b"a postpone that nobody can read"))
    yield script.closed("loan/1")


def discarded(script: Script) -> Iterator[Wait]:
    yield from held(script)
    yield script.later(2.0, 10.0)
    yield script.teller.discard(script.customer)
    yield script.done()


def redriven(script: Script) -> Iterator[Wait]:
    """A postpone dated further ahead than is believed, sent again when it is not any more; it is over by then."""
    believed = datetime.now(UTC) + timedelta(seconds=script.chance.uniform(6, 12))
    said = Postpone(
        customer_id=script.customer.id,
        product="loan/2",
        until=believed - timedelta(days=40),
        occurred_at=believed + FUTURE,
        source=SOURCE,
        event_id=script.event_id(),
    )
    record = Unreadable("too_far_in_the_future", encode(said).value, event_of(said), released=micros(believed))
    yield script.teller.spoil(script.customer, record)
    yield script.closed("loan/1")
    yield script.teller.redrive(script.customer)
    yield script.done()


FATES: Final[dict[str, tuple[Fate, int]]] = {
    "due": (due, 36),
    "not due": (not_due, 6),
    "bystander": (bystander, 4),
    "standing": (standing, 7),
    "lifted": (lifted, 12),
    "raced": (raced, 6),
    "raced and lifted": (raced_and_lifted, 5),
    "back": (back, 6),
    "back and gone": (back_and_gone, 7),
    "active": (active, 2),
    "active for a while": (active_for_a_while, 4),
    "held": (held, 2),
    "discarded": (discarded, 1),
    "redriven": (redriven, 2),
}
"""Each fate with how many of a hundred customers have it."""
OBJECTED: Final = frozenset({"active", "active for a while"})


def town(seed: int, count: int) -> list[Customer]:
    """So many customers, some of every fate, in any order."""
    chance = Random(seed)
    fates = [name for name, (_, share) in FATES.items() for _ in range(max(2, round(share * count / 100)))]
    chance.shuffle(fates)
    return [_customer(fate, chance) for fate in fates]


def _customer(fate: str, chance: Random) -> Customer:
    # letters alone: digits in a row may look like a personal number, and are refused
    made = Customer(f"c-{chance.getrandbits(48):012x}".translate(_LETTERS), fate)
    made.active_until = FOREVER if fate in OBJECTED else 0
    made.rows.append(Row(0, f"Name of {made.id}", f"{made.id}@example.invalid"))
    return made


def scripts(customers: Sequence[Customer], teller: Teller, seed: int) -> list[Iterator[Wait]]:
    """The life of each customer, not yet begun."""
    return [FATES[each.fate][0](Script(each, teller, Random(f"{seed} {each.id}"))) for each in customers]
