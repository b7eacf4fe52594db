"""Product services: what they say, when it arrives, how often, and what cannot be read."""

import uuid
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from consumers.domain.retention import moment
from producer_client import Postpone, Schedule
from producer_client import encode as encode_event
from producer_client.events import Event
from tests.simulation.installation import BOOKS, CARE, CUSTOMERS, Installation
from tests.simulation.truth import VOTERS

PRODUCTS: Final = ("loan/1", "loan/1", "loan/2", "activity", "legal-hold/7")
GARBAGE: Final = b"\xff\xfe not a record"
LONG_AGO: Final = moment(0)


class ProductServices:
    """Publishes. Every method is something that may happen."""

    def __init__(self, whole: Installation, chance: Random) -> None:
        self._whole, self._chance = whole, chance
        self._world, self._truth = whole.world, whole.truth
        self._late: list[Event] = []
        self._published: list[Event] = []

    def schedule(self) -> None:
        """The reason for a product's data ended."""
        at = self._when()
        starts = at - timedelta(days=self._chance.choice([0, 29, 31, 61, 90, 90]))
        self._say(Schedule(**self._about(at), retention_starts_at=starts))

    def postpone(self) -> None:
        """Not before a time, or not while it stands."""
        at = self._when()
        until = self._chance.choice([None, at, at, self._now() + timedelta(days=self._chance.choice([1, 20]))])
        self._say(Postpone(**self._about(at), until=until))

    def _when(self) -> datetime:
        """When it occurred: now, or a while ago."""
        ago = self._chance.choice([0, 0, 0, 1, 10, 40])
        return self._now() - timedelta(days=ago, seconds=self._chance.randrange(60))

    def tie(self) -> None:
        """A statement of the other kind at the very moment of another one."""
        if self._published:
            other = self._chance.choice(self._published)
            told = ("customer_id", "product", "occurred_at", "source")
            about = {name: getattr(other, name) for name in told} | {"event_id": self.name()}
            postpone = isinstance(other, Schedule)
            self._say(Postpone(**about, until=None) if postpone else Schedule(**about, retention_starts_at=LONG_AGO))

    def _about(self, at: datetime) -> dict[str, Any]:
        customer = self.somebody()
        known = sorted(self._truth.item(customer).products)
        return {
            "customer_id": customer,
            "product": self._chance.choice(known if known and self._chance.random() < 0.5 else PRODUCTS),
            "occurred_at": at,
            "source": "simulation",
            "event_id": self.name(),
        }

    def somebody(self) -> str:
        """Anybody, but rather one about whom something is under way."""
        busy = [each for each in CUSTOMERS if any(s.command for s in self._truth.item(each).purposes.values())]
        return self._chance.choice(busy) if busy and self._chance.random() < 0.4 else self.anybody()

    def _say(self, event: Event) -> None:
        self._published.append(event)
        if self._chance.random() < 0.3:
            self._late.append(event)
        else:
            self._send(event)

    def arrive(self) -> None:
        """What was late arrives."""
        if self._late:
            self._send(self._late.pop(self._chance.randrange(len(self._late))))

    def duplicate(self) -> None:
        """What was published is published again."""
        if self._published:
            self._send(self._chance.choice(self._published))

    def _send(self, event: Event) -> None:
        encoded = encode_event(event)
        self._append(encoded.key, encoded.value)

    def _append(self, key: bytes | None, value: bytes | None) -> None:
        if not self._world.broker.away:
            self._truth.appended(self._world.broker.append(self._world.names.events, key, value))

    def unreadable(self) -> None:
        """A record nobody can handle: garbage, of tomorrow, for two customers, for nobody."""
        customer = self.anybody()
        ahead = self._now() + timedelta(hours=1)
        late = encode_event(Postpone(**(self._about(ahead) | {"customer_id": customer}), until=None))
        other = encode_event(Postpone(**self._about(self._now()), until=None))
        key, value = self._chance.choice(
            [(customer.encode(), GARBAGE), (late.key, late.value), (customer.encode(), other.value), (None, GARBAGE)]
        )
        self._append(key, value)

    def come_back(self) -> None:
        """A customer comes back, rather one in hand: the postpone is acknowledged before the rows are there."""
        done = [each for each in CUSTOMERS if any(self._truth.item(each).of(name).last for name in (CARE, BOOKS))]
        in_hand = [each for process in self._whole.scheduler.processes for each in process.in_hand if each in done]
        if not done or self._world.broker.away or (not in_hand and self._chance.random() < 0.7):
            return
        customer = self._chance.choice(in_hand or done)
        said = {"customer_id": customer, "product": "loan/1"}  # of a kind for which every database keeps data
        self._send(Postpone(**(self._about(self._now()) | said), until=None))
        self._whole.arrive(customer)
        self._truth.tell("customer came back")

    def activity(self) -> None:
        """A database has, or has no more, an active product nobody has told of yet."""
        active = self._world.stores[self._chance.choice(sorted(VOTERS))].active
        assert active is not None, "it has a guard"
        active ^= {self.somebody()}

    def publish_all(self) -> None:
        """Everything that is late arrives."""
        while self._late:
            self._send(self._late.pop())

    def anybody(self) -> str:
        """A customer."""
        return self._chance.choice(CUSTOMERS)

    def name(self) -> str:
        """A name nobody has, drawn from the seed."""
        return str(uuid.UUID(int=self._chance.getrandbits(128), version=4))

    def _now(self) -> datetime:
        return moment(self._world.clock.now())
