"""Brokers as the contract of sources and sinks sees them: the one in memory and a real one, behind one face."""

import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing

from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]  # its re-exports are unmarked

from consumers.adapters.kafka import KafkaConfig, KafkaOffsets, KafkaReader, KafkaSink, KafkaSource
from consumers.adapters.memory.broker import MemoryBroker
from consumers.adapters.memory.offsets import MemoryOffsets
from consumers.adapters.memory.reader import MemoryReader
from consumers.adapters.memory.sink import MemorySink
from consumers.adapters.memory.source import MemorySource
from consumers.ports import Headers, Partition, Record, RecordSink, RecordSource, TopicOffsets, TopicReader

SECONDS = 40.0


class SteppingClock:
    """Waiting moves it."""

    def __init__(self, now: int = 1_800_000_000_000_000) -> None:
        self._now = now

    def now(self) -> int:
        return self._now

    def wait(self, seconds: float) -> None:
        self._now += int(seconds * 1_000_000)


class Reader:
    """Polls a source, starts what it is assigned, and remembers everything it was given."""

    def __init__(self, source: RecordSource, starts: Mapping[Partition, int] | None = None) -> None:
        self.source = source
        self.starts: Mapping[Partition, int | None] = starts or {}
        self.held: set[Partition] = set()
        self.records: list[Record] = []
        self.ends: dict[Partition, int] = {}
        self.revoked: list[Partition] = []

    def poll(self, max_records: int = 100, timeout: float = 0.1) -> None:
        polled = self.source.poll(max_records, timeout)
        self.records += polled.records
        self.ends |= polled.ends
        self.revoked += polled.revoked
        self.held -= set(polled.revoked)
        if polled.assigned:
            self.held |= set(polled.assigned)
            self.source.start({at: self.starts.get(at) for at in polled.assigned})

    def until(self, holds: Callable[[], bool], *others: "Reader", max_records: int = 100) -> "Reader":
        deadline = time.monotonic() + SECONDS
        while not holds():
            assert time.monotonic() < deadline, "waited in vain"
            for reader in (self, *others):
                reader.poll(max_records)
        return self

    @property
    def offsets(self) -> list[int]:
        return [record.offset for record in self.records]

    @property
    def values(self) -> list[bytes | None]:
        return [record.value for record in self.records]


class Backend(ABC):
    """A broker and clients of it, all closed with it."""

    def __init__(self) -> None:
        self._open = ExitStack()

    @abstractmethod
    def topic(self, partitions: int = 1) -> str: ...

    @abstractmethod
    def transaction(self, topic: str, values: Sequence[bytes], *, committed: bool) -> None: ...

    @abstractmethod
    def delete_before(self, topic: str, offset: int) -> None: ...

    @abstractmethod
    def source(self, topic: str, group: str) -> RecordSource: ...

    @abstractmethod
    def sink(self) -> RecordSink: ...

    @abstractmethod
    def offsets(self) -> TopicOffsets: ...

    @abstractmethod
    def topic_reader(self) -> TopicReader: ...

    @abstractmethod
    def now(self) -> int: ...

    def reader(self, topic: str, group: str, starts: Mapping[Partition, int] | None = None) -> Reader:
        return Reader(self.source(topic, group), starts)

    def close(self) -> None:
        self._open.close()

    def write(self, topic: str, *values: bytes | None, key: bytes | None = b"k", headers: Headers = ()) -> None:
        sink = self.sink()
        for value in values:
            sink.send(topic, key, value, headers)
        sink.flush()


class InMemory(Backend):
    def __init__(self) -> None:
        super().__init__()
        self.clock = SteppingClock()
        self.broker = MemoryBroker(self.clock)

    def topic(self, partitions: int = 1) -> str:
        name = new_name()
        self.broker.create(name, partitions)
        return name

    def transaction(self, topic: str, values: Sequence[bytes], *, committed: bool) -> None:
        for value in values:
            if committed:
                self.broker.append(topic, b"k", value)
            else:
                self.broker.append_marker(topic)
        self.broker.append_marker(topic)

    def delete_before(self, topic: str, offset: int) -> None:
        self.broker.delete_before(topic, 0, offset)

    def source(self, topic: str, group: str) -> RecordSource:
        return self._open.enter_context(closing(MemorySource(self.broker, [topic], group)))

    def sink(self) -> RecordSink:
        return MemorySink(self.broker)

    def offsets(self) -> TopicOffsets:
        return MemoryOffsets(self.broker)

    def topic_reader(self) -> TopicReader:
        return MemoryReader(self.broker)

    def now(self) -> int:
        return self.clock.now()


CLASSIC: KafkaConfig = {"session.timeout.ms": 6000}
KIP_848: KafkaConfig = {"group.protocol": "consumer"}


class RealKafka(Backend):
    def __init__(self, bootstrap: str, protocol: KafkaConfig = CLASSIC) -> None:
        super().__init__()
        self.config: KafkaConfig = {"bootstrap.servers": bootstrap, **protocol}
        self.admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 2})
        # A topic that does not exist is waited for, for 30 s by default.
        self.writing: KafkaConfig = {"bootstrap.servers": bootstrap, "topic.metadata.propagation.max.ms": 500}
        self._sink = self._open.enter_context(closing(KafkaSink(self.writing)))

    def topic(self, partitions: int = 1) -> str:
        name = new_name()
        config = {"message.timestamp.type": "LogAppendTime"}
        self.admin.create_topics([NewTopic(name, partitions, 1, config=config)])[name].result(SECONDS)
        deadline = time.monotonic() + SECONDS
        while name not in self.admin.list_topics(timeout=SECONDS).topics:
            assert time.monotonic() < deadline
        return name

    def transaction(self, topic: str, values: Sequence[bytes], *, committed: bool) -> None:
        bootstrap = self.config["bootstrap.servers"]
        producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": new_name(), "log_level": 2})
        producer.init_transactions(SECONDS)
        producer.begin_transaction()
        for value in values:
            producer.produce(topic, value, b"k")
        producer.flush(SECONDS)
        end = producer.commit_transaction if committed else producer.abort_transaction
        end(SECONDS)

    def delete_before(self, topic: str, offset: int) -> None:
        at = TopicPartition(topic, 0, offset)
        self.admin.delete_records([at])[at].result(SECONDS)

    def source(self, topic: str, group: str) -> RecordSource:
        return self._open.enter_context(closing(KafkaSource(self.config, [topic], group)))

    def sink(self) -> RecordSink:
        return self._sink

    def offsets(self) -> TopicOffsets:
        return self._open.enter_context(closing(KafkaOffsets(self.config)))

    def topic_reader(self) -> TopicReader:
        return KafkaReader(self.config)

    def now(self) -> int:
        return time.time_ns() // 1000


def new_name() -> str:
    return f"t-{uuid.uuid4().hex[:12]}"
