"""What a call of the producer client costs its caller, against handing librdkafka bytes that are ready."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from confluent_kafka import KafkaError, Message, Producer

from consumers.local import Services
from producer_client import LapseProducer, Schedule, encode
from tests.benchmarks.rounds import Goal, Report, Spent, interleaved, ratios, walls
from tests.benchmarks.workload import LATEST, customers
from tests.support.installation import Installation, installation

CALLS = 50_000
# A call that checks and encodes in Python cannot come near one that hands over ready bytes in C without a callback; the
# floor catches what makes it slower still.
GOAL = Goal("at most", 2.0, floor=25.0)
# Room for all of it: what is measured is the call, not the wait for a full queue.
PROPERTIES = {"queue.buffering.max.messages": 200_000, "linger.ms": 50, "acks": "all", "enable.idempotence": True}
IDS = customers(CALLS)


@pytest.fixture
def installed(services: Services, tmp_path: Path) -> Iterator[Installation]:
    with installation(services, tmp_path, ()) as made:
        yield made


class Sent(NamedTuple):
    """The calls alone, and everything up to the last acknowledgement."""

    called: Spent
    acknowledged: Spent


def test_schedule_against_produce_of_ready_bytes(installed: Installation, report: Report) -> None:
    kafka = {"bootstrap.servers": str(installed.app.kafka["bootstrap.servers"]), **PROPERTIES}
    topic = installed.app.names.events
    sent: dict[str, list[Sent]] = {"produce": [], "produce with reports": [], "schedule": []}
    interleaved(
        {
            "produce": lambda: _kept(sent["produce"], _produce(kafka, topic, reports=False)),
            "produce with reports": lambda: _kept(sent["produce with reports"], _produce(kafka, topic, reports=True)),
            "schedule": lambda: _kept(sent["schedule"], _schedule(kafka, topic)),
        }
    )
    called = {name: walls([one.called.micros_per(CALLS) for one in rounds]) for name, rounds in sent.items()}
    acknowledged = {
        name: walls([one.acknowledged.micros_per(CALLS) for one in rounds]) for name, rounds in sent.items()
    }
    for name in sent:
        report.note(f"{name}: call", called[name], "µs/event")
        report.note(f"{name}: call and acknowledgement", acknowledged[name], "µs/event")
    for name in ("produce with reports", "produce"):
        goal = GOAL if name == "produce" else None
        report.note(f"schedule: call, {name} = 1", ratios(called["schedule"], called[name]), "x", goal)
        report.note(f"schedule: acknowledged, {name} = 1", ratios(acknowledged["schedule"], acknowledged[name]), "x")


def _kept(kept: list[Sent], sent: Sent) -> Spent:
    kept.append(sent)
    return sent.called


def _produce(kafka: dict[str, object], topic: str, *, reports: bool) -> Sent:
    """Ready bytes; with `reports` a callback for each, served as the producer client does."""
    events = (
        Schedule(customer_id=each, product="loan/8812", retention_starts_at=LATEST, source="loans") for each in IDS
    )
    ready = [(record.key, record.value) for record in map(encode, events)]
    producer = Producer({**kafka, "partitioner": "murmur2_random"})
    producer.list_topics(topic, 10)
    started = Spent.now()
    if reports:
        _produce_with_reports(producer, topic, ready)
    else:
        for key, value in ready:
            producer.produce(topic, value, key)
    called = Spent.now().since(started)
    assert producer.flush(60) == 0
    return Sent(called, Spent.now().since(started))


def _produce_with_reports(producer: Producer, topic: str, ready: list[tuple[bytes, bytes]]) -> None:
    for number, (key, value) in enumerate(ready):
        producer.produce(topic, value, key, on_delivery=_delivered)
        if not number % 64:
            producer.poll(0)


def _delivered(error: KafkaError | None, _: Message) -> None:
    assert error is None


def _schedule(kafka: dict[str, object], topic: str) -> Sent:
    with LapseProducer(kafka, source="loans", topic=topic) as producer:
        producer.schedule(IDS[0], "loan/8812", retention_starts_at=LATEST)
        assert producer.flush(60) == 0
        started = Spent.now()
        for each in IDS:
            producer.schedule(each, "loan/8812", retention_starts_at=LATEST)
        called = Spent.now().since(started)
        assert producer.flush(60) == 0
        return Sent(called, Spent.now().since(started))
