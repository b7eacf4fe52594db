"""Events as product services send them, the same ones every time, and a topic filled with them."""

import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from confluent_kafka import Producer

from consumers.adapters.kafka import KafkaConfig
from consumers.domain.policy import Policy, Purpose
from consumers.domain.retention import Retention
from producer_client import Postpone, Schedule, encode

Event = Schedule | Postpone
LATEST = datetime(2026, 6, 1, tzinfo=UTC)
ZONE = "Europe/Stockholm"
POLICY = Policy(
    {
        "marketing": Purpose("marketing", Retention(days=30, timezone=ZONE), ("crm",), frozenset({"loan", "activity"})),
        "bookkeeping": Purpose("bookkeeping", Retention(years=7, counted_from="end_of_year", timezone=ZONE), ("core",)),
    }
)


def customers(count: int) -> list[str]:
    """Opaque ids."""
    return [f"customer-{number:07d}" for number in range(count)]


def shuffled(ids: Sequence[str], events_each: int) -> Iterator[Event]:
    """So many events of each customer, everybody's in one random order: nearly each event of a batch is another's."""
    chance = random.Random(7)
    order = list(ids) * events_each
    chance.shuffle(order)
    return (_event(customer, chance) for customer in order)


def in_bursts(ids: Sequence[str], events_each: int) -> Iterator[Event]:
    """The same, with each customer's events together, as when somebody closes several products."""
    chance = random.Random(7)
    return (_event(customer, chance) for customer in ids for _ in range(events_each))


def _event(customer: str, chance: random.Random) -> Event:
    product = chance.choice(("loan/8812", "loan/8813", "activity"))
    at = LATEST - timedelta(microseconds=chance.randrange(300 * 24 * 3600 * 1_000_000))
    event_id = UUID(int=chance.getrandbits(128), version=4)
    if chance.random() < 0.5:
        return Schedule(
            customer_id=customer,
            product=product,
            retention_starts_at=at,
            source="loans",
            occurred_at=at,
            event_id=event_id,
        )
    return Postpone(
        customer_id=customer,
        product=product,
        until=at + timedelta(days=40),
        source="loans",
        occurred_at=at,
        event_id=event_id,
    )


def fill(kafka: KafkaConfig, topic: str, events: Iterable[Event]) -> int:
    """Write events to a topic; how many."""
    producer = Producer({**kafka, "partitioner": "murmur2_random", "linger.ms": 20, "acks": "all"})
    count = 0
    for event in events:
        record = encode(event)
        count += 1
        while not _accepted(producer, topic, record.key, record.value):
            producer.poll(0.1)
    assert producer.flush(120) == 0
    return count


def _accepted(producer: Producer, topic: str, key: bytes, value: bytes) -> bool:
    try:
        producer.produce(topic, value, key)
    except BufferError:
        return False
    return True
