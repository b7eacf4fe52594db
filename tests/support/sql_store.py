"""A database of its own for each test, a customer relationship schema in it, and rules for that schema."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import NullPool

from consumers.domain.work import Task
from consumers.stores import Rules, SqlStore, load_sql_rules
from consumers.stores.sql.dialects.postgresql import PostgreSQL

SCHEMA = """
CREATE SCHEMA crm;
CREATE TABLE crm.customers (
    id bigint PRIMARY KEY, customer_id text NOT NULL, personal_number varchar(12) NOT NULL, email varchar(80) UNIQUE,
    phone text, birth_date date, balance numeric(10, 2), status text, segment text, token uuid,
    anonymized boolean NOT NULL DEFAULT false, UNIQUE (personal_number, token));
CREATE INDEX ON crm.customers (customer_id);
CREATE TABLE crm.orders (id bigint PRIMARY KEY, customer bigint NOT NULL REFERENCES crm.customers, address text);
CREATE INDEX ON crm.orders (customer);
CREATE TABLE crm.order_lines (id bigint PRIMARY KEY, order_id bigint REFERENCES crm.orders, remark text);
CREATE INDEX ON crm.order_lines (order_id);
CREATE TABLE crm.notes (customer bigint REFERENCES crm.customers, body text);
CREATE INDEX ON crm.notes (customer);
CREATE TABLE crm.countries (code text PRIMARY KEY);
"""

RULES = """
version: 1
service: crm
purpose: marketing
store: {kind: sql, url: "${CRM_URL}", schema: crm, statement_timeout: 5s}
customer: {type: text, column: customer_id}
ledger: {schema: lapse}
tables:
  customers:
    key: [id]
    flag: anonymized
    token: {column: token, unique_with: [personal_number]}
    mask:
      personal_number: zeros
      email: {unique_email: {domain: anonymized.invalid}}
      phone: set_null
      birth_date: {truncate: year}
      balance: zeros
      status: {static: OTHER}
    keep: {"statistics, not personal": [segment]}
  orders: {parent: customers, key: [id], mask: {address: set_null}}
  order_lines: {parent: orders, key: [id], mask: {remark: {truncate: {characters: 3}}}}
  notes: {parent: customers, rows: delete}
ignore: {"reference data": [countries]}
"""

# a compound key, a masked customer id, a table that is kept as it is, no ledger; nothing answers there
COMPOUND = """
version: 1
service: core
purpose: bookkeeping
store: {kind: sql, url: "postgresql://u:CANARY@127.0.0.1:1/core", schema: core}
customer: {type: integer, column: number}
ledger: none
tables:
  people: {key: [branch, number], flag: gone, mask: {name: zeros, number: unique_token}, keep: {statistics: [segment]}}
  cards: {parent: people, key: [id], join: {branch: branch, owner: number}, keep: {bookkeeping: [amount, branch]}}
  notes: {parent: people, join: {owner: number}, rows: delete}
"""

TABLES = ("customers", "orders", "order_lines", "notes")


class PostgresServer(Protocol):
    """What the session's `postgres` fixture gives: a superuser's URL and the server's log."""

    url: str
    log: Path


class Database:
    """One database, made for one test."""

    def __init__(self, url: URL, folder: Path) -> None:
        self.url = url.render_as_string(hide_password=False)
        self.name = url.database
        self._folder = folder
        self._stores: list[SqlStore] = []
        self._dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)

    def run(self, sql: str) -> None:
        """Carry out statements, each committed."""
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            connection.execute(sql.encode())

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            return connection.execute(sql.encode()).fetchall()

    def rules(self, text: str = RULES, **environ: str) -> Rules:
        """Rules for this database."""
        path = self._folder / "rules.yaml"
        path.write_text(text, encoding="utf-8")
        return load_sql_rules(path, {"CRM_URL": self.url} | environ)

    def url_as(self, role: str) -> str:
        """The URL of this database for another role, whose password is its name."""
        return make_url(self.url).set(username=role, password=role).render_as_string(hide_password=False)

    def store(self, text: str = RULES) -> SqlStore:
        """A store over these rules, its ledger made."""
        store = self.opened(SqlStore(self.rules(text)))
        store.create_ledger()
        return store

    def shared_store(self, text: str) -> SqlStore:
        """One store for the whole life of the database, for tests that call it many times."""
        return self._stores[0] if self._stores else self.store(text)

    def opened(self, store: SqlStore) -> SqlStore:
        """The store, closed when the test ends."""
        self._stores.append(store)
        return store

    def close(self) -> None:
        """Release what the test opened."""
        for store in self._stores:
            store.close()

    def snapshot(self) -> Mapping[str, list[tuple[Any, ...]]]:
        """Every row of the schema, as text."""
        return {name: self.rows(f"SELECT CAST(t AS text) FROM crm.{name} AS t ORDER BY 1") for name in TABLES}

    def ledger(self) -> list[tuple[Any, ...]]:
        """Command, outcome and rows of every ledger row."""
        return self.rows('SELECT command_id, outcome, "rows" FROM lapse.lapse_ledger ORDER BY 1')


@contextmanager
def new_database(server: PostgresServer, folder: Path, schema: str = SCHEMA) -> Iterator[Database]:
    """An empty database with the schema, dropped at the end."""
    name = f"test_{uuid.uuid4().hex}"
    administrator = create_engine(server.url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with administrator.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    database = Database(make_url(server.url).set(database=name), folder)
    try:
        database.run(schema)
        yield database
    finally:
        database.close()
        with administrator.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


def add_customers(database: Database, numbers: Sequence[int]) -> None:
    """Customers `c1`, `c2`, … each with one order of two lines and one note; every value says CANARY or the number."""
    listed = ", ".join(f"({number})" for number in numbers)
    database.run(f"""
    INSERT INTO crm.customers
      SELECT n, 'c' || n, lpad(CAST(n AS text), 12, '7'), 'CANARY' || n || '@example.com', 'CANARY-phone-' || n,
             date '1980-05-17', n + 0.5, 'CANARY', 'north' FROM (VALUES {listed}) AS v(n);
    INSERT INTO crm.orders SELECT n * 10, n, 'CANARY street ' || n FROM (VALUES {listed}) AS v(n);
    INSERT INTO crm.order_lines SELECT n * 100 + line, n * 10, 'CANARY remark ' || n
      FROM (VALUES {listed}) AS v(n), generate_series(1, 2) AS line;
    INSERT INTO crm.notes SELECT n, 'CANARY note ' || n FROM (VALUES {listed}) AS v(n);
    """)


def task(customer_id: str, command_id: str | None = None, offset: int = 7) -> Task:
    """The committed command for a customer; the same customer gives the same command."""
    command = command_id or str(uuid.uuid5(uuid.NAMESPACE_OID, customer_id))
    return Task(command, customer_id, "marketing", 3, offset, 1_700_000_000_123_456, None)


def unnoticed(store: SqlStore) -> None:
    """What was altered since pre-flight goes unseen, as what another session does without altering a table would."""
    with store._engine.connect() as connection:
        store._shape = store._dialect.shape(connection, store._rules)


def unnoticed_by_roles(monkeypatch: pytest.MonkeyPatch) -> None:
    """As above in every store on PostgreSQL, for a test that lasts less than the minute between two pre-flights."""
    monkeypatch.setattr(PostgreSQL, "shape", lambda *_: None)
