"""The demo's three databases: made, filled with generated people, and read back row by row."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any, NamedTuple

import psycopg
from faker import Faker
from psycopg import sql
from sqlalchemy.engine import make_url

from consumers.demo.story import SEED, Customer

SERVICES = ("crm", "loans", "newsletter")


class Cell(NamedTuple):
    """A table of a service with its key column and how its rows lead to a customer."""

    table: str
    key: str
    owner: str


TABLES: Mapping[str, tuple[Cell, ...]] = {
    "crm": (
        Cell("customers", "customer_id", "SELECT t.customer_id"),
        Cell("notes", "note_id", "SELECT t.customer_id"),
    ),
    "loans": (
        Cell("borrowers", "borrower_no", "SELECT t.lapse_id"),
        Cell("loans", "loan_no", "SELECT lapse_id FROM borrowers b WHERE b.borrower_no = t.borrower_no"),
    ),
    "newsletter": (
        Cell("subscribers", "subscriber_id", "SELECT t.customer_id"),
        Cell(
            "subscriptions",
            "subscription_id",
            "SELECT customer_id FROM subscribers s WHERE s.subscriber_id = t.subscriber_id",
        ),
        Cell(
            "deliveries",
            "delivery_id",
            "SELECT customer_id FROM subscribers JOIN subscriptions s USING (subscriber_id)"
            " WHERE s.subscription_id = t.subscription_id",
        ),
    ),
}
Row = Mapping[str, Any]
# (service, table) -> key -> row; "owner" names the customer
Snapshot = Mapping[tuple[str, str], Mapping[Any, Row]]


class Databases:
    """The three databases of a demo on one server; their names begin with the demo's."""

    def __init__(self, server_url: str, name: str) -> None:
        self._server = make_url(server_url)
        self._names = {service: f"{name}_{service}" for service in SERVICES}
        self.urls = {
            service: self._server.set(database=database).render_as_string(hide_password=False)
            for service, database in self._names.items()
        }

    def connect(self, service: str) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection to one of them."""
        return psycopg.connect(_libpq(self.urls[service]), autocommit=True)

    def create(self) -> None:
        """Make the databases and their tables."""
        with psycopg.connect(_libpq(self._server.render_as_string(hide_password=False)), autocommit=True) as server:
            for name in self._names.values():
                server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        for service in SERVICES:
            schema = (files(__package__) / "services" / f"{service}.sql").read_text("utf-8")
            with self.connect(service) as database:
                database.execute(schema.encode())

    def fill(self, customers: Sequence[Customer]) -> None:
        """Give every customer rows in every database; the same people every time."""
        people = _People()
        rows = {service: people.rows(service, customers) for service in SERVICES}
        for service, tables in rows.items():
            with self.connect(service) as database, database.transaction():
                for table, (columns, values) in tables.items():
                    _copy(database, table, columns, values)

    def snapshot(self) -> Snapshot:
        """Every row of every database."""
        found: dict[tuple[str, str], Mapping[Any, Row]] = {}
        for service, tables in TABLES.items():
            with self.connect(service) as database:
                for table in tables:
                    found[service, table.table] = _rows(database, table)
        return found

    def ledger(self, service: str) -> dict[str, str]:
        """Outcome by customer, as the service's own ledger has it."""
        with self.connect(service) as database:
            found = database.execute(
                "SELECT customer_id, outcome FROM lapse.lapse_ledger WHERE service = %s", [service]
            ).fetchall()
        return dict(found)


def _rows(database: psycopg.Connection[tuple[Any, ...]], table: Cell) -> Mapping[Any, Row]:
    query = sql.SQL("SELECT t.*, ({}) AS owner FROM {} t ORDER BY {}").format(
        sql.SQL(table.owner), sql.Identifier(table.table), sql.Identifier(table.key)
    )
    cursor = database.execute(query)
    names = [column.name for column in cursor.description or ()]
    rows = [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]
    return {row[table.key]: row for row in rows}


def _copy(
    database: psycopg.Connection[tuple[Any, ...]], table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with database.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _libpq(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


Filled = dict[str, tuple[Sequence[str], list[Sequence[Any]]]]


class _People:
    """Swedish people from a fixed seed."""

    def __init__(self) -> None:
        self._fake = Faker("sv_SE")
        self._fake.seed_instance(SEED)

    def rows(self, service: str, customers: Sequence[Customer]) -> Filled:
        """A service's rows by table: columns and values."""
        makers = {"crm": self._crm, "loans": self._loans, "newsletter": self._newsletter}
        return makers[service]([customer.customer_id for customer in customers])

    def _crm(self, ids: Sequence[str]) -> Filled:
        fake = self._fake
        people = [
            (
                each,
                fake.name(),
                f"{number}.{fake.email()}",
                fake.phone_number(),
                fake.date_of_birth(),
                fake.random_element("ABC"),
            )
            for number, each in enumerate(ids)
        ]
        notes = [(each, fake.sentence()) for each in ids for _ in range(2)]
        return {
            "customers": (("customer_id", "name", "email", "phone", "birth_date", "segment"), list(people)),
            "notes": (("customer_id", "body"), list(notes)),
        }

    def _loans(self, ids: Sequence[str]) -> Filled:
        fake = self._fake
        people = [
            (number, each, fake.unique.ssn(), fake.name(), fake.street_address())
            for number, each in enumerate(ids, start=1)
        ]
        loans = [
            (number * 10 + each, number, fake.random_int(1_000, 90_000), fake.sentence())
            for number in range(1, len(ids) + 1)
            for each in range(2)
        ]
        return {
            "borrowers": (("borrower_no", "lapse_id", "personal_number", "name", "street"), list(people)),
            "loans": (("loan_no", "borrower_no", "amount", "purpose_text"), list(loans)),
        }

    def _newsletter(self, ids: Sequence[str]) -> Filled:
        fake = self._fake
        numbers = range(1, len(ids) + 1)
        return {
            "subscribers": (
                ("subscriber_id", "customer_id", "email", "language"),
                [(number, each, f"{number}.{fake.email()}", "sv") for number, each in zip(numbers, ids, strict=True)],
            ),
            "subscriptions": (
                ("subscription_id", "subscriber_id", "greeting"),
                [(number, number, f"Hej {fake.first_name()}!") for number in numbers],
            ),
            "deliveries": (
                ("delivery_id", "subscription_id", "opened_from"),
                [(number * 10 + each, number, fake.ipv4()) for number in numbers for each in range(3)],
            ),
        }
