"""Processor time of the state consumer per customer with the DynamoDB client; the endpoint is another process."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from consumers.adapters.dynamodb import DynamoTable, apply_table
from consumers.adapters.memory.table import MemoryTable
from consumers.app import App
from consumers.local import Services
from tests.benchmarks.rounds import Goal, Report, Spent, cpus, interleaved
from tests.benchmarks.runs import install, state_consumer
from tests.benchmarks.workload import customers, fill, shuffled
from tests.support.installation import installation

BATCH = 500
GOAL = Goal("at most", 200)


@pytest.mark.parametrize(("count", "events_each"), [(5_000, 1), (2_000, 4)])
def test_state_consumer_with_dynamodb_per_written_customer(
    services: Services, tmp_path: Path, report: Report, count: int, events_each: int
) -> None:
    with installation(services, tmp_path, ()) as installed:
        app = installed.app
        events = fill(app.kafka, app.names.events, shuffled(customers(count), events_each))
        spent = interleaved(
            {"DynamoDB": lambda: _with_dynamodb(app, events), "memory": lambda: _in_memory(app, events)}
        )
    name = f"state, DynamoDB client, {events_each} event(s) per customer"
    each = [one.micros_per(events) for one in spent["DynamoDB"]]
    without = [one.micros_per(events) for one in spent["memory"]]
    report.note(f"{name}: own CPU", cpus(each), "µs/write", GOAL)
    report.note(f"{name}: the same with the memory table", cpus(without), "µs/write")


def _with_dynamodb(app: App, events: int) -> Spent:
    with _new_table(app) as table:
        install(table)
        return state_consumer(app.kafka, app.names, table, events, batch=BATCH)


def _in_memory(app: App, events: int) -> Spent:
    table = MemoryTable()
    install(table)
    return state_consumer(app.kafka, app.names, table, events, batch=BATCH)


@contextmanager
def _new_table(app: App) -> Iterator[DynamoTable]:
    name = f"bench-{uuid.uuid4().hex}"
    apply_table(app.dynamodb, name, dev=True)
    try:
        yield DynamoTable(app.dynamodb, name)
    finally:
        app.dynamodb.delete_table(TableName=name)
