"""The databases and buckets of an installation whose services stand on four kinds of store, told by their names.

`pg-crm`, `maria-crm` and `lite-crm` hold the same three tables; `s3-crm` is a bucket with a letter for each customer.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import NullPool

from consumers.local import Services
from consumers.stores import S3Rules, SqlStore, load_rules
from consumers.stores.s3.client import client_for
from tests.support.installation import Installation

SCHEMA = """
CREATE TABLE people (customer_id {id} PRIMARY KEY, name {text} NOT NULL, email varchar(120) UNIQUE, born date,
    segment varchar(9) NOT NULL DEFAULT 'north', anonymized boolean NOT NULL DEFAULT false);
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id {id} NOT NULL REFERENCES people (customer_id), address {text},
    amount int NOT NULL);
CREATE INDEX orders_of ON orders (customer_id);
CREATE TABLE notes (id bigint PRIMARY KEY, customer_id {id} NOT NULL REFERENCES people (customer_id), body {text});
CREATE INDEX notes_of ON notes (customer_id);
CREATE TABLE open_loans (borrower {id} PRIMARY KEY)
"""
RULES = """
version: 1
service: {service}
purpose: {purpose}
store: {{kind: sql, url: "{url}", schema: {schema}}}
customer: {{type: text, column: customer_id}}
{guard}ledger: {{schema: {ledger}}}
tables:
  people:
    key: [customer_id]
    flag: anonymized
    mask:
      name: {{static: Anonymized}}
      email: {{unique_email: {{domain: anonymized.invalid}}}}
      born: {{truncate: year}}
    keep: {{statistics: [segment]}}
  orders: {{parent: people, key: [id], mask: {{address: set_null}}, keep: {{bookkeeping: [amount]}}}}
  notes: {{parent: people, key: [id], rows: delete}}
ignore: {{"the guard's own": [open_loans]}}
"""
S3_RULES = """
version: 1
service: {service}
purpose: {purpose}
store: {{kind: s3, bucket: {bucket}, endpoint: "{endpoint}", region: eu-north-1}}
objects: {{letters: {{prefix: "letters/{{customer_id}}/"}}}}
ledger: {{prefix: lapse-ledger/}}
"""
GUARD = 'guard: "SELECT borrower FROM open_loans WHERE borrower IN :customers"\n'
ROWS = {
    "people": "SELECT customer_id, name, email, born, segment, anonymized FROM people",
    "orders": "SELECT customer_id, id, address, amount FROM orders ORDER BY id",
    "notes": "SELECT customer_id, id, body FROM notes ORDER BY id",
}
KEPT = {"people": (4,), "orders": (1, 3), "notes": ()}
"""Places of the cells the rules keep."""

Rows = Mapping[str, Sequence[tuple[Any, ...]]]
"""By table, or `letters`."""


class Servers(NamedTuple):
    """What a kind of store needs beside the session's services."""

    mariadb: str
    s3: str


