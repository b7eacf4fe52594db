"""A drawn schema on a real server: made, filled, checked, repaired, run into crashes, and looked at again."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL

from consumers.domain.errors import TransientError
from consumers.domain.work import Carried, Finding
from consumers.stores import SqlStore, load_sql_rules
from consumers.stores.sql.dialects import engine_for
from consumers.stores.sql.pace import Pace
from tests.support.generated import ddl
from tests.support.generated.filling import Filling, fill
from tests.support.generated.model import NUMBER, Schema, Table
from tests.support.generated.truth import Picture, reached, spared, wrong
from tests.support.psql import statements
from tests.support.sql_store import task

MODE = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,ANSI_QUOTES,NO_BACKSLASH_ESCAPES', time_zone = '+00:00'"


class Server(NamedTuple):
    """A server of one dialect with an empty schema for one case. `lose` ends a connection of a store."""

    url: URL
    schema: str
    engine: Engine
    lose: Callable[[Any], None]


class Ended(NamedTuple):
    """How one schema ended: refused with these findings, or run. `statements`: how many were crashed at."""

    refused: Sequence[Finding]
    statements: int = 0


def _engine(url: URL, prepare: Callable[[Any], None]) -> Engine:
    engine = create_engine(url, isolation_level="AUTOCOMMIT", pool_size=1)
    event.listen(engine, "connect", lambda raw, _: prepare(raw))
    return engine


def _cursor(raw: Any, sql: str) -> None:
    cursor = raw.cursor()
    cursor.execute(sql)
    cursor.close()


@contextmanager
def on_postgresql(url: URL, number: int) -> Iterator[Server]:
    """A schema of its own in a database."""
    name = f"case_{number}"
    engine = _engine(url, lambda raw: _cursor(raw, f"SET search_path = {name}; SET timezone = 'UTC'"))
    run(engine, [f"CREATE SCHEMA {name}"])
    try:
        yield Server(
            url, name, engine, lambda raw: run(engine, [f"SELECT pg_terminate_backend({_backend(raw)}, 5000)"])
        )
    finally:
        run(engine, [f"DROP SCHEMA {name} CASCADE"])
        engine.dispose()


def _backend(raw: Any) -> int:
    return int(raw.info.backend_pid)


@contextmanager
def on_mariadb(url: URL, number: int) -> Iterator[Server]:
    """A database of its own."""
    name = f"case_{number}"
    administrator = _engine(url, lambda raw: _cursor(raw, MODE))
    run(administrator, [f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name} CHARACTER SET utf8mb4"])
    own = url.set(database=name)
    engine = _engine(own, lambda raw: _cursor(raw, MODE))
    try:
        yield Server(own, name, engine, lambda raw: run(administrator, [f"KILL {raw.thread_id()}"]))
    finally:
        run(administrator, [f"DROP DATABASE {name}"])
        engine.dispose()
        administrator.dispose()


@contextmanager
def on_sqlite(folder: Path, number: int) -> Iterator[Server]:
    """A file of its own, whose statements are interrupted: there is no connection to lose."""
    url = URL.create("sqlite", database=str(folder / f"case_{number}.sqlite"))

    def lose(raw: Any) -> None:
        def once() -> int:
            raw.set_progress_handler(None, 0)
            return 1

        raw.set_progress_handler(once, 1)

    engine = _engine(url, lambda raw: _cursor(raw, "PRAGMA synchronous = off"))
    yield Server(url, "main", engine, lose)
    engine.dispose()


def run(engine: Engine, statements: Sequence[str]) -> None:
    """Carry out statements, each committed."""
    with engine.connect() as connection:
        for each in statements:
            connection.exec_driver_sql(each.replace("%", "%%") if engine.dialect.name != "sqlite" else each)


class Case:
    """One schema on a server."""

    def __init__(self, server: Server, schema: Schema, folder: Path) -> None:
        self.server, self.schema, self._folder = server, schema, folder
        run(server.engine, list(ddl.tables(schema)))
        self.filling: Filling = fill(schema)
        self._insert()
        run(server.engine, list(ddl.constraints(schema)))
        self._left = 0
        self.calls = 0
        self.store = SqlStore(self._rules(), self._connect)

    def findings(self) -> list[Finding]:
        """What pre-flight says."""
        return self.store.preflight()

    def repair(self, found: Sequence[Finding]) -> None:
        """Run what `lapse rules ddl` would print, each once."""
        for migration in dict.fromkeys(each.ddl for each in found if each.ddl):
            run(self.server.engine, list(statements(migration)))

    def anonymize(self, crash_at: int = 0) -> list[Carried]:
        """Carry out the batch. `crash_at`: the statement, from 1 on, at which its connection is lost."""
        self._left, self.calls = crash_at, 0
        self.store._pace = Pace()  # as another process: what is interrupted on SQLite counts as too slow
        customers = [*self.filling.customers[:2], self.filling.absent]
        return list(self.store.anonymize([task(each) for each in customers]))

    def expected(self) -> tuple[dict[str, set[int]], list[dict[str, int]]]:
        """Numbers of the rows that have to change, by table, and what is counted for each of the batch."""
        changing = {each.name for each in self.schema.tables if each.changes}
        of = reached(self.schema, self.filling.customers[:2])
        counts = [{name: len(rows) for name, rows in each.items() if rows and name in changing} for each in of.values()]
        return {name: set().union(*(each[name] for each in of.values())) for name in changing}, counts

    def picture(self) -> Picture:
        """Every cell of every table."""
        return {each.name: self._cells(each) for each in self.schema.everything}

    def wrong(self, before: Picture, after: Picture) -> list[str]:
        """What is not as it had to be."""
        return list(wrong(self.schema, before, after, self.expected()[0], self.spared()))

    def spared(self) -> set[int]:
        """Numbers of the root rows that get no flag."""
        return spared(self.schema, self.filling.customers[:2])

    def _rules(self) -> Any:
        path = self._folder / "rules.yaml"
        url = self.server.url.render_as_string(hide_password=False)
        path.write_text(self.schema.document(url, self.server.schema), encoding="utf-8")
        return load_sql_rules(path, {})

    def _insert(self) -> None:
        dialect = self.schema.dialect
        mark = "?" if dialect == "sqlite" else "%s"
        with self.server.engine.connect() as connection:
            for table in self.schema.everything:
                for row in table.rows:
                    names = ddl.listed(list(row)).replace("%", "%%" if dialect != "sqlite" else "%")
                    into = ddl.quote(table.name).replace("%", "%%" if dialect != "sqlite" else "%")
                    marks = ", ".join([mark] * len(row))
                    connection.exec_driver_sql(f"INSERT INTO {into} ({names}) VALUES ({marks})", tuple(row.values()))

    def _cells(self, table: Table) -> dict[int, dict[str, str | None]]:
        names = [each.name for each in table.columns]
        cells = ", ".join(_as_text(self.schema.dialect, table, name) for name in names)
        query = f"SELECT {ddl.quote(NUMBER)}, {cells} FROM {ddl.quote(table.name)}"
        with self.server.engine.connect() as connection:
            query = query.replace("%", "%%") if self.schema.dialect != "sqlite" else query
            rows = connection.exec_driver_sql(query).all()
        return {number: dict(zip(names, map(_decoded, found), strict=True)) for number, *found in rows}

    def _connect(self, rules: Any) -> Engine:
        engine = engine_for(rules)
        current: list[Any] = []

        def called(connection: Connection, *_: object) -> None:
            current[:] = [connection.connection.dbapi_connection]
            self.calls += 1
            self._left -= 1
            if not self._left:
                self.server.lose(current[0])

        event.listen(engine, "before_cursor_execute", called)
        event.listen(engine, "commit", called)
        return engine


def _as_text(dialect: str, table: Table, name: str) -> str:
    cell = ddl.quote(name)
    if dialect == "postgresql":
        return f"CAST({cell} AS text)"
    if dialect == "mariadb":
        exact = {"real": f"CAST({cell} AS double)", "uuid": f"CAST({cell} AS char)"}
        return f"CAST({exact.get(table[name].kind, cell)} AS binary)"
    plain = f"CASE typeof({cell}) WHEN 'text' THEN {cell} WHEN 'null' THEN NULL ELSE quote({cell}) END"
    return plain if name in {*table.masked, *table.own} else f"quote({cell})"


def _decoded(cell: Any) -> str | None:
    return cell.decode("utf-8", "surrogateescape") if isinstance(cell, bytes) else cell


def run_case(case: Case, strides: Iterator[int]) -> Ended:
    """Everything that has to hold for one schema. `strides`: how far from one crash to the next."""
    found = case.findings()
    assert all(each.code and each.place and each.message and each.repair for each in found), found
    case.repair(found)
    left = case.findings()
    offered = {(each.code, each.place, each.message) for each in found if each.ddl}
    again = offered & {(each.code, each.place, each.message) for each in left}
    assert not again, f"still found once their ddl has run: {again}"
    return Ended(left) if left else _run(case, strides)


def _run(case: Case, strides: Iterator[int]) -> Ended:
    for table in case.schema.tables:
        table.flag_is_there = table.token_is_there = True
    before = case.picture()
    crashed, whole, carried = _crash(case, before, strides)
    assert "FAILED" not in [each.outcome for each in carried], [each.error_code for each in carried]
    after = case.picture()
    assert not (bad := case.wrong(before, after)), "\n".join(bad)
    if whole:
        counted, counts = [dict(each.rows) for each in carried[:2]], case.expected()[1]
        assert counted == counts, f"counted {counted}, expected {counts}"
    case.anonymize()
    if case.schema.has_ledger or not case.spared():  # else nothing tells that they were masked already
        assert case.picture() == after, "a second run has changed something"
    assert not (bad := case.wrong(before, case.picture())), "\n".join(bad)
    return Ended([], crashed)


def _crash(case: Case, before: Picture, strides: Iterator[int]) -> tuple[int, bool, list[Carried]]:
    """Crash at one statement after another until none is left. Each time all or nothing has changed.

    How many crashed, whether the last try was the one that changed everything, and what it answered.
    """
    at, crashed, now = 0, 0, before
    while True:
        at += next(strides)
        try:
            carried = case.anonymize(crash_at=at)
        except TransientError:
            crashed += 1
        else:
            return crashed, now == before, carried
        now = case.picture()
        assert now == before or not (bad := case.wrong(before, now)), "\n".join(bad)
