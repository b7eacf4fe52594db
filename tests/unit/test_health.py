import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from consumers.adapters.health_server import HealthServer
from consumers.adapters.memory.clock import MemoryClock
from consumers.adapters.metrics import PrometheusMetrics
from consumers.runtime.health import Health
from consumers.runtime.measures import DEAD_LETTERS


def get(server: HealthServer, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.fixture
def clock() -> MemoryClock:
    return MemoryClock(0)


@pytest.fixture
def health(clock: MemoryClock) -> Health:
    return Health(clock)


@pytest.fixture
def server(health: Health) -> Iterator[HealthServer]:
    metrics = PrometheusMetrics()
    metrics.count(DEAD_LETTERS, group="lapse.state", code="tombstone")
    server = HealthServer(0, {"state": health}, metrics)
    server.start()
    yield server
    server.stop()


def test_health_is_not_ready_before_anything_is_assigned(server: HealthServer) -> None:
    assert get(server, "/readyz") == (503, "state: assignment\n")


def test_health_is_ready_when_nothing_is_waited_for(server: HealthServer, health: Health) -> None:
    health.ready()
    assert get(server, "/readyz") == (200, "state: ok\n")


def test_health_names_what_a_role_waits_for(server: HealthServer, health: Health) -> None:
    health.waiting("BarrierClosedError")
    assert get(server, "/readyz") == (503, "state: BarrierClosedError\n")


def test_health_is_not_live_without_progress(server: HealthServer, health: Health, clock: MemoryClock) -> None:
    clock.wait(61)
    assert get(server, "/livez")[0] == 503
    health.progressed()
    assert get(server, "/livez") == (200, "state: ok\n")


def test_health_server_gives_metrics(server: HealthServer) -> None:
    assert 'lapse_dead_letters_total{code="tombstone",group="lapse.state"} 1.0' in get(server, "/metrics")[1]


def test_health_server_says_what_there_is(server: HealthServer) -> None:
    assert get(server, "/elsewhere")[0] == 404


def test_metrics_say_whether_each_role_is_ready(server: HealthServer, health: Health) -> None:
    assert 'lapse_ready{role="state"} 0.0' in get(server, "/metrics")[1]
    health.ready()
    assert 'lapse_ready{role="state"} 1.0' in get(server, "/metrics")[1]