class FourStores(Installation):
    """An installation on them. Use `four_stores()`."""

    def __init__(self, servers: Servers, *given: Any, **settings: Any) -> None:
        self.servers = servers
        super().__init__(*given, **settings)

    def make_database(self, service: str) -> None:
        """A database or bucket with its rules file and ledger."""
        text_of_rules = self._make_bucket(service) if service.startswith("s3-") else self._make_tables(service)
        self.rules_file(service).write_text(text_of_rules, encoding="utf-8")
        store, _ = self.app.store(service)
        with closing(store):
            if isinstance(store, SqlStore):
                store.create_ledger()
            assert not store.preflight()

    def drop_databases(self) -> None:
        """Delete the databases of servers that outlive the test; files and buckets go with their folder and server."""
        for server, kind, force in (
            (self.services.postgres.url, "pg-", " WITH (FORCE)"),
            (self.servers.mariadb, "maria-", ""),
        ):
            with self._administrator(server) as run:
                for service in (each for each in self.names if each.startswith(kind)):
                    run(f"DROP DATABASE IF EXISTS {self.database(service)}{force}")

    def rules_file(self, service: str) -> Path:
        """Its rules file."""
        return self.folder / f"{service}.yaml"

    def database(self, service: str) -> str:
        """The name of a service's database."""
        return f"t{self.id}_{service}".replace("-", "_")

    def fill(self, service: str, customers: Mapping[str, int]) -> None:
        """Give these customers data: a person with two orders and a note, or a letter. Numbers make the keys."""
        if service.startswith("s3-"):
            with self._bucket(service) as (client, bucket), ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda each: _write(client, bucket, each), customers))
            return
        with self.engine(service).begin() as connection:
            for statement, rows in _inserts(customers):
                connection.execute(text(statement), rows)

    def run(self, service: str, *statements: str) -> None:
        """Carry out statements in a service's database."""
        with self.engine(service).begin() as connection:
            for each in statements:
                connection.exec_driver_sql(each)

    def add_letter(self, service: str, customer: str) -> None:
        """Write a letter to a customer."""
        with self._bucket(service) as (client, bucket):
            _write(client, bucket, customer)

    def data(self, service: str) -> dict[str, Rows]:
        """All that a service holds by customer."""
        found: dict[str, dict[str, list[tuple[Any, ...]]]] = {}
        for customer, table, row in self._letters(service) if service.startswith("s3-") else self._rows(service):
            found.setdefault(customer, {}).setdefault(table, []).append(row)
        return dict(found)

    def engine(self, service: str) -> Engine:
        """A service's database, as the test opens it."""
        return create_engine(self._url(service), poolclass=NullPool)

    def _url(self, service: str) -> URL:
        if service.startswith("lite-"):
            return URL.create("sqlite", database=str(self.folder / f"{service}.sqlite"))
        server = self.services.postgres.url if service.startswith("pg-") else self.servers.mariadb
        return make_url(server).set(database=self.database(service))

    def _make_tables(self, service: str) -> str:
        name = self.database(service)
        if service.startswith("pg-"):
            words, schema, ledger = {"id": "text", "text": "text"}, "public", "lapse"
        elif service.startswith("maria-"):
            words, schema, ledger = {"id": "varchar(64)", "text": "varchar(200)"}, name, name
        else:
            words, schema, ledger = {"id": "text", "text": "text"}, "main", "main"
        if not service.startswith("lite-"):
            server = self.services.postgres.url if service.startswith("pg-") else self.servers.mariadb
            with self._administrator(server) as run:
                run(f"CREATE DATABASE {name}")
        self.run(service, *SCHEMA.format(**words).split(";"))
        return RULES.format(
            service=service,
            purpose=self.purpose_by_service[service],
            url=self._url(service).render_as_string(hide_password=False),
            schema=schema,
            ledger=ledger,
            guard=GUARD if service in self.voters else "",
        )

    def _make_bucket(self, service: str) -> str:
        rules = S3_RULES.format(
            service=service,
            purpose=self.purpose_by_service[service],
            bucket=self.database(service).replace("_", "-"),
            endpoint=self.servers.s3,
        )
        self.rules_file(service).write_text(rules, encoding="utf-8")
        with self._bucket(service) as (client, bucket):
            client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-north-1"})
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        return rules

    @contextmanager
    def _bucket(self, service: str) -> Iterator[tuple[Any, str]]:
        rules = load_rules(self.rules_file(service), {})
        assert isinstance(rules, S3Rules)
        with closing(client_for(rules)) as client:
            yield client, rules.store.bucket

    @contextmanager
    def _administrator(self, server: str) -> Iterator[Any]:
        engine = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        with engine.connect() as connection:
            yield connection.exec_driver_sql

    def _rows(self, service: str) -> Iterator[tuple[str, str, tuple[Any, ...]]]:
        with self.engine(service).connect() as connection:
            for table, query in ROWS.items():
                for row in connection.exec_driver_sql(query):
                    yield row[0], table, tuple(row)

    def _letters(self, service: str) -> Iterator[tuple[str, str, tuple[Any, ...]]]:
        with self._bucket(service) as (client, bucket):
            for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix="letters/"):
                for kind in ("Versions", "DeleteMarkers"):
                    for each in page.get(kind, ()):
                        yield each["Key"].split("/")[1], "letters", (each["Key"], each["VersionId"], each.get("ETag"))


def _write(client: Any, bucket: str, customer: str) -> None:
    client.put_object(Bucket=bucket, Key=f"letters/{customer}/1.txt", Body=f"Dear {customer}".encode())


def _inserts(customers: Mapping[str, int]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    yield (
        "INSERT INTO people (customer_id, name, email, born) VALUES (:c, :name, :email, '1980-05-17')",
        [{"c": each, "name": f"Name of {each}", "email": f"{each}@example.invalid"} for each in customers],
    )
    yield (
        "INSERT INTO orders (id, customer_id, address, amount) VALUES (:id, :c, :address, :id)",
        [
            {"id": 2 * number + line, "c": each, "address": f"Street of {each}"}
            for each, number in customers.items()
            for line in (0, 1)
        ],
    )
    yield (
        "INSERT INTO notes (id, customer_id, body) VALUES (:id, :c, :body)",
        [{"id": number, "c": each, "body": f"Called {each}"} for each, number in customers.items()],
    )


@contextmanager
def four_stores(
    services: Services,
    servers: Servers,
    folder: Path,
    names: Sequence[str],
    *,
    voters: Sequence[str] = (),
    **settings: Any,
) -> Iterator[FourStores]:
    """A fresh installation, removed at the end."""
    made = FourStores(servers, services, folder, names, voters=voters, **settings)
    try:
        made.install()
        yield made
    finally:
        made.remove()
