"""What every central list of active products promises: in memory, in a database and behind HTTP."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from consumers.adapters.active_http import HttpActiveProducts
from consumers.adapters.memory.active import MemoryActiveProducts
from consumers.domain.errors import PermanentError, TransientError
from consumers.local import Services
from consumers.ports import ActiveProducts
from consumers.stores import SqlActiveProducts
from tests.support.build import new_id

SQL = ("postgresql", "mariadb")
QUERY = "SELECT customer FROM {} WHERE customer IN :customers"


class Answering(BaseHTTPRequestHandler):
    """Answers as its server says."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["customers"]
        server: Any = self.server
        server.asked.append((self.path, len(asked), self.headers.get("Authorization")))
        body = server.body if server.body is not None else json.dumps(_told(server, asked)).encode()
        self.send_response(server.status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _told(server: Any, asked: list[str]) -> dict[str, list[str]]:
    return {name: [each for each in asked if each in getattr(server, name)] for name in ("active", "unknown")}


@contextmanager
def answering(active: set[str], unknown: set[str] = frozenset()) -> Iterator[Any]:  # type: ignore[assignment]
    server: Any = HTTPServer(("127.0.0.1", 0), Answering)
    server.active, server.unknown, server.status, server.body, server.asked = active, unknown, 200, None, []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def asking(server: Any, **more: Any) -> HttpActiveProducts:
    return HttpActiveProducts(f"http://127.0.0.1:{server.server_port}/active", more.get("token"), 2.0)


@contextmanager
def listed(services: Services, active: set[str], query: str = QUERY) -> Iterator[SqlActiveProducts]:
    name = new_id("t").replace("-", "_")
    url = make_url(services.postgres.url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as database:
        table = sql.Identifier(name)
        database.execute(sql.SQL("CREATE TABLE {} (customer text PRIMARY KEY)").format(table))
        for each in active:
            database.execute(sql.SQL("INSERT INTO {} VALUES (%s)").format(table), (each,))
        with closing(SqlActiveProducts(services.postgres.url, query.format(name), "text", 5.0)) as asked:
            yield asked
        database.execute(sql.SQL("DROP TABLE {}").format(table))


@contextmanager
def listed_on_mariadb(server: str, active: set[str]) -> Iterator[SqlActiveProducts]:
    name, engine = f"mysql.{new_id('t').replace('-', '_')}", create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as database:
        database.exec_driver_sql(f"CREATE TABLE {name} (customer varchar(40) PRIMARY KEY)")
        for each in active:
            database.execute(text(f"INSERT INTO {name} VALUES (:customer)"), {"customer": each})
        with closing(SqlActiveProducts(server, QUERY.format(name), "text", 5.0)) as asked:
            yield asked
        database.exec_driver_sql(f"DROP TABLE {name}")
    engine.dispose()


@pytest.fixture(params=["memory", "http", *(pytest.param(each, marks=pytest.mark.integration) for each in SQL)])
def source(request: pytest.FixtureRequest) -> Iterator[ActiveProducts]:
    if request.param == "memory":
        yield MemoryActiveProducts(dict.fromkeys("ab", "active"))
    elif request.param == "http":
        with answering({"a", "b"}) as server, closing(asking(server)) as asked:
            yield asked
    elif request.param == "postgresql":
        with listed(request.getfixturevalue("services"), {"a", "b"}) as asked_there:
            yield asked_there
    else:
        with listed_on_mariadb(request.getfixturevalue("mariadb"), {"a", "b"}) as asked_there:
            yield asked_there


def test_the_active_among_those_asked_are_named_and_nobody_else(source: ActiveProducts) -> None:
    assert source.active(["a", "x"]) == {"a": "active"}
    assert source.active(["x", "y"]) == {}
    assert source.active([]) == {}


def test_more_than_fit_one_question_are_asked_all(source: ActiveProducts) -> None:
    many = [f"customer-{number}" for number in range(1_200)]
    assert source.active([*many, "b"]) == {"b": "active"}


def test_who_cannot_be_told_about_is_unknown() -> None:
    with answering({"a"}, {"u"}) as server, closing(asking(server, token="secret")) as asked:
        assert asked.active(["a", "u", "x"]) == {"a": "active", "u": "unknown"}
        assert server.asked == [("/active", 3, "Bearer secret")]


@pytest.mark.parametrize("status", [301, 401, 404, 429, 500, 503])
def test_any_other_status_is_away(status: int) -> None:
    with answering({"a"}) as server, closing(asking(server)) as asked:
        server.status = status
        with pytest.raises(TransientError) as away:
            asked.active(["a"])
        assert len(server.asked) == 1
    assert away.value.code == f"http_{status}"


@pytest.mark.parametrize("body", [b"", b"[]", b'{"active": "a"}', b'{"active": ["other"]}', b'{"active": [], "x": 1}'])
def test_an_answer_that_is_not_understood_claims_nobody(body: bytes) -> None:
    with answering({"a"}) as server, closing(asking(server)) as asked:
        server.body = body
        with pytest.raises(TransientError) as away:
            asked.active(["a"])
    assert away.value.code == "misunderstood"
    assert away.value.__context__ is None
    assert "other" not in str(away.value)


@pytest.mark.parametrize("listening", [True, False], ids=["silent", "refused"])
def test_silent_and_refused_are_away(listening: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        if not listening:
            silent.close()
        with closing(HttpActiveProducts(f"http://127.0.0.1:{port}/", None, 0.3)) as asked:
            with pytest.raises(TransientError) as away:
                asked.active(["a"])
            assert away.value.code == "away"


@pytest.mark.parametrize("url", ["http://lists.invalid/", "https://[", "ftp://127.0.0.1/", "https://", "lists.example"])
def test_ids_travel_to_an_encrypted_address_only(url: str) -> None:
    with pytest.raises(PermanentError, match="https"):
        HttpActiveProducts(url, None, 1.0)


@pytest.mark.parametrize("token", ["", "two words", "two\nlines", "accented-\u00e9"])
def test_a_token_that_fits_no_header_is_refused_unquoted(token: str) -> None:
    with pytest.raises(PermanentError, match="token") as refused:
        HttpActiveProducts("https://lists.example.invalid/", token, 1.0)
    assert not token or token not in str(refused.value)


@pytest.mark.integration
def test_a_query_that_fails_for_one_customer_makes_only_him_unknown(services: Services) -> None:
    failing = "SELECT customer FROM {} WHERE customer IN :customers AND CAST(customer AS int) > 0"
    with listed(services, {"7", "seven"}, failing) as asked:
        assert asked.active(["7", "seven", "8"]) == {"7": "active", "seven": "unknown"}


@pytest.mark.integration
def test_a_query_that_answers_with_something_else_claims_nobody(services: Services) -> None:
    with (
        listed(services, {"a"}, "SELECT customer || '!' FROM {} WHERE customer IN :customers") as asked,
        pytest.raises(PermanentError, match="not among the customers"),
    ):
        asked.active(["a", "x"])


@pytest.mark.parametrize(
    "url", ["no url: secret", "oracle://user:secret@127.0.0.1/x", "mysql://user:secret@127.0.0.1/"]
)
def test_a_url_of_another_database_is_refused_unquoted(url: str) -> None:
    with pytest.raises(PermanentError, match=r"active_products\.url") as refused:
        SqlActiveProducts(url, QUERY.format("t"), "text", 1.0)
    assert "secret" not in str(refused.value)


def test_a_query_that_is_not_one_bound_select_is_refused() -> None:
    with pytest.raises(PermanentError, match="must bind :customers"):
        SqlActiveProducts("postgresql://127.0.0.1/x", "SELECT id FROM a", "text", 1.0)
