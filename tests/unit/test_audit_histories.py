"""Whatever happens to an installation that works, an audit finds nothing once it has come to rest."""

import random
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest

from consumers.adapters.memory.reader import MemoryReader
from consumers.adapters.memory.store import MemoryRow
from consumers.domain.retention import moment
from consumers.operations import dlq
from consumers.operations.discarding import discard_held, held_by
from producer_client import Postpone, Schedule
from producer_client.events import Event
from tests.support.build import DAY
from tests.support.falsified import audited, codes, proven
from tests.support.world import World, partitions

CUSTOMERS = tuple("abcdefg")
PRODUCTS = ("loan/1", "card/2", "activity")


class Life:
    """Things that happen, by chance; the same seed, the same life."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.world = proven(World(lease=600))
        self.world.people(*CUSTOMERS)

    def live(self, steps: int) -> None:
        happenings = [self.event] * 6 + [self.role] * 5 + [self.tick, self.day] * 2
        happenings += [self.garbage, self.redrive, self.replay, self.refold, self.objects, self.restore, self.lock]
        for _ in range(steps):
            self.chance.choice(happenings)()

    def rest(self) -> None:
        """Nobody objects, what cannot be read is done without, and all roles run for some months, at last daily."""
        self.world.stores["crm"].active, self.world.stores["loans"].locked = set(), {}
        self.redrive()
        self.world.run("state", "crm", "loans")
        self.discard()
        # whoever was held when a restored database was replayed is erased by the next replay only
        self._back(self.world.names.anonymizer_group("loans"), "commands")
        for days in (*[10] * 9, 1, 1):
            self.tick()
            self.world.run("state", "ticker", "crm", "loans", "crm", "loans")
            self.world.days(days)

    def event(self) -> None:
        """A product service speaks of a customer, then writes rows of his."""
        customer = self.chance.choice(CUSTOMERS)
        said = self._schedule(customer) if self.chance.random() < 0.6 else self._postpone(customer)
        self.world.publish(*[said] * self.chance.choice([1, 1, 2]))
        if self.chance.random() < 0.4:
            for store in self.world.stores.values():
                store.rows[customer] = MemoryRow("a new life")

    def _schedule(self, customer: str) -> Event:
        at = self._past()
        return Schedule(**self._said(customer), occurred_at=at, retention_starts_at=at)

    def _postpone(self, customer: str) -> Event:
        at = self._past()
        return Postpone(**self._said(customer), occurred_at=at, until=at + timedelta(days=self.chance.randrange(80)))

    def _said(self, customer: str) -> dict[str, Any]:
        event_id = uuid.UUID(int=self.chance.getrandbits(128), version=4)
        product = self.chance.choice(PRODUCTS)
        return {"customer_id": customer, "product": product, "source": "test", "event_id": event_id}

    def _past(self) -> datetime:
        return moment(self.world.clock.now()) - timedelta(days=self.chance.random() * 70)

    def role(self) -> None:
        self.world.run(self.chance.choice(["state", "ticker", "crm", "loans"]))

    def tick(self) -> None:
        self.world.request_tick()

    def day(self) -> None:
        self.world.days(self.chance.random() * 2)

    def garbage(self) -> None:
        self.world.broker.append(self.world.names.events, self.chance.choice(CUSTOMERS).encode(), b"garbage")

    def objects(self) -> None:
        self.world.stores["crm"].active = set(self.chance.sample(CUSTOMERS, 2))

    def lock(self) -> None:
        self.world.stores["loans"].locked = {self.chance.choice(CUSTOMERS): self.world.clock.now() + 3 * DAY}

    def replay(self) -> None:
        service = self.chance.choice(["crm", "loans"])
        self._back(self.world.names.anonymizer_group(service), "commands")
        self.world.run("state", service)

    def refold(self) -> None:
        self._back(self.world.names.state_group, "events")

    def restore(self) -> None:
        """A database of before everything, and the replay that erases it again."""
        store = self.world.stores["loans"]
        store.rows.update({each: MemoryRow("restored") for each in CUSTOMERS})
        store.rows_of_ledger.clear()
        self._back(self.world.names.anonymizer_group("loans"), "commands")
        self.world.run("state", "loans")

    def redrive(self) -> None:
        reader, topic = MemoryReader(self.world.broker), self.world.names.dead_letters
        chosen = dlq.redrivable(dlq.letters(reader, topic), parked=True)
        dlq.Redrive(reader, self.world.sink, topic, self.world.clock).run(chosen, "ann")

    def discard(self) -> None:
        self.world.run("state")
        world, reader, topic = self.world, MemoryReader(self.world.broker), self.world.names.dead_letters
        for letter in dlq.letters(reader, topic):
            for record in dlq.whole(reader, topic, [letter]):
                for held in held_by(world.items, record, str(letter.origin)):
                    discard_held(world.items, held, str(letter.origin), "ann", "why", world.policy, world.clock)
                dlq.Redrive(reader, world.sink, topic, world.clock).mark(record, "DISCARDED", "ann", "why")
        world.sink.flush()

    def _back(self, group: str, topic: str) -> None:
        self.world.broker.group(group).committed.update(dict.fromkeys(partitions(self.world, topic), 0))


@pytest.mark.parametrize("seed", range(12))
def test_a_life_that_came_to_rest_differs_in_nothing(seed: int) -> None:
    life = Life(seed)
    life.live(60)
    life.rest()
    assert codes(life.world) == []
    assert audited(life.world).commits > 0
