"""The producer against a real broker: what is on the log afterwards, and what a broken broker does to the caller."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from producer_client import DeliveryReport, KafkaClientError, LapseProducer, Schedule, encode
from schemas import codec

pytestmark = pytest.mark.integration

PARTITIONS = 12
NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
TRACE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
CUSTOMERS = [f"customer-{number}" for number in range(200)]


@pytest.fixture
def topic(kafka: str) -> Iterator[str]:
    name = f"producer-client-{uuid4()}"
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(name, PARTITIONS, 1)])[name].result(30)
    yield name
    admin.delete_topics([name])[name].result(30)


def on_log(kafka: str, topic: str, count: int) -> list[Message]:
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "none"})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
    messages: list[Message] = []
    deadline = time.monotonic() + 30
    while len(messages) < count and time.monotonic() < deadline:
        messages += consumer.consume(count - len(messages), timeout=1)
    consumer.close()
    return messages


def test_record_on_the_log_is_what_encode_gives(kafka: str, topic: str) -> None:
    event = Schedule(
        customer_id="c1",
        product="loan/1",
        retention_starts_at=NOW,
        source="loans",
        occurred_at=NOW,
        traceparent=TRACE,
    )
    with LapseProducer({"bootstrap.servers": kafka}, source="loans", topic=topic) as producer:
        producer.schedule(
            "c1", "loan/1", retention_starts_at=NOW, occurred_at=NOW, event_id=event.event_id, traceparent=TRACE
        )
    (message,) = on_log(kafka, topic, 1)
    assert (message.topic(), message.key(), message.value(), message.headers()) == encode(event, topic)


def test_report_says_where_the_event_is(kafka: str, topic: str) -> None:
    reports: list[DeliveryReport] = []
    with LapseProducer({"bootstrap.servers": kafka}, source="loans", topic=topic) as producer:
        for customer in CUSTOMERS:
            producer.product_opened(customer, "loan/1", on_delivery=reports.append)
    positions = {
        (event_id_of(message), message.partition(), message.offset())
        for message in on_log(kafka, topic, len(CUSTOMERS))
    }
    assert {(str(report.event_id), report.partition, report.offset) for report in reports} == positions
    assert len(positions) == len(reports) == len(CUSTOMERS)


def event_id_of(message: Message) -> object:
    return codec.decode(message.value(), ["PostponeAnonymization"]).fields["event_id"]


def test_customer_is_in_the_partition_any_murmur2_client_chooses(kafka: str, topic: str) -> None:
    ours: dict[bytes | None, int | None] = {}
    theirs: dict[bytes | None, int | None] = {}
    other = Producer({"bootstrap.servers": kafka, "partitioner": "murmur2"})
    with LapseProducer({"bootstrap.servers": kafka}, source="loans", topic=topic) as producer:
        for customer in CUSTOMERS:
            producer.legal_hold(customer, "7")
            other.produce(topic, b"other", customer.encode())
        assert other.flush(30) == 0
    for message in on_log(kafka, topic, 2 * len(CUSTOMERS)):
        chosen = theirs if message.value() == b"other" else ours
        chosen[message.key()] = message.partition()
    assert ours == theirs
    assert len(set(ours.values())) == PARTITIONS


def test_order_of_one_customer_is_kept(kafka: str, topic: str) -> None:
    with LapseProducer({"bootstrap.servers": kafka}, source="loans", topic=topic) as producer:
        sent = [str(producer.product_opened("c1", f"loan/{number}")) for number in range(1_000)]
    messages = on_log(kafka, topic, len(sent))
    assert [event_id_of(message) for message in messages] == sent


def test_event_to_an_unknown_topic_fails_by_code(kafka: str) -> None:
    reports: list[DeliveryReport] = []
    config = {"bootstrap.servers": kafka, "topic.metadata.propagation.max.ms": 0, "allow.auto.create.topics": False}
    with LapseProducer(config, source="loans", topic="no such topic!", on_delivery=reports.append) as producer:
        try:
            producer.product_opened("c1", "loan/1")
        except KafkaClientError as refused:  # the client knew already
            reports.append(
                DeliveryReport(uuid4(), ok=False, error_code=refused.code, topic="", partition=-1, offset=-1)
            )
        assert producer.flush(30) == 0
    assert [report.ok for report in reports] == [False]
    assert reports[0].error_code in {"TOPIC_EXCEPTION", "UNKNOWN_TOPIC_OR_PART", "_UNKNOWN_TOPIC"}
