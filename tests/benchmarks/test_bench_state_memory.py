"""The state consumer with the memory table against a bare consume loop: all that Lapse itself adds per event."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from consumers.adapters.memory.table import MemoryTable
from consumers.local import Services
from tests.benchmarks.rounds import Goal, Report, Spent, cpus, interleaved, ratios, walls
from tests.benchmarks.runs import bare_loop, install, state_consumer
from tests.benchmarks.workload import Event, customers, fill, in_bursts, shuffled
from tests.support.installation import Installation, installation

CUSTOMERS, EVENTS_EACH = 50_000, 4
EVENTS = CUSTOMERS * EVENTS_EACH
DEFAULT_BATCH = 500
# Out of reach for interpreted code: to poll, decode and check an event takes what the goal allows for all of it. The
# floor catches what makes it slower still.
GOAL = Goal("at least", 0.5, floor=0.05)


@pytest.fixture
def installed(services: Services, tmp_path: Path) -> Iterator[Installation]:
    with installation(services, tmp_path, ()) as made:
        yield made


def test_state_consumer_on_shuffled_events_against_a_bare_loop(installed: Installation, report: Report) -> None:
    spent = _measured(installed, shuffled)
    _note(report, "state, shuffled", spent, GOAL)


def test_state_consumer_on_events_in_bursts_against_a_bare_loop(installed: Installation, report: Report) -> None:
    spent = _measured(installed, in_bursts)
    _note(report, "state, in bursts", spent, None)


def _measured(
    installed: Installation, events: Callable[[Sequence[str], int], Iterator[Event]]
) -> dict[str, list[Spent]]:
    app = installed.app
    count = fill(app.kafka, app.names.events, events(customers(CUSTOMERS), EVENTS_EACH))

    def ours(batch: int, *, publishing: bool = True) -> Spent:
        table = MemoryTable()
        install(table)
        return state_consumer(app.kafka, app.names, table, count, batch=batch, publishing=publishing)

    return interleaved(
        {
            "bare loop": lambda: bare_loop(app.kafka, app.names.events, count, DEFAULT_BATCH),
            "batch 500": lambda: ours(DEFAULT_BATCH),
            "batch 500, unpublished": lambda: ours(DEFAULT_BATCH, publishing=False),
            "batch 2000": lambda: ours(2000),
        }
    )


def _note(report: Report, name: str, spent: dict[str, list[Spent]], goal: Goal | None) -> None:
    for variant, rounds in spent.items():
        each = [one.micros_per(EVENTS) for one in rounds]
        report.note(f"{name}, {variant}: wall", walls(each), "µs/event")
        report.note(f"{name}, {variant}: CPU", cpus(each), "µs/event")
    bare = spent.pop("bare loop")
    for variant, rounds in spent.items():
        wanted = goal if variant == "batch 500" else None
        report.note(f"{name}, {variant}: CPU, bare loop = 1", ratios(cpus(bare), cpus(rounds)), "x")
        report.note(f"{name}, {variant}: speed, bare loop = 1", ratios(walls(bare), walls(rounds)), "x", wanted)
