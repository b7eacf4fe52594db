"""A broker that freezes or is killed: nothing is lost, nothing hangs, and everything goes on afterwards."""

import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from consumers.adapters.kafka import KafkaOffsets, KafkaSink
from consumers.domain.errors import TransientError
from consumers.local import Service, running
from consumers.ports import Partition
from tests.support.records import Reader, RealKafka

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def broker() -> Iterator[Service]:
    with running("kafka") as services:
        yield services.kafka


@pytest.fixture
def backend(broker: Service) -> Iterator[RealKafka]:
    with closing(RealKafka(broker.address)) as backend:
        backend.config = {**backend.config, "socket.timeout.ms": 2000}
        yield backend


def flushed(sink: KafkaSink, topic: str, value: bytes) -> bool:
    sink.send(topic, b"k", value)
    try:
        sink.flush()
    except TransientError:
        return False
    return True


def committed(reader: Reader, offsets: dict[Partition, int]) -> bool:
    try:
        reader.source.commit(offsets)
    except TransientError:
        return False
    return True


def test_a_frozen_broker_is_a_transient_error_within_seconds(broker: Service, backend: RealKafka) -> None:
    topic = backend.topic()
    at = Partition(topic, 0)
    reader = backend.reader(topic, topic)
    reader.until(lambda: bool(reader.held))
    offsets = KafkaOffsets(backend.config)
    offsets.end(topic)
    sink = KafkaSink({**backend.writing, "delivery.timeout.ms": 2000})
    broker.pause()
    try:
        began = time.monotonic()
        reader.poll(timeout=1)
        assert time.monotonic() - began < 2
        for call in (lambda: reader.source.commit({at: 0}), lambda: offsets.end(topic)):
            with pytest.raises(TransientError):
                call()
        assert not flushed(sink, topic, b"while frozen")
        assert time.monotonic() - began < 60
    finally:
        broker.resume()
    deadline = time.monotonic() + 60
    while not flushed(sink, topic, b"afterwards"):
        assert time.monotonic() < deadline
    reader.until(lambda: b"afterwards" in reader.values)
    offsets.close()
    sink.close()


def test_a_killed_broker_loses_nothing_that_was_acknowledged(broker: Service, backend: RealKafka) -> None:
    topic = backend.topic()
    at = Partition(topic, 0)
    reader = backend.reader(topic, topic)
    backend.write(topic, b"before")
    reader.until(lambda: bool(reader.records))
    broker.kill()
    reader.poll(timeout=1)
    broker.restart()
    backend.write(topic, b"after")
    reader.until(lambda: reader.values[-1] == b"after")
    # Its session may have ended meanwhile; nothing was committed, so "before" may come twice.
    assert dict(zip(reader.offsets, reader.values, strict=True)) == {0: b"before", 1: b"after"}
    reader.until(lambda: committed(reader, {at: 2}))
    assert reader.source.committed([at]) == {at: 2}
