"""Memory of a state consumer that never ends: as much at the end of a long run as at a fifth of it."""

import multiprocessing
import re
from collections.abc import Collection, Mapping
from multiprocessing.connection import Connection
from pathlib import Path

from consumers.adapters.clock import SystemClock
from consumers.adapters.memory.metrics import MemoryMetrics
from consumers.domain.names import Names
from consumers.ports import Partition, Polled, Record
from consumers.process import seldom_look_for_cycles
from consumers.runtime.health import Health
from consumers.runtime.loop import Loop
from consumers.runtime.measures import RECORDS
from producer_client import encode
from tests.benchmarks.rounds import Report
from tests.benchmarks.runs import PARTITIONS, ForgetfulTable, Unpublished, install, state_handler
from tests.benchmarks.workload import customers, shuffled

EVENTS = 400_000
FIFTH = EVENTS // 5  # more customers than the cache holds by default: it is full from then on
ALLOWED = 1.1


class Generated:
    """A source that makes events up as it is polled, each of another customer. Fulfils RecordSource."""

    def __init__(self, topic: str) -> None:
        self._events = shuffled(customers(EVENTS), 1)
        self._held = [Partition(topic, number) for number in range(PARTITIONS)]
        self._told, self._offset = False, 0

    def poll(self, max_records: int, timeout: float) -> Polled:  # noqa: ARG002 - the port's
        if not self._told:
            self._told = True
            return Polled(assigned=self._held)
        return Polled([self._record() for _ in range(min(max_records, EVENTS - self._offset))])

    def _record(self) -> Record:
        record = encode(next(self._events))
        at, offset = self._held[self._offset % PARTITIONS], self._offset // PARTITIONS
        self._offset += 1
        return Record(*at, offset, SystemClock().now(), record.key, record.value)

    def start(self, offsets: Mapping[Partition, int | None]) -> None: ...

    def committed(self, partitions: Collection[Partition]) -> Mapping[Partition, int | None]:
        return dict.fromkeys(partitions, 0)

    def commit(self, offsets: Mapping[Partition, int]) -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def close(self) -> None: ...


def test_state_consumer_memory_stays_over_a_long_run(report: Report) -> None:
    early, late = _in_a_process()
    report.note(f"state, memory after {FIFTH} of {EVENTS} customers", [early], "MiB")
    report.note(f"state, memory after all {EVENTS} customers", [late], "MiB")
    assert late < ALLOWED * early


def _in_a_process() -> tuple[float, float]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_consume, args=(theirs,))
    process.start()
    theirs.close()
    try:
        early, late = ours.recv()
    finally:
        process.join(30)
    return early, late


def _consume(to: Connection) -> None:
    seldom_look_for_cycles()
    clock, metrics, names, table, sink = SystemClock(), MemoryMetrics(), Names(), ForgetfulTable(), Unpublished()
    install(table)
    source = Generated(names.events)
    handler = state_handler(names, table, source, sink, metrics)
    loop = Loop("state", source, handler, clock, metrics, Health(clock))
    to.send(tuple(_resident_after(loop, metrics, count) for count in (FIFTH, EVENTS)))


def _resident_after(loop: Loop, metrics: MemoryMetrics, count: int) -> float:
    loop.run(lambda: metrics.counted[RECORDS, "role=state"] >= count)
    found = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found, "needs Linux"
    return int(found[1]) / 1024
