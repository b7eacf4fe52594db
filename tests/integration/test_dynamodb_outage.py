"""The table while DynamoDB is away, and while the network loses answers."""

import socket
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
from botocore.exceptions import ConnectionClosedError
from botocore.httpsession import URLLib3Session

from consumers.adapters.dynamodb.client import connect
from consumers.adapters.dynamodb.schema import apply_table
from consumers.adapters.dynamodb.table import DynamoTable
from consumers.domain.errors import PermanentError, PoisonError, TransientError
from consumers.domain.rows import state_key
from consumers.ports import Lost, Row, Write

pytestmark = pytest.mark.integration

ROW = Row(state_key("c-4711"), 1, "s1", b"1")


@pytest.fixture
def client_for() -> Iterator[Callable[..., Any]]:
    with ExitStack() as clients:
        yield lambda url, **timeouts: clients.enter_context(closing(client_of(url, **timeouts)))


def client_of(url: str, **timeouts: float) -> Any:
    return connect(region="eu-north-1", endpoint_url=url, access_key_id="test", secret_access_key="test", **timeouts)


@pytest.fixture
def table(dynamodb: str, client_for: Callable[..., Any]) -> tuple[DynamoTable, Any]:
    client, name = client_for(dynamodb), f"outage-{uuid.uuid4().hex}"
    apply_table(client, name, dev=True)
    return DynamoTable(client, name), client


@pytest.fixture
def silent() -> Iterator[str]:
    """An address that accepts connections and never answers, as a dropped connection looks."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def lose_answers(client: Any, count: int) -> list[int]:
    """Let the next answers to writes get lost after DynamoDB has done what was asked; gives the statuses lost."""
    lost: list[int] = []

    def send(request: Any, **_: Any) -> None:
        if len(lost) < count:
            with closing(URLLib3Session()) as session:
                lost.append(session.send(request).status_code)
            raise ConnectionClosedError(endpoint_url=request.url)

    client.meta.events.register("before-send.dynamodb.BatchExecuteStatement", send)
    return lost


def test_table_that_never_answers_is_away_within_its_timeouts(silent: str, client_for: Callable[..., Any]) -> None:
    table = DynamoTable(client_for(silent, connect_timeout=0.2, read_timeout=0.2), "lapse")
    begun = time.monotonic()

    for ask in (lambda: table.read([ROW.key]), lambda: table.write([Write(ROW.key, None, ROW)])):
        with pytest.raises(TransientError) as away:
            ask()
        assert "4711" not in str(away.value)

    assert time.monotonic() - begun < 20


def test_table_that_refuses_connections_is_away(client_for: Callable[..., Any]) -> None:
    table = DynamoTable(client_for("http://127.0.0.1:1"), "lapse")

    with pytest.raises(TransientError):
        table.due("due#1", 5, 10)


def test_table_that_is_not_there_names_the_command_that_makes_it(dynamodb: str, client_for: Callable[..., Any]) -> None:
    table = DynamoTable(client_for(dynamodb), f"absent-{uuid.uuid4().hex}")

    for ask in (
        lambda: table.read([ROW.key]),
        lambda: table.write([Write(ROW.key, None, ROW)]),
        lambda: table.due("due#1", 5, 10),
        lambda: table.count("due#1", 5),
    ):
        with pytest.raises(PermanentError, match="lapse table apply"):
            ask()


def test_writes_whose_answers_get_lost_count_as_written(table: tuple[DynamoTable, Any]) -> None:
    rows, client = table
    second = ROW._replace(version=2, stamp="s2")
    steps = [Write(ROW.key, None, ROW), Write(ROW.key, ROW, second), Write(ROW.key, second, None)]
    outcomes: list[Lost | None] = []
    for step in steps:
        lost = lose_answers(client, 1)
        outcomes += rows.write([step])
        assert lost == [200]

    assert outcomes == [None, None, None]


def test_conflict_behind_a_lost_answer_is_still_a_conflict(table: tuple[DynamoTable, Any]) -> None:
    rows, client = table
    rows.write([Write(ROW.key, None, ROW)])
    lost = lose_answers(client, 1)

    assert list(rows.write([Write(ROW.key, None, ROW._replace(stamp="mine"))])) == [Lost(ROW)]
    assert lost == [200]


def test_write_that_never_gets_an_answer_is_away_and_may_be_repeated(table: tuple[DynamoTable, Any]) -> None:
    rows, client = table
    lose_answers(client, 3)

    with pytest.raises(TransientError):
        rows.write([Write(ROW.key, None, ROW)])

    assert list(rows.write([Write(ROW.key, None, ROW)])) == [None]
    assert rows.read([ROW.key]) == {ROW.key: ROW}


def test_row_too_large_is_refused_and_names_nobody(table: tuple[DynamoTable, Any]) -> None:
    rows, _ = table

    with pytest.raises(PoisonError) as refused:
        rows.write([Write(ROW.key, None, ROW._replace(body=bytes(450_000)))])

    assert "4711" not in str(refused.value)
