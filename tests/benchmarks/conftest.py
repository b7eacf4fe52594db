"""One report for the session, printed at its end and kept as JSON."""

from collections.abc import Iterator

import pytest

from tests.benchmarks.rounds import RESULTS, Report, machine

_REPORT = Report()


@pytest.fixture
def report() -> Iterator[Report]:
    """Where a benchmark notes its figures; saved after each, so that one that breaks takes no other along."""
    yield _REPORT
    _REPORT.save(RESULTS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """No time limit: a slow machine is slow for all variants."""
    for item in items:
        item.add_marker(pytest.mark.timeout(0))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table."""
    if _REPORT.figures:
        terminalreporter.section(f"benchmarks, medians: {machine()}")
        for line in _REPORT.table():
            terminalreporter.write_line(line)
        terminalreporter.write_line(f"kept in {RESULTS}")
