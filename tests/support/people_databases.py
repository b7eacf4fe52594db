"""The databases of an installation: one small table of people per service."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from consumers.app import App
from consumers.local import Services
from consumers.stores import SqlStore

RULES = """
version: 1
service: {service}
purpose: {purpose}
store: {{kind: sql, url: "{url}", schema: public, statement_timeout: 30s}}
customer: {{type: text, column: customer_id}}
{guard}ledger: {{schema: lapse}}
tables:
  people:
    key: [customer_id]
    flag: anonymized
    mask: {{name: {{static: Anonymized}}, email: {{unique_email: {{domain: anonymized.invalid}}}}}}
"""
SCHEMA = """
CREATE TABLE people (customer_id text PRIMARY KEY, name text NOT NULL, email varchar(120) UNIQUE,
                     anonymized boolean NOT NULL DEFAULT false);
CREATE TABLE open_loans (borrower text PRIMARY KEY)
"""
GUARD = 'guard: "SELECT borrower FROM open_loans WHERE borrower IN :customers"\n'


class PeopleDatabases:
    """What an installation is to its databases. Each service has one, named after the installation."""

    id: str
    services: Services
    folder: Path
    names: Sequence[str]
    app: App
    purpose_by_service: Mapping[str, str]
    voters: Sequence[str]

    def make_database(self, service: str) -> None:
        """A database with its rules file and ledger."""
        with psycopg.connect(_libpq(self.services.postgres.url), autocommit=True) as server:
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self.database(service))))
        with self.connect(service) as database:
            database.execute(SCHEMA)
        rules = RULES.format(
            service=service,
            url=self.url(service),
            purpose=self.purpose_by_service[service],
            guard=GUARD if service in self.voters else "",
        )
        (self.folder / f"{service}.yaml").write_text(rules, encoding="utf-8")
        store, _ = self.app.store(service)
        assert isinstance(store, SqlStore)
        with closing(store):
            store.create_ledger()
            assert not store.preflight()

    def drop_databases(self) -> None:
        """Delete every service's database, whoever is connected."""
        with psycopg.connect(_libpq(self.services.postgres.url), autocommit=True) as server:
            for service in self.names:
                name = sql.Identifier(self.database(service))
                server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))

    def database(self, service: str) -> str:
        """The name of a service's database."""
        return f"t{self.id}_{service}"

    def url(self, service: str) -> str:
        """Its SQLAlchemy URL."""
        server = make_url(self.services.postgres.url)
        return server.set(database=self.database(service)).render_as_string(hide_password=False)

    def connect(self, service: str) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection to a service's database."""
        return psycopg.connect(_libpq(self.url(service)), autocommit=True)

    def people(self, *customers: str) -> None:
        """Give these customers a row in every service."""
        for service in self.names:
            with self.connect(service) as database, database.cursor() as cursor:
                rows = [(each, f"Name of {each}", f"{each}@example.invalid") for each in customers]
                cursor.executemany("INSERT INTO people (customer_id, name, email) VALUES (%s, %s, %s)", rows)

    def open_loan(self, service: str, customer: str) -> None:
        """Make the guard of a service object to a customer."""
        with self.connect(service) as database:
            database.execute("INSERT INTO open_loans VALUES (%s) ON CONFLICT DO NOTHING", (customer,))

    def close_loan(self, service: str, customer: str) -> None:
        """Make it agree again."""
        with self.connect(service) as database:
            database.execute("DELETE FROM open_loans WHERE borrower = %s", (customer,))

    def rows(self, service: str) -> dict[str, tuple[Any, ...]]:
        """name, email and flag by customer."""
        with self.connect(service) as database:
            found = database.execute("SELECT customer_id, name, email, anonymized FROM people").fetchall()
        return {row[0]: row[1:] for row in found}

    def anonymized(self, service: str) -> set[str]:
        """Customers whose row in a service is anonymized, by flag and content."""
        return {each for each, row in self.rows(service).items() if row[2] and row[0] == "Anonymized"}

    def ledger(self, service: str) -> dict[str, str]:
        """Outcome by customer."""
        with self.connect(service) as database:
            return dict(database.execute("SELECT customer_id, outcome FROM lapse.lapse_ledger").fetchall())


def _libpq(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
