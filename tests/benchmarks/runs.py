"""The runs that are compared: a bare loop over a topic, and our roles over the same topic."""

import uuid
from collections.abc import Sequence
from contextlib import closing
from io import BytesIO
from typing import Any

import fastavro
from confluent_kafka import Consumer, TopicPartition

from consumers.adapters.clock import SystemClock
from consumers.adapters.faults import NoFaults
from consumers.adapters.kafka import KafkaConfig, KafkaSink, KafkaSource
from consumers.adapters.kafka.config import consumer_properties
from consumers.adapters.memory.metrics import MemoryMetrics
from consumers.adapters.memory.table import MemoryTable
from consumers.app import new_stamp
from consumers.domain import rows
from consumers.domain.names import Names
from consumers.domain.policy import Policy
from consumers.items import Items
from consumers.operations.policies import apply_policy
from consumers.ports import Headers, Lost, Polled, RecordSink, RecordSource, Row, Table, Write
from consumers.process import seldom_look_for_cycles
from consumers.runtime.deadletters import DeadLetters
from consumers.runtime.health import Health
from consumers.runtime.loop import Handler, Loop
from consumers.runtime.measures import DEAD_LETTERS, RECORDS
from consumers.state.consumer import StateConsumer
from producer_client.encoding import POSTPONE, SCHEDULE, frame, schema
from tests.benchmarks.rounds import Spent
from tests.benchmarks.workload import POLICY

PARTITIONS = 12


def bare_loop(kafka: KafkaConfig, topic: str, count: int, batch: int) -> Spent:
    """Consume and decode, nothing else, with the client settings of our consumers; from the first record on."""
    schemas = {frame(name): fastavro.parse_schema(schema(name)) for name in (SCHEDULE, POSTPONE)}
    with closing(Consumer(consumer_properties(kafka, f"bench-{uuid.uuid4().hex}"))) as consumer:
        consumer.assign([TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)])
        started, seen = None, 0
        while seen < count:
            messages = consumer.consume(batch, 1.0)
            started = started or (Spent.now() if messages else None)
            for message in messages:
                if message.error() is None:
                    _decoded(message.value() or b"", schemas)
                    seen += 1
        assert started is not None
        return Spent.now().since(started)


def _decoded(value: bytes, schemas: dict[bytes, Any]) -> Any:
    return fastavro.schemaless_reader(BytesIO(value[10:]), schemas[value[:10]], None)


class Unpublished:
    """A sink that writes nothing: what is saved with it is what publishing costs."""

    def send(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers = ()) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


class ForgetfulTable(MemoryTable):
    """Keeps control rows only: every customer is new to it, and what it would hold is not the consumer's memory."""

    def write(self, writes: Sequence[Write]) -> Sequence[Lost | None]:
        kept = [write for write in writes if write.key.sub_id != "STATE"]
        lost = dict(zip([write.key for write in kept], super().write(kept), strict=True))
        return [lost.get(write.key) for write in writes]


class NotedSource(KafkaSource):
    """A source of a new group that remembers when the first records came: joining a group is not what is measured."""

    def __init__(self, kafka: KafkaConfig, topic: str) -> None:
        super().__init__(kafka, [topic], f"bench-{uuid.uuid4().hex}")
        self.started: Spent | None = None

    def poll(self, max_records: int, timeout: float) -> Polled:
        polled = super().poll(max_records, timeout)
        if polled.records and self.started is None:
            self.started = Spent.now()
        return polled


def install(table: Table, policy: Policy = POLICY) -> None:
    """The rows of a first installation."""
    apply_policy(table, policy, new_stamp)
    keys = [rows.position_key(partition) for partition in range(PARTITIONS)]
    table.write([Write(key, None, Row(key, 1, new_stamp(), rows.to_json(rows.Position(0, "")))) for key in keys])


def state_consumer(
    kafka: KafkaConfig, names: Names, table: Table, count: int, *, batch: int, publishing: bool = True
) -> Spent:
    """The state consumer as it runs, as a new group from the first event to the last commit."""
    metrics = MemoryMetrics()
    source = NotedSource(kafka, names.events)
    with closing(source), closing(KafkaSink(kafka) if publishing else Unpublished()) as sink:
        return caught_up(
            "state", source, state_handler(names, table, source, sink, metrics), metrics, count, batch=batch
        )


def caught_up(
    role: str, source: NotedSource, handler: Handler, metrics: MemoryMetrics, count: int, *, batch: int
) -> Spent:
    """What a role takes for the whole of its topic, from the first record to the last commit."""
    clock = SystemClock()
    loop = Loop(role, source, handler, clock, metrics, Health(clock), batch=batch)
    seldom_look_for_cycles()
    loop.run(lambda: False, until_caught_up=True)
    ended = Spent.now()
    assert source.started is not None
    assert metrics.counted[RECORDS, f"role={role}"] == count, metrics.counted
    assert not [name for name in metrics.counted if name[0] == DEAD_LETTERS], metrics.counted
    return ended.since(source.started)


def state_handler(
    names: Names, table: Table, source: RecordSource, sink: RecordSink, metrics: MemoryMetrics
) -> StateConsumer:
    """The handler as the app wires it, but for what a test measures."""
    clock = SystemClock()
    return StateConsumer(
        table=table,
        items=Items(table, sink, names.state, clock, new_stamp),
        source=source,
        sink=sink,
        dead_letters=DeadLetters(sink, names.dead_letters, names.state_group, metrics, b"secret"),
        results=names.results,
        clock=clock,
        metrics=metrics,
        faults=NoFaults(),
        stamp=new_stamp,
    )
