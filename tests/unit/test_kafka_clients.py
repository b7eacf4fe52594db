"""Kafka clients without a broker: properties, failures, what a producer's answers mean."""

from collections.abc import Callable
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from consumers.adapters.kafka import KafkaConfig, KafkaSink, KafkaSource
from consumers.adapters.kafka.config import consumer_properties, producer_properties
from consumers.adapters.kafka.failures import _BY_NAME, Failure, failure_of, raisable
from consumers.domain.errors import LapseError, PermanentError, TransientError
from consumers.ports import Partition, Record

NOWHERE: KafkaConfig = {"bootstrap.servers": "127.0.0.1:1", "delivery.timeout.ms": 1000}
NOWHERE_READING: KafkaConfig = {"bootstrap.servers": "127.0.0.1:1", "log_level": 0}
Delivered = Callable[[KafkaError | None, Message], None]


class ScriptedProducer:
    """Answers every record with the next error of a script, and with success once that is empty."""

    def __init__(self, *script: KafkaError | None, full: int = 0, stuck: int = 0) -> None:
        self.script = list(script)
        self.full = full
        self.stuck = stuck
        self.reports: list[Delivered] = []
        self.sent: list[bytes] = []

    def produce(self, _: str, value: bytes, __: bytes, *, on_delivery: Delivered, **_headers: object) -> None:
        if self.full:
            self.full -= 1
            raise BufferError
        self.sent.append(value)
        self.reports.append(on_delivery)

    def poll(self, _: float) -> int:
        return 0

    def purge(self) -> None:
        self.reports.clear()

    def flush(self, _: float) -> int:
        reports, self.reports = self.reports, []
        for report in reports:
            report(self.script.pop(0) if self.script else None, Message())
        return self.stuck


def sink_over(*producers: ScriptedProducer) -> KafkaSink:
    remaining = iter(producers)
    return KafkaSink(NOWHERE, lambda _: cast("Producer", next(remaining)))


def fatal() -> KafkaError:
    return KafkaError(KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, "x", fatal=True)


def test_every_name_of_the_failure_table_is_one_of_librdkafka() -> None:
    assert {name: KafkaError(getattr(KafkaError, name)).name() for name in _BY_NAME} == {
        name: name for name in _BY_NAME
    }


@pytest.mark.parametrize(
    ("name", "failure", "raised"),
    [
        ("_ALL_BROKERS_DOWN", Failure.RECOVERS, TransientError),
        ("ILLEGAL_GENERATION", Failure.OVER, TransientError),
        ("TOPIC_AUTHORIZATION_FAILED", Failure.AWAY, TransientError),
        ("_AUTHENTICATION", Failure.AWAY, TransientError),
        ("OFFSET_OUT_OF_RANGE", Failure.OFFSET_GONE, PermanentError),
        ("UNKNOWN_TOPIC_OR_PART", Failure.TOPIC_MISSING, PermanentError),
        ("_FATAL", Failure.FATAL, PermanentError),  # as a consumer fenced by another of its group.instance.id says it
    ],
)
def test_an_error_means_what_the_table_says(name: str, failure: Failure, raised: type[LapseError]) -> None:
    error = KafkaError(getattr(KafkaError, name))
    assert failure_of(error) is failure
    assert isinstance(raisable(error, "commit"), raised)


def test_a_fatal_error_is_permanent_whatever_its_code() -> None:
    assert isinstance(raisable(fatal(), "commit"), PermanentError)


@pytest.mark.parametrize("name", ["enable.auto.commit", "isolation.level", "auto.offset.reset", "group.id"])
def test_a_consumer_property_that_must_stand_is_refused(name: str) -> None:
    with pytest.raises(PermanentError, match=name):
        consumer_properties({name: "true"}, "g")


@pytest.mark.parametrize("name", ["acks", "enable.idempotence", "partitioner"])
def test_a_producer_property_that_must_stand_is_refused(name: str) -> None:
    with pytest.raises(PermanentError, match=name):
        producer_properties({name: "0"})


def test_properties_pass_through_and_may_repeat_what_stands() -> None:
    given: KafkaConfig = {"sasl.username": "u", "linger.ms": 50, "enable.idempotence": "True", "socket.timeout.ms": 1}
    properties = producer_properties(given)
    assert (properties["sasl.username"], properties["linger.ms"], properties["socket.timeout.ms"]) == ("u", 50, 1)
    assert properties["enable.idempotence"] is True


def test_a_full_queue_is_waited_for() -> None:
    producer = ScriptedProducer(full=3)
    sink = sink_over(producer)
    sink.send("t", b"k", b"v")
    sink.flush()
    assert producer.sent == [b"v"]


def test_a_queue_that_stays_full_is_reported_by_send_and_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = sink_over(ScriptedProducer(full=1_000_000))
    monkeypatch.setattr(sink, "_patience", 0.0)
    with pytest.raises(TransientError, match="queue_full"):
        sink.send("t", b"k", b"v")
    with pytest.raises(TransientError, match="queue_full"):
        sink.flush()


def test_flush_names_the_first_failure_and_forgets_it() -> None:
    refused = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
    sink = sink_over(ScriptedProducer(None, refused, KafkaError(KafkaError.INVALID_MSG)))
    for _ in range(3):
        sink.send("t", b"k", b"v")
    with pytest.raises(TransientError) as failed:
        sink.flush()
    assert failed.value.code == "topic_authorization_failed"
    sink.flush()


def test_flush_reports_what_is_still_undelivered(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = sink_over(ScriptedProducer(stuck=1))
    monkeypatch.setattr(sink, "_patience", 0.0)
    with pytest.raises(TransientError, match="undelivered"):
        sink.flush()


def test_a_producer_that_has_given_up_is_replaced() -> None:
    broken, fresh = ScriptedProducer(fatal()), ScriptedProducer()
    sink = sink_over(broken, fresh)
    sink.send("t", b"k", b"lost")
    with pytest.raises(TransientError):
        sink.flush()
    sink.send("t", b"k", b"again")
    sink.flush()
    assert fresh.sent == [b"again"]


def test_a_producer_that_refuses_everything_since_it_has_given_up_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    broken, fresh = ScriptedProducer(), ScriptedProducer()
    sink = sink_over(broken, fresh)

    def refuse(*_: Any, **__: Any) -> None:
        raise KafkaException(KafkaError(KafkaError._FATAL))

    monkeypatch.setattr(broken, "produce", refuse)
    with pytest.raises(TransientError):
        sink.send("t", b"k", b"lost")
    with pytest.raises(TransientError):
        sink.flush()
    sink.send("t", b"k", b"again")
    sink.flush()
    assert fresh.sent == [b"again"]


def test_an_error_at_once_is_raised_by_send_and_by_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    producer = ScriptedProducer()
    sink = sink_over(producer)

    def refuse(*_: Any, **__: Any) -> None:
        raise KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))

    monkeypatch.setattr(producer, "produce", refuse)
    with pytest.raises(TransientError, match="msg_size_too_large"):
        sink.send("t", b"k", b"v")
    with pytest.raises(TransientError, match="msg_size_too_large"):
        sink.flush()


def test_an_end_is_left_out_where_records_of_the_same_poll_follow_it() -> None:
    source = KafkaSource(NOWHERE_READING, ["t"], "g")
    eof = KafkaError(KafkaError._PARTITION_EOF)
    ends = [Message(topic="t", partition=number, offset=5, error=eof) for number in (0, 1)]
    after = [Record("t", 0, 5, 0, b"k", b"v"), Record("t", 1, 4, 0, b"k", b"v")]
    assert source._events(ends, after) == {Partition("t", 1): 5}
    source.close()
