"""A member that works longer than its group waits for it, on a real broker: nothing is lost, and it comes back."""

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Self

import pytest

from consumers.adapters.clock import SystemClock
from consumers.adapters.kafka import KafkaConfig, KafkaSource
from consumers.adapters.memory.metrics import MemoryMetrics
from consumers.ports import Partition, Record
from consumers.runtime.health import Health
from consumers.runtime.loop import Loop
from consumers.runtime.measures import PAUSES
from tests.support.installation import wait_for
from tests.support.records import CLASSIC, KIP_848, RealKafka

pytestmark = pytest.mark.integration
PARTITIONS, RECORDS = 4, 200
POLL_INTERVAL = {"max.poll.interval.ms": 6000}  # the least, as it may not be below the session's


class Slow:
    """Remembers what it handled; its first batch ends when it is let go."""

    def __init__(self, *, held: bool = False) -> None:
        self.handled: list[Record] = []
        self.began, self.go = threading.Event(), threading.Event()
        if not held:
            self.go.set()

    def assigned(self, partitions: Collection[Partition]) -> Mapping[Partition, int | None]:
        return dict.fromkeys(partitions)

    def handle(self, records: Sequence[Record]) -> None:
        self.began.set()
        assert self.go.wait(60)
        self.handled += records

    def give_up(self, record: Record, code: str) -> None:
        raise AssertionError(f"{code} at {record.offset}")

    def advance(self, offsets: Mapping[Partition, int]) -> None: ...

    def idle(self) -> None: ...


class Member:
    """A loop in a thread."""

    def __init__(self, config: KafkaConfig, topic: str, handler: Slow) -> None:
        self.handler, self.metrics, clock = handler, MemoryMetrics(), SystemClock()
        self.health = Health(clock)
        self.source = KafkaSource(config, [topic], topic)
        self.loop = Loop("role", self.source, handler, clock, self.metrics, self.health, budget_seconds=1)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self.loop.run, args=(self._ended.is_set,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.handler.go.set()
        self._thread.join(60)
        self.source.close()

    def pauses(self, code: str) -> float:
        return self.metrics.counted[PAUSES, f"code={code}", "role=role"]


@pytest.fixture(params=["classic", "consumer"])
def backend(request: pytest.FixtureRequest, kafka: str) -> Iterator[RealKafka]:
    with closing(RealKafka(kafka, CLASSIC if request.param == "classic" else KIP_848)) as made:
        yield made


def write(backend: RealKafka, topic: str, name: bytes) -> None:
    sink = backend.sink()
    for number in range(RECORDS):
        sink.send(topic, b"%d" % number, b"%s-%d" % (name, number))
    sink.flush()


@contextmanager
def members(backend: RealKafka, topic: str) -> Iterator[tuple[Member, Member]]:
    """One that is in the middle of its first batch, and one that joins then."""
    config = {**backend.config, **POLL_INTERVAL}
    with Member(config, topic, Slow(held=True)) as slow:
        assert slow.handler.began.wait(60)
        with Member(config, topic, Slow()) as quick:
            yield slow, quick


def names(*handlers: Slow) -> set[bytes | None]:
    return {record.value for handler in handlers for record in handler.handled}


def test_member_that_works_too_long_commits_nothing_and_comes_back(backend: RealKafka) -> None:
    topic = backend.topic(PARTITIONS)
    write(backend, topic, b"first")
    offsets = backend.offsets()
    with members(backend, topic) as (slow, quick):
        wait_for("the other one has handled everything", lambda: len(names(quick.handler)) == RECORDS)
        wait_for("it is committed", lambda: offsets.committed(topic, topic) == offsets.end(topic))
        assert not slow.handler.handled
        slow.handler.go.set()
        wait_for(
            "it learns that it is out", lambda: slow.metrics.counted[PAUSES, "code=partition_revoked", "role=role"]
        )
        wait_for("it is in again", lambda: slow.health.waiting_for is None)
        write(backend, topic, b"second")
        wait_for("both work", lambda: len(names(slow.handler, quick.handler)) == 2 * RECORDS)
        wait_for("all is committed", lambda: offsets.committed(topic, topic) == offsets.end(topic))
        assert any((record.value or b"").startswith(b"second") for record in slow.handler.handled)


def test_batch_in_hand_is_finished_and_committed_before_its_partitions_move(backend: RealKafka) -> None:
    topic = backend.topic(PARTITIONS)
    write(backend, topic, b"first")
    offsets = backend.offsets()
    with members(backend, topic) as (slow, quick):
        wait_for("the other one has asked to join", lambda: quick.health.waiting_for == "assignment")
        slow.handler.go.set()
        wait_for("both are in", lambda: quick.health.waiting_for is None and slow.health.waiting_for is None)
        wait_for("all is committed", lambda: offsets.committed(topic, topic) == offsets.end(topic))
        write(backend, topic, b"second")
        wait_for("both work", lambda: len(names(slow.handler, quick.handler)) == 2 * RECORDS)
        handled = slow.handler.handled + quick.handler.handled
        assert len(handled) == 2 * RECORDS, "nothing was handled twice"
        assert quick.handler.handled
        assert slow.handler.handled


def test_group_survives_a_change_of_its_protocol(kafka: str) -> None:
    with closing(RealKafka(kafka)) as backend:
        topic = backend.topic(PARTITIONS)
        write(backend, topic, b"first")
        offsets = backend.offsets()
        for number, protocol in enumerate((CLASSIC, KIP_848, CLASSIC)):
            with Member({"bootstrap.servers": kafka, **protocol}, topic, Slow()) as member:
                write(backend, topic, b"%d" % number)
                wait_for("all is committed", lambda: offsets.committed(topic, topic) == offsets.end(topic))
                if number:
                    assert len(member.handler.handled) == RECORDS


def test_new_group_commits_every_partition_at_once(backend: RealKafka) -> None:
    topic, offsets = backend.topic(PARTITIONS), backend.offsets()
    assert set(offsets.committed(topic, topic).values()) == {None}
    with Member(backend.config, topic, Slow()):
        wait_for("every partition is committed", lambda: set(offsets.committed(topic, topic).values()) == {0})
