"""The stores of this repository as subjects of the conformance suite."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from botocore.exceptions import ConnectionClosedError
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import make_url

from consumers.adapters.clock import SystemClock
from consumers.adapters.memory.store import TABLE, MemoryRow, MemoryStore
from consumers.domain.errors import TransientError
from consumers.domain.work import Carried, Task
from consumers.stores import Rules, S3Rules, S3Store, SqlStore
from consumers.stores.s3.client import client_for
from consumers.stores.sql.dialects import engine_for
from tests.support.acme.letters import Letters, LettersRules, LettersStore
from tests.support.other_databases import OtherDatabase
from tests.support.other_databases import add_customers as add_others
from tests.support.s3_store import Archive
from tests.support.sql_store import Database, add_customers

CLOSED = "127.0.0.1:1"
ROWS = {
    "customers": "SELECT c.* FROM {0}customers AS c",
    "orders": "SELECT o.* FROM {0}customers AS c JOIN {0}orders AS o ON o.customer = c.id",
    "order_lines": "SELECT l.* FROM {0}customers AS c JOIN {0}orders AS o ON o.customer = c.id "
    "JOIN {0}order_lines AS l ON l.order_id = o.id",
    "notes": "SELECT n.* FROM {0}customers AS c JOIN {0}notes AS n ON n.customer = c.id",
}


def named(number: int) -> str:
    """An id found in no other text."""
    return f"canary-{number}"


class _Counting:
    """Counts calls, and loses one."""

    def __init__(self, break_at: int | None, lose: Callable[[], None]) -> None:
        self._left, self._lose = break_at, lose

    def call(self) -> None:
        if self._left is not None:
            self._left -= 1
            if not self._left:
                self._lose()


class _Breaking(MemoryStore):
    """Breaks off before a batch or before one of its customers."""

    def __init__(self, whole: MemoryStore, break_at: int | None) -> None:
        super().__init__()
        self.rows, self.rows_of_ledger = whole.rows, whole.rows_of_ledger
        self._calls = _Counting(break_at, self._broken)

    def _broken(self) -> None:
        raise TransientError("database away", code="away")

    def _reach(self) -> None:
        super()._reach()
        self._calls.call()

    def _carry_out(self, task: Task) -> Carried:
        self._calls.call()
        return super()._carry_out(task)


class InMemory:
    """Fulfils Subject."""

    def __init__(self) -> None:
        self._whole = MemoryStore()

    def customer(self, number: int) -> str:
        return named(number)

    def add(self, customer_id: str) -> None:
        self._whole.rows[customer_id] = MemoryRow(f"name of {customer_id}")

    def rows(self, customer_id: str) -> Mapping[str, Sequence[object]]:
        row = self._whole.rows.get(customer_id)
        return {TABLE: [row] if row else []}

    def is_personal(self, customer_id: str) -> bool:
        return customer_id in self._whole.rows[customer_id].value

    def open(self, break_at: int | None = None) -> MemoryStore:
        return _Breaking(self._whole, break_at)

    @contextmanager
    def away(self) -> Iterator[MemoryStore]:
        store = self.open()
        store.away = True
        yield store


class OnDatabase:
    """Fulfils LedgeredSubject over the customers of `sql_store` and `other_databases`."""

    def __init__(
        self, database: Database | OtherDatabase, add: Callable[[Any, Sequence[int]], None], lose: Callable[[Any], None]
    ) -> None:
        self._database, self._add, self._lose = database, add, lose
        self._schema = "crm." if isinstance(database, Database) else ""
        self._rows = 1000
        database.store()

    def customer(self, number: int) -> str:
        return named(number)

    def add(self, customer_id: str) -> None:
        self._rows += 1
        self._add(self._database, [self._rows])
        renamed = f"UPDATE {self._schema}customers SET customer_id = '{customer_id}' WHERE id = {self._rows}"
        self._database.run(renamed)

    def rows(self, customer_id: str) -> Mapping[str, Sequence[object]]:
        whose = f"WHERE c.customer_id = '{customer_id}'"
        return {
            name: sorted(self._database.rows(f"{query.format(self._schema)} {whose}"), key=str)
            for name, query in ROWS.items()
        }

    def is_personal(self, customer_id: str) -> bool:
        return "CANARY" in str(self.rows(customer_id))

    def open(self, break_at: int | None = None) -> SqlStore:
        return self._database.opened(SqlStore(self._database.rules(), self._engine(break_at)))

    @contextmanager
    def away(self) -> Iterator[SqlStore]:
        url = make_url(self._database.url)
        if url.drivername.startswith("sqlite"):
            url = url.set(database=f"{url.database}/nowhere")
        else:
            url = url.set(host="127.0.0.1", port=1, query={}, username="nobody", password="secret")
        text = url.render_as_string(hide_password=False)
        yield self._database.opened(SqlStore(self._database.rules(CRM_URL=text)))

    def _engine(self, break_at: int | None) -> Callable[[Rules], Engine]:
        def connect(rules: Rules) -> Engine:
            engine = engine_for(rules)
            open_now: list[Any] = []
            calls = _Counting(break_at, lambda: self._lose(open_now[-1]))

            def called(connection: Connection, *_: object) -> None:
                open_now.append(connection.connection.dbapi_connection)
                calls.call()

            event.listen(engine, "before_cursor_execute", called)
            event.listen(engine, "commit", called)
            return engine

        return connect


def on_postgres(database: Database) -> OnDatabase:
    """Its connections are ended by an administrator."""

    def lose(connection: Any) -> None:
        database.run(f"SELECT pg_terminate_backend({connection.info.backend_pid}, 5000)")

    return OnDatabase(database, add_customers, lose)


def on_mariadb(database: OtherDatabase) -> OnDatabase:
    """Its connections are ended by an administrator."""
    return OnDatabase(database, add_others, lambda connection: database.run(f"KILL {connection.thread_id()}"))


def on_sqlite(database: OtherDatabase) -> OnDatabase:
    """Its statements are interrupted: there is no connection to lose."""

    def lose(connection: Any) -> None:
        def once() -> int:
            connection.set_progress_handler(None, 0)
            return 1

        connection.set_progress_handler(once, 1)

    return OnDatabase(database, add_others, lose)


class OnS3:
    """Fulfils LedgeredSubject: two versions of a letter and a face for each customer."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def customer(self, number: int) -> str:
        return named(number)

    def add(self, customer_id: str) -> None:
        self._archive.put(f"customers/{customer_id}/letter", times=2)
        self._archive.put(f"public/avatars/{customer_id}/face")

    def rows(self, customer_id: str) -> Mapping[str, Sequence[object]]:
        return {
            "documents": self._archive.versions(f"customers/{customer_id}/"),
            "avatars": self._archive.versions(f"public/avatars/{customer_id}/"),
        }

    def is_personal(self, customer_id: str) -> bool:
        return any(self.rows(customer_id).values())

    def open(self, break_at: int | None = None) -> S3Store:
        calls = _Counting(break_at, _connection_closed)

        def connect(rules: S3Rules) -> Any:
            client = client_for(rules)
            client.meta.events.register("before-call.s3", lambda **_: calls.call())
            return client

        return self._archive.opened(S3Store(self._archive.rules, SystemClock(), connect))

    @contextmanager
    def away(self) -> Iterator[S3Store]:
        rules = self._archive.rules
        where = rules.store.model_copy(update={"endpoint": f"http://{CLOSED}"})
        yield self._archive.opened(S3Store(rules.model_copy(update={"store": where}), SystemClock()))


class OnLetters:
    """Fulfils LedgeredSubject over the store of somebody else."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        store = LettersStore(kind="letters", folder=str(folder))
        self._rules = LettersRules(version=1, service="letters", purpose="conformance", store=store)

    def customer(self, number: int) -> str:
        return named(number)

    def add(self, customer_id: str) -> None:
        (self._folder / f"{customer_id}.json").write_text('["Dear", "Sir"]')

    def rows(self, customer_id: str) -> Mapping[str, Sequence[object]]:
        path = self._folder / f"{customer_id}.json"
        return {"letters": json.loads(path.read_text()) if path.exists() else []}

    def is_personal(self, customer_id: str) -> bool:
        return any(self.rows(customer_id).values())

    def open(self, break_at: int | None = None) -> Letters:
        return Letters(self._rules, SystemClock(), _Counting(break_at, _disk_lost).call)

    @contextmanager
    def away(self) -> Iterator[Letters]:
        yield Letters(self._rules, SystemClock(), _disk_lost)


def _disk_lost() -> None:
    raise ConnectionResetError


def _connection_closed() -> None:
    raise ConnectionClosedError(endpoint_url="http://server")
