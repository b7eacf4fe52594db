"""One behaviour for both producers: every test runs in memory and, marked integration, against a broker."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from producer_client import (
    ClosedProducerError,
    DeliveryReport,
    Event,
    InvalidEventError,
    LapseProducer,
    PersonalDataError,
    Postpone,
    Schedule,
)
from producer_client.testing import InMemoryProducer, decoded

NOW = datetime(2026, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
EARLIER = NOW - timedelta(days=3)
TRACE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
AnyProducer = LapseProducer | InMemoryProducer


class World:
    """Makes one kind of producer and reads what arrived; the clock stands still."""

    topic = "lapse.events"

    def __init__(self) -> None:
        self.reports: list[DeliveryReport] = []
        self.options: dict[str, Any] = {
            "source": "loans",
            "topic": self.topic,
            "on_delivery": self.reports.append,
            "clock": lambda: NOW,
        }
        self.producer = self.make()

    def make(self) -> AnyProducer:
        return InMemoryProducer(**self.options)

    def arrived(self) -> list[Event]:
        assert self.producer.flush(30) == 0
        return self.read(self.producer)

    def read(self, producer: AnyProducer) -> list[Event]:
        assert isinstance(producer, InMemoryProducer)
        return producer.events


class KafkaWorld(World):
    def __init__(self, bootstrap_servers: str) -> None:
        self.bootstrap_servers = bootstrap_servers
        self.topic = f"contract-{uuid4()}"
        admin = AdminClient({"bootstrap.servers": bootstrap_servers})
        admin.create_topics([NewTopic(self.topic, 1, 1)])[self.topic].result(30)
        super().__init__()

    def make(self) -> AnyProducer:
        return LapseProducer({"bootstrap.servers": self.bootstrap_servers}, **self.options)

    def read(self, producer: AnyProducer) -> list[Event]:  # noqa: ARG002 - what the broker has, whoever sent it
        consumer = Consumer({"bootstrap.servers": self.bootstrap_servers, "group.id": "none"})
        partition = TopicPartition(self.topic, 0, 0)
        _, end = consumer.get_watermark_offsets(partition, timeout=30)
        consumer.assign([partition])
        messages = consumer.consume(end, timeout=30) if end else []
        consumer.close()
        return [decoded(message.value() or b"", list_of(message.headers())) for message in messages]


def list_of(headers: Any) -> list[tuple[str, str | bytes | None]] | None:
    return None if headers is None else list(headers)


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.integration)])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    made = World() if request.param == "memory" else KafkaWorld(request.getfixturevalue("kafka"))
    yield made
    made.producer.close()


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


STATEMENTS: list[tuple[Callable[[AnyProducer], UUID], dict[str, Any]]] = [
    (
        lambda p: p.schedule("c1", "loan/1", retention_starts_at=EARLIER, not_before=NOW, traceparent=TRACE),
        {"product": "loan/1", "retention_starts_at": EARLIER, "not_before": NOW, "traceparent": TRACE},
    ),
    (
        lambda p: p.schedule("c1", "loan/1", retention_starts_at=EARLIER, occurred_at=EARLIER),
        {"product": "loan/1", "retention_starts_at": EARLIER, "occurred_at": EARLIER},
    ),
    (lambda p: p.postpone("c1", "activity", until=NOW), {"product": "activity", "until": NOW}),
    (lambda p: p.postpone("c1", "activity", occurred_at=EARLIER), {"product": "activity", "occurred_at": EARLIER}),
    (lambda p: p.product_opened("c1", "loan/1", traceparent=TRACE), {"product": "loan/1", "traceparent": TRACE}),
    (lambda p: p.product_closed("c1", "loan/1"), {"product": "loan/1", "retention_starts_at": NOW}),
    (
        lambda p: p.product_closed("c1", "loan/1", closed_at=EARLIER),
        {"product": "loan/1", "retention_starts_at": EARLIER, "occurred_at": EARLIER},
    ),
    (
        lambda p: p.product_closed("c1", "loan/1", closed_at=EARLIER, retention_starts_at=NOW),
        {"product": "loan/1", "retention_starts_at": NOW, "occurred_at": EARLIER},
    ),
    (lambda p: p.legal_hold("c1", "77"), {"product": "legal-hold/77"}),
    (lambda p: p.legal_hold("c1", "77", until=NOW), {"product": "legal-hold/77", "until": NOW}),
    (lambda p: p.legal_hold_released("c1", "77"), {"product": "legal-hold/77", "until": NOW}),
    (
        lambda p: p.legal_hold_released("c1", "77", occurred_at=EARLIER),
        {"product": "legal-hold/77", "until": EARLIER, "occurred_at": EARLIER},
    ),
]


def event(event_id: UUID, **fields: Any) -> Event:
    common: dict[str, Any] = {"customer_id": "c1", "source": "loans", "occurred_at": NOW, "event_id": event_id}
    kind: Callable[..., Event] = Schedule if "retention_starts_at" in fields else Postpone
    return kind(**common | fields)


def test_every_statement_arrives_as_what_it_means(world: World) -> None:
    expected = [event(say(world.producer), **fields) for say, fields in STATEMENTS]
    assert world.arrived() == expected


def test_given_event_id_is_kept_over_a_retry(world: World) -> None:
    event_id = uuid4()
    for again in (event_id, str(event_id)):
        assert world.producer.product_opened("c1", "loan/1", event_id=again) == event_id
    assert [arrived.event_id for arrived in world.arrived()] == [event_id, event_id]


def test_delivery_is_reported_once_by_event_id(world: World) -> None:
    event_ids = [world.producer.product_opened("c1", f"loan/{number}") for number in range(3)]
    assert world.producer.flush(30) == 0
    assert world.reports == [
        DeliveryReport(event_id, ok=True, error_code=None, topic=world.topic, partition=0, offset=offset)
        for offset, event_id in enumerate(event_ids)
    ]


def test_report_comes_while_the_caller_is_idle(world: World) -> None:
    world.producer.product_opened("c1", "loan/1")
    wait_for(lambda: world.reports)


def test_callback_of_one_event_replaces_the_producers(world: World) -> None:
    own: list[DeliveryReport] = []
    event_id = world.producer.legal_hold("c1", "77", on_delivery=own.append)
    other = world.producer.legal_hold("c1", "78")
    assert world.producer.flush(30) == 0
    assert ([r.event_id for r in own], [r.event_id for r in world.reports]) == ([event_id], [other])


def test_raising_callback_stops_no_other_report(world: World, caplog: pytest.LogCaptureFixture) -> None:
    def fail(report: DeliveryReport) -> None:
        raise ValueError("secret")

    world.producer.product_opened("secret", "loan/1", on_delivery=fail)
    wait_for(lambda: caplog.messages)
    world.producer.product_opened("c1", "loan/2")
    wait_for(lambda: world.reports)
    assert "ValueError" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("refused", "arguments"),
    [
        (PersonalDataError, ("850101-1234", "loan/1")),
        (InvalidEventError, ("", "loan/1")),
        (InvalidEventError, ("c1", "Loan")),
    ],
)
def test_refused_event_is_not_sent(world: World, refused: type[Exception], arguments: tuple[str, str]) -> None:
    for say in (world.producer.product_opened, world.producer.product_closed, world.producer.postpone):
        with pytest.raises(refused):
            say(*arguments)
    assert world.arrived() == []


def test_naive_time_is_refused_by_every_argument(world: World) -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - naive on purpose
    producer = world.producer
    calls: dict[str, Callable[[], UUID]] = {
        "retention_starts_at": lambda: producer.schedule("c1", "a", retention_starts_at=naive),
        "not_before": lambda: producer.schedule("c1", "a", retention_starts_at=NOW, not_before=naive),
        "occurred_at": lambda: producer.postpone("c1", "a", occurred_at=naive),
        "until": lambda: producer.postpone("c1", "a", until=naive),
    }
    for field, say in calls.items():
        with pytest.raises(InvalidEventError, match=field):
            say()


def test_closed_producer_says_so(world: World) -> None:
    world.producer.product_opened("c1", "loan/1")
    assert world.producer.close() == 0
    assert len(world.reports) == 1
    for say in (
        lambda: world.producer.product_opened("c1", "loan/1"),
        lambda: world.producer.flush(1),
        world.producer.poll,
        world.producer.__enter__,
    ):
        with pytest.raises(ClosedProducerError, match="make a new one"):
            say()
    assert world.producer.close() == 0


def test_with_block_delivers_before_it_ends(world: World) -> None:
    with world.make() as producer:
        producer.product_opened("c1", "loan/1")
    assert len(world.reports) == 1
    assert len(world.read(producer)) == 1
