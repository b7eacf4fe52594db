"""Fixtures every tier shares: real services on this machine, started once, and nothing of the user's environment."""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings

from consumers.local import Services, running
from consumers.local.safety import own_environment, refuse_foreign
from tests.support import northwind

# a shared machine: an example may be slow without being wrong
settings.register_profile("lapse", deadline=None)
# the same examples for each mutant, and fewer of them
settings.register_profile("mutation", deadline=None, max_examples=40, derandomize=True, database=None)
settings.load_profile("mutation" if "MUTANT_UNDER_TEST" in os.environ else "lapse")
TIERS = ("unit", "contract", "model", "simulation", "fuzz", "integration", "e2e", "chaos", "packaging", "benchmarks")
STORES = "tests/contract/test_store.py"


class Postgres(NamedTuple):
    """A server: SQLAlchemy URL of a superuser on a maintenance database, and the server's own log."""

    url: str
    log: Path


@pytest.fixture(scope="session", autouse=True)
def _own_environment() -> Iterator[None]:
    with own_environment():
        yield


@pytest.fixture(scope="session")
def services(_own_environment: None) -> Iterator[Services]:
    """Broker, DynamoDB endpoint and PostgreSQL, ended with the session."""
    with running("kafka", "dynamodb", "postgres") as started:
        refuse_foreign(started.kafka.bootstrap_servers)
        refuse_foreign(started.dynamodb.url)
        refuse_foreign(started.postgres.url)
        yield started


@pytest.fixture(scope="session")
def kafka(services: Services) -> str:
    """Bootstrap servers."""
    return services.kafka.bootstrap_servers


@pytest.fixture(scope="session")
def dynamodb(services: Services) -> str:
    """Endpoint URL."""
    return services.dynamodb.url


@pytest.fixture(scope="session")
def s3(_own_environment: None) -> Iterator[str]:
    """Endpoint URL; a process whatever runs the others, for Amazon's DynamoDB image has no S3."""
    with running("dynamodb", backend="processes") as started:
        refuse_foreign(started.dynamodb.url)
        yield started.dynamodb.url


@pytest.fixture(scope="session")
def postgres(services: Services) -> Postgres:
    """The PostgreSQL server."""
    return Postgres(services.postgres.url, services.postgres.log)


@pytest.fixture(scope="session")
def mariadb(_own_environment: None) -> Iterator[str]:
    """SQLAlchemy URL of an administrator; a server of its own, for few tests need it."""
    with running("mariadb") as started:
        refuse_foreign(started.mariadb.url)
        yield started.mariadb.url


def pytest_configure() -> None:
    """Hear Ctrl-C where a shell started the tests in the background and ignores it: or what they start never would."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its tier, the folder it lies in."""
    for item in items:
        tier = next((part for part in item.path.parts if part in TIERS), None)
        if tier == "benchmarks":
            item.add_marker(pytest.mark.benchmark)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests of each tier passed, how many cases of the conformance suite for each store, and figures.

    Figures are what a test gave to `record_property("figures", ...)`.
    """
    for report in terminalreporter.stats.get("passed", []):
        for _, figures in filter(lambda each: each[0] == "figures", report.user_properties):
            terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {figures}")
    counts = dict.fromkeys(TIERS, 0)
    for report in terminalreporter.stats.get("passed", []):
        for tier in TIERS:
            counts[tier] += f"tests/{tier}/" in report.nodeid
    terminalreporter.write_line("passed by tier: " + ", ".join(f"{tier} {n}" for tier, n in counts.items() if n))
    passed = (report.nodeid.split("::") for report in terminalreporter.stats.get("passed", []))
    stores = Counter(parts[1].removeprefix("Test") for parts in passed if parts[0] == STORES and len(parts) == 3)
    if stores:
        terminalreporter.write_line("conformance: " + ", ".join(f"{store} {n}" for store, n in stores.items()))


def lacks_northwind(report: pytest.TestReport) -> bool:
    """Whether a test was skipped for want of the one file that cannot lie in this repository."""
    return northwind.PATH is None and report.nodeid.startswith("tests/e2e/test_northwind.py::")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test is a failed run: nothing is proven by it. But what needs data of others may lack them."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = [each for each in (reporter.stats.get("skipped", []) if reporter else []) if not lacks_northwind(each)]
    if skipped and os.environ.get("CI") and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
