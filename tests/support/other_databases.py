"""The customer relationship schema of `sql_store` on MariaDB and SQLite, a database of its own for each test."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import NullPool

from consumers.stores import Rules, SqlStore, load_sql_rules
from tests.support.sql_store import RULES as POSTGRES_RULES

RULES = POSTGRES_RULES.replace("schema: crm", 'schema: "${CRM_SCHEMA}"').replace(
    "schema: lapse", 'schema: "${CRM_SCHEMA}"'
)

MARIADB = """
CREATE TABLE customers (
    id bigint PRIMARY KEY, customer_id varchar(64) NOT NULL, personal_number varchar(12) NOT NULL,
    email varchar(80) UNIQUE, phone text, birth_date date, balance decimal(10, 2), status varchar(20),
    segment varchar(20),
    token char(36) NOT NULL DEFAULT '', anonymized boolean NOT NULL DEFAULT false,
    changed timestamp NOT NULL DEFAULT '2020-01-01 00:00:00' ON UPDATE current_timestamp(),
    UNIQUE (personal_number, token), INDEX (customer_id));
CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint NOT NULL REFERENCES customers (id), address text);
CREATE TABLE order_lines (id bigint PRIMARY KEY, order_id bigint REFERENCES orders (id), remark text);
CREATE TABLE notes (
    id bigint AUTO_INCREMENT PRIMARY KEY, customer bigint REFERENCES customers (id), body text);
CREATE TABLE countries (code varchar(2) PRIMARY KEY)
"""

SQLITE = """
CREATE TABLE customers (
    id integer PRIMARY KEY, customer_id text NOT NULL, personal_number varchar(12) NOT NULL, email varchar(80) UNIQUE,
    phone text, birth_date date, balance integer, status text, segment text, token text NOT NULL DEFAULT '',
    anonymized boolean NOT NULL DEFAULT false, changed timestamp NOT NULL DEFAULT '2020-01-01 00:00:00',
    UNIQUE (personal_number, token));
CREATE INDEX customers_by_id ON customers (customer_id);
CREATE TABLE orders (id integer PRIMARY KEY, customer integer NOT NULL REFERENCES customers, address text);
CREATE INDEX orders_by_customer ON orders (customer);
CREATE TABLE order_lines (id integer PRIMARY KEY, order_id integer REFERENCES orders, remark text);
CREATE INDEX lines_by_order ON order_lines (order_id);
CREATE TABLE notes (customer integer REFERENCES customers, body text);
CREATE INDEX notes_by_customer ON notes (customer);
CREATE TABLE countries (code text PRIMARY KEY)
"""

TABLES = ("customers", "orders", "order_lines", "notes")


class OtherDatabase:
    """One database, made for one test. Its rules' `schema` is `name`."""

    def __init__(self, url: URL, schema: str, folder: Path) -> None:
        self.url = url.render_as_string(hide_password=False)
        self.name = schema
        self._folder = folder
        self._stores: list[SqlStore] = []
        self._engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)

    def run(self, *statements: str) -> None:
        """Carry out statements, each committed; each text may hold several, at semicolons before a line's end."""
        with self._engine.connect() as connection:
            for each in statements:
                for one in filter(str.strip, each.replace(";\n", "\0").split("\0")):
                    connection.exec_driver_sql(one.replace("%", "%%"))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with self._engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(sql)]

    def rules(self, text: str = RULES, **environ: str) -> Rules:
        """Rules for this database."""
        path = self._folder / "rules.yaml"
        path.write_text(text.replace("    keep: {", "    keep: {last change: [changed], ", 1), encoding="utf-8")
        return load_sql_rules(path, {"CRM_URL": self.url, "CRM_SCHEMA": self.name} | environ)

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

    def snapshot(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of the schema."""
        return {name: self.rows(f"SELECT * FROM {name} ORDER BY 1, 2") for name in TABLES}

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file."""
        return self.url.startswith("sqlite")

    def session(self) -> Connection:
        """A session of somebody else, in a transaction of its own; closed by the test."""
        return create_engine(self.url, poolclass=NullPool).connect()

    def close(self) -> None:
        """Release what the test opened."""
        for store in self._stores:
            store.close()


@contextmanager
def new_mariadb(server: str, folder: Path, schema: str = MARIADB) -> Iterator[OtherDatabase]:
    """An empty database with the schema, dropped at the end."""
    name = f"test_{uuid.uuid4().hex}"
    administrator = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with administrator.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    database = OtherDatabase(make_url(server).set(database=name), name, folder)
    try:
        database.run(schema)
        yield database
    finally:
        database.close()
        with administrator.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name}")


@contextmanager
def new_other(
    request: pytest.FixtureRequest, folder: Path, mariadb: str = MARIADB, sqlite: str = SQLITE
) -> Iterator[OtherDatabase]:
    """The database that a fixture's parameter names, mariadb or sqlite."""
    if request.param == "sqlite":
        with new_sqlite(folder, sqlite) as database:
            yield database
        return
    with new_mariadb(request.getfixturevalue("mariadb"), folder, mariadb) as database:
        yield database


@contextmanager
def new_sqlite(folder: Path, schema: str = SQLITE) -> Iterator[OtherDatabase]:
    """A file with the schema."""
    database = OtherDatabase(URL.create("sqlite", database=str(folder / "crm.sqlite")), "main", folder)
    try:
        database.run(schema)
        yield database
    finally:
        database.close()


def add_customers(database: OtherDatabase, numbers: Sequence[int]) -> None:
    """Customers `c1`, `c2`, … each with one order of two lines and one note; every value says CANARY or the number."""
    database.run(
        "INSERT INTO customers (id, customer_id, personal_number, email, phone, birth_date, balance, status, segment) "
        "VALUES "
        + ", ".join(
            f"({n}, 'c{n}', '{n:7>12}', 'CANARY{n}@example.com', 'CANARY-phone-{n}', '1980-05-17', {n}, "
            "'CANARY', 'north')"
            for n in numbers
        ),
        "INSERT INTO orders VALUES " + ", ".join(f"({n * 10}, {n}, 'CANARY street {n}')" for n in numbers),
        "INSERT INTO order_lines VALUES "
        + ", ".join(f"({n * 100 + line}, {n * 10}, 'CANARY remark {n}')" for n in numbers for line in (1, 2)),
        "INSERT INTO notes (customer, body) VALUES " + ", ".join(f"({n}, 'CANARY note {n}')" for n in numbers),
    )
