"""A database that takes everything and answers nothing, as behind a network that drops packets in silence."""

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from consumers.domain.errors import TransientError
from consumers.stores.sql.engine import CONNECT_TIMEOUT_S, engine_to
from consumers.stores.sql.failures import translated
from consumers.stores.sql.patience import MARGIN_SECONDS
from tests.conftest import Postgres
from tests.support.proxy import Proxy, address_of, proxy, through

pytestmark = pytest.mark.integration
TIMEOUT_SECONDS = 1.0


@pytest.fixture
def network(postgres: Postgres) -> Iterator[Proxy]:
    with proxy(address_of(postgres.url)) as made:
        yield made


@pytest.fixture
def engine(postgres: Postgres, network: Proxy) -> Iterator[Engine]:
    made = engine_to(through(postgres.url, network.port), int(TIMEOUT_SECONDS * 1000), "lapse-test")
    yield made
    made.dispose()


@translated
def select(engine: Engine, sql: str = "SELECT 1") -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(sql)).scalar_one())


@translated
def select_when_silent(engine: Engine, network: Proxy) -> None:
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        network.set("silent")
        connection.execute(text("SELECT 2"))


def test_statement_without_an_answer_is_away_soon_and_the_pool_recovers(engine: Engine, network: Proxy) -> None:
    began = time.monotonic()
    with pytest.raises(TransientError) as away:
        select_when_silent(engine, network)
    assert away.value.code == "NoAnswerError"
    assert TIMEOUT_SECONDS < time.monotonic() - began < TIMEOUT_SECONDS + MARGIN_SECONDS + 5
    network.set("open")
    assert select(engine) == 1


def test_idle_connection_that_fell_silent_is_away_soon_and_the_pool_recovers(engine: Engine, network: Proxy) -> None:
    assert select(engine) == 1
    network.set("silent")
    began = time.monotonic()
    with pytest.raises(TransientError):
        select(engine)
    assert time.monotonic() - began < TIMEOUT_SECONDS + MARGIN_SECONDS + CONNECT_TIMEOUT_S + 5
    network.set("open")
    assert select(engine) == 1


def test_statement_that_takes_longer_than_an_interval_is_waited_for(engine: Engine) -> None:
    assert select(engine, "SELECT 1 FROM pg_sleep(0.7)") == 1


def test_statement_that_takes_too_long_is_ended_by_the_server(engine: Engine) -> None:
    with pytest.raises(TransientError) as away:
        select(engine, "SELECT 1 FROM pg_sleep(9)")
    assert away.value.code == "57014"
