"""What the broker in memory has beyond the contract it shares with Kafka."""

import random

import pytest
from confluent_kafka import murmur2 as murmur2_of_librdkafka

from consumers.adapters.memory.broker import MemoryBroker
from consumers.adapters.memory.offsets import MemoryOffsets
from consumers.adapters.memory.sink import MemorySink
from consumers.adapters.memory.source import MemorySource
from consumers.domain.errors import TransientError
from consumers.ports import Partition
from consumers.runtime.murmur2 import murmur2, partition_of
from tests.support.records import Reader, SteppingClock

AT = Partition("t", 0)


def broker_with(partitions: int = 1) -> MemoryBroker:
    broker = MemoryBroker(SteppingClock())
    broker.create("t", partitions)
    return broker


@pytest.mark.parametrize(
    ("key", "signed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_that_of_kafkas_own_tests(key: bytes, signed: int) -> None:
    assert murmur2(key) == signed % 2**32


def test_partitions_are_those_of_librdkafka() -> None:
    chance = random.Random(1)
    for length in range(200):
        key = chance.randbytes(length % 50)
        assert partition_of(key, 12) == murmur2_of_librdkafka(key, 12)


def test_a_member_that_died_holds_up_the_group_until_it_is_thrown_out() -> None:
    broker = broker_with(2)
    dead, alive = MemorySource(broker, ["t"], "g"), Reader(MemorySource(broker, ["t"], "g"))
    assert len(Reader(dead).until(lambda: True).held) == 0
    dead.poll(1, 0)
    for _ in range(5):
        alive.poll()
    assert alive.held == set()
    dead.die()
    alive.until(lambda: len(alive.held) == 2)


def test_a_member_thrown_out_cannot_commit_and_joins_again_by_polling() -> None:
    broker = broker_with()
    reader = Reader(MemorySource(broker, ["t"], "g"))
    source = reader.source
    assert isinstance(source, MemorySource)
    reader.until(lambda: bool(reader.held))
    source.die()
    with pytest.raises(TransientError) as refused:
        source.commit({AT: 1})
    assert refused.value.code == "partition_revoked"
    reader.until(lambda: bool(reader.revoked) and bool(reader.held))
    source.commit({AT: 0})


def test_nothing_works_while_the_broker_is_away_and_everything_after() -> None:
    broker = broker_with()
    sink, reader = MemorySink(broker), Reader(MemorySource(broker, ["t"], "g"))
    reader.until(lambda: bool(reader.held))
    broker.away = True
    sink.send("t", b"k", b"lost")
    for call in (sink.flush, lambda: reader.source.commit({AT: 0}), lambda: MemoryOffsets(broker).end("t")):
        with pytest.raises(TransientError, match="transport"):
            call()
    reader.poll()
    broker.away = False
    sink.send("t", b"k", b"v")
    sink.flush()
    reader.until(lambda: reader.values == [b"v"])


def test_waiting_for_records_takes_the_clocks_time() -> None:
    broker = broker_with()
    reader = Reader(MemorySource(broker, ["t"], "g"))
    reader.until(lambda: bool(reader.ends))
    before = broker.clock.now()
    reader.poll(timeout=5.0)
    assert 4_900_000 <= broker.clock.now() - before <= 5_100_000


def test_a_full_partition_keeps_no_other_waiting() -> None:
    broker = broker_with(2)
    for partition in (0, 1):
        for _ in range(100):
            broker.append("t", b"k", b"v", partition=partition)
    reader = Reader(MemorySource(broker, ["t"], "g"))
    reader.until(lambda: len(reader.records) >= 20, max_records=10)
    assert {record.partition for record in reader.records} == {0, 1}


def test_a_topic_keeps_its_partitions() -> None:
    broker = broker_with(2)
    broker.create("t", 2)
    with pytest.raises(ValueError, match="keeps its partitions"):
        broker.create("t", 3)
