"""Setting a group back, and what Kafka's clients do that no fake shows."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from confluent_kafka import Producer

from consumers.adapters.kafka import KafkaGroups
from consumers.domain.errors import PermanentError
from consumers.ports import Partition
from consumers.runtime.murmur2 import partition_of
from tests.support.records import RealKafka, new_name

pytestmark = pytest.mark.integration


@pytest.fixture
def backend(kafka: str) -> Iterator[RealKafka]:
    with closing(RealKafka(kafka)) as backend:
        yield backend


def test_a_group_without_members_is_set_back_to_what_is_left(backend: RealKafka) -> None:
    topic = backend.topic()
    backend.write(topic, *[b"v"] * 9)
    reader = backend.reader(topic, topic)
    reader.until(lambda: len(reader.records) >= 9)
    reader.source.commit({Partition(topic, 0): 9})
    reader.source.close()
    backend.delete_before(topic, 4)
    moved = KafkaGroups(backend.config).reset(topic, topic, backend.offsets().beginning(topic))
    assert moved == ({0: 9}, {0: 4})
    again = backend.reader(topic, topic)
    again.until(lambda: len(again.records) >= 5)
    assert again.offsets == [4, 5, 6, 7, 8]


def test_a_group_with_members_is_not_set_back(backend: RealKafka) -> None:
    topic = backend.topic()
    reader = backend.reader(topic, topic)
    reader.until(lambda: bool(reader.held))
    groups = KafkaGroups(backend.config)
    assert groups.members(topic) == 1
    with pytest.raises(PermanentError, match="has 1 members; stop them first"):
        groups.reset(topic, topic, {0: 0})


def test_the_broker_refuses_a_member_that_joined_meanwhile(backend: RealKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    topic = backend.topic()
    reader = backend.reader(topic, topic)
    reader.until(lambda: bool(reader.held))
    groups = KafkaGroups(backend.config)
    monkeypatch.setattr(groups, "members", lambda _: 0)
    with pytest.raises(PermanentError, match="stop them first"):
        groups.reset(topic, topic, {0: 7})
    assert reader.source.committed([Partition(topic, 0)]) == {Partition(topic, 0): 0}


def test_a_group_that_does_not_exist_has_no_members(backend: RealKafka) -> None:
    assert KafkaGroups(backend.config).members(new_name()) == 0


def test_a_topic_that_does_not_exist_is_refused_with_its_repair(backend: RealKafka) -> None:
    reader = backend.reader(new_name(), new_name())
    with pytest.raises(PermanentError, match="lapse topics apply"):
        reader.until(lambda: bool(reader.held))


def test_keys_lie_where_memory_would_put_them(backend: RealKafka) -> None:
    topic, sink = backend.topic(12), backend.sink()
    for number in range(200):
        sink.send(topic, b"customer-%d" % number, b"v")
    sink.flush()
    reader = backend.reader(topic, topic)
    reader.until(lambda: len(reader.records) >= 200)
    assert all(record.partition == partition_of(record.key or b"", 12) for record in reader.records)


def test_what_stands_in_an_open_transaction_is_before_the_end_and_not_passed(backend: RealKafka, kafka: str) -> None:
    topic = backend.topic()
    backend.write(topic, b"before")
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": topic, "log_level": 2})
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(topic, b"open", b"k")
    producer.flush(20)
    reader, offsets = backend.reader(topic, topic), backend.offsets()
    reader.until(lambda: bool(reader.ends))
    reader.source.commit(reader.ends)
    assert reader.ends == {Partition(topic, 0): 1}
    assert offsets.end(topic) == {0: 2}
    assert not offsets.passed(topic, topic, backend.now() + 60_000_000)
    producer.abort_transaction(20)
    reader.until(lambda: reader.ends[Partition(topic, 0)] == 3)
    reader.source.commit(reader.ends)
    assert offsets.passed(topic, topic, backend.now() + 60_000_000)
