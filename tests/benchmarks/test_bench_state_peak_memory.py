"""Peak memory of a state consumer that meets 200,000 customers, in a process of its own."""

import multiprocessing
import re
from multiprocessing.connection import Connection
from pathlib import Path

from consumers.adapters.kafka import KafkaConfig
from consumers.domain.names import Names
from consumers.local import Services
from tests.benchmarks.rounds import Report
from tests.benchmarks.runs import ForgetfulTable, install, state_consumer
from tests.benchmarks.workload import customers, fill, shuffled
from tests.support.installation import installation

CUSTOMERS = 200_000


def test_state_consumer_peak_memory(services: Services, tmp_path: Path, report: Report) -> None:
    with installation(services, tmp_path, ()) as installed:
        app = installed.app
        count = fill(app.kafka, app.names.events, shuffled(customers(CUSTOMERS), 1))
        before, peak = _in_a_process(app.kafka, app.names, count)
    report.note(f"state, {CUSTOMERS} customers: memory before the first event", [before], "MiB")
    report.note(f"state, {CUSTOMERS} customers: peak memory", [peak], "MiB")


def _in_a_process(kafka: KafkaConfig, names: Names, count: int) -> tuple[float, float]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_consume, args=(theirs, kafka, names, count))
    process.start()
    theirs.close()
    try:
        before, peak = ours.recv()
    finally:
        process.join(30)
    return before, peak


def _consume(to: Connection, kafka: KafkaConfig, names: Names, count: int) -> None:
    before = _peak()
    table = ForgetfulTable()
    install(table)
    state_consumer(kafka, names, table, count, batch=500)
    to.send((before, _peak()))


def _peak() -> float:
    # not ru_maxrss: that one remembers the parent's size from before exec
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found, "needs Linux"
    return int(found[1]) / 1024
