"""Rows that several customers refer to, on all three databases: kept for who is still there, else masked once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sql_store import task
from tests.support.three_databases import BACKENDS, AnyDatabase, new_any, store_of

pytestmark = pytest.mark.integration

SCHEMA = """
CREATE TABLE addresses (id bigint PRIMARY KEY, street varchar(80), city varchar(80));
CREATE TABLE customers (
    id bigint PRIMARY KEY, customer_id varchar(64) NOT NULL, phone varchar(80), address_id bigint,
    anonymized boolean NOT NULL DEFAULT false, FOREIGN KEY (address_id) REFERENCES addresses (id));
CREATE INDEX customers_by_customer ON customers (customer_id);
CREATE INDEX customers_by_address ON customers (address_id);
CREATE TABLE door_codes (
    id bigint PRIMARY KEY, address_id bigint, code varchar(80), FOREIGN KEY (address_id) REFERENCES addresses (id));
CREATE INDEX door_codes_by_address ON door_codes (address_id);
CREATE TABLE meters (
    id bigint PRIMARY KEY, address_id bigint, reading varchar(80), FOREIGN KEY (address_id) REFERENCES addresses (id));
CREATE INDEX meters_by_address ON meters (address_id);
CREATE TABLE orders (
    id bigint PRIMARY KEY, customer bigint, ship_to bigint, remark varchar(80),
    FOREIGN KEY (customer) REFERENCES customers (id), FOREIGN KEY (ship_to) REFERENCES addresses (id));
CREATE INDEX orders_by_customer ON orders (customer);
CREATE INDEX orders_by_address ON orders (ship_to);
CREATE TABLE employees (
    id bigint PRIMARY KEY, address_id bigint, FOREIGN KEY (address_id) REFERENCES addresses (id));
CREATE INDEX employees_by_address ON employees (address_id);
"""
RULES = """
customer: {type: text, column: customer_id}
tables:
  customers: {key: [id], flag: anonymized, mask: {phone: set_null}}
  addresses:
    parent: customers
    key: [id]
    join: {id: address_id}
    shared: keep
    mask: {street: set_null}
    keep:
      statistics: [city]
  door_codes: {parent: addresses, key: [id], join: {address_id: id}, rows: delete}
  meters: {parent: addresses, key: [id], join: {address_id: id}, mask: {reading: set_null}}
  orders:
    parent: customers
    key: [id]
    join: {customer: id}
    mask: {remark: set_null}
    keep:
      bookkeeping: [ship_to]
ignore: {not customers: [employees]}
"""
REFUSE = RULES.replace("shared: keep", "shared: refuse")
ROWS_OF_HOME = {"addresses": 1, "door_codes": 1, "meters": 1}
TABLES = ("customers", "addresses", "door_codes", "meters", "orders", "employees")


@pytest.fixture(params=BACKENDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyDatabase]:
    with new_any(request, tmp_path, SCHEMA) as made:
        yield made


def homes(database: AnyDatabase, *numbers: int) -> None:
    """Addresses, each with a door code and a meter."""
    for n in numbers:
        database.run(
            f"INSERT INTO addresses VALUES ({n}, 'street {n}', 'city')",
        )
        database.run(f"INSERT INTO door_codes VALUES ({n}, {n}, 'code {n}')")
        database.run(f"INSERT INTO meters VALUES ({n}, {n}, 'reading {n}')")


def lives(database: AnyDatabase, **address_by_customer: int | None) -> None:
    """Customers and where they live."""
    for name, address in address_by_customer.items():
        at = "NULL" if address is None else str(address)
        database.run(f"INSERT INTO customers VALUES ({name[1:]}, '{name}', 'phone', {at}, false)")


def streets(database: AnyDatabase) -> dict[int, bool]:
    """Which addresses still have their street; their meters are the same, and their door codes there or gone."""
    found = {row[0]: row[1] is not None for row in database.rows("SELECT id, street FROM addresses ORDER BY id")}
    meters = {row[0]: row[1] is not None for row in database.rows("SELECT address_id, reading FROM meters")}
    codes = {row[0] for row in database.rows("SELECT address_id FROM door_codes")}
    assert found == meters
    assert codes == {number for number, there in found.items() if there}
    return found


def everything(database: AnyDatabase) -> dict[str, list[tuple[object, ...]]]:
    return {table: database.rows(f"SELECT * FROM {table} ORDER BY 1") for table in TABLES}


def test_a_row_stays_for_who_is_still_there_and_goes_with_the_last(database: AnyDatabase) -> None:
    homes(database, 1, 2)
    lives(database, c1=1, c2=1, c3=2)
    store = store_of(database, RULES)
    assert store.preflight() == []

    first = store.anonymize([task("c1")])
    assert streets(database) == {1: True, 2: True}
    last = store.anonymize([task("c2")])

    assert [each[0].rows for each in (first, last)] == [{"customers": 1}, {"customers": 1, **ROWS_OF_HOME}]
    assert streets(database) == {1: False, 2: True}


def test_two_of_one_batch_who_share_a_row_lose_it_and_it_is_counted_once(database: AnyDatabase) -> None:
    homes(database, 1)
    lives(database, c1=1, c2=1)
    store = store_of(database, RULES)
    foreseen = store.count(["c1", "c2"])

    answers = store.anonymize([task("c1"), task("c2")])

    assert [each.rows for each in answers] == [{"customers": 1, **ROWS_OF_HOME}, {"customers": 1}]
    assert foreseen == {"c1": answers[0].rows, "c2": answers[1].rows}
    assert streets(database) == {1: False}


def test_what_would_change_is_counted_as_it_is_changed(database: AnyDatabase) -> None:
    homes(database, 1, 2)
    lives(database, c1=1, c2=1, c3=2)
    store = store_of(database, RULES)

    assert store.count(["c1", "c3"]) == {"c1": {"customers": 1}, "c3": {"customers": 1, **ROWS_OF_HOME}}


def test_what_stays_for_somebody_has_not_come_back(database: AnyDatabase) -> None:
    homes(database, 1)
    lives(database, c1=1, c2=1)
    store = store_of(database, RULES)
    store.anonymize([task("c1")])
    assert store.unmet(["c1", "c2"]) == {}
    store.anonymize([task("c2")])
    database.run("UPDATE addresses SET street = 'again'")

    assert store.unmet(["c1", "c2"]) == {each: {"addresses.street": 1} for each in ("c1", "c2")}


def test_who_refers_to_nothing_is_done_and_a_second_run_changes_nothing(database: AnyDatabase) -> None:
    homes(database, 1)
    lives(database, c1=None, c2=1, c3=1)
    store = store_of(database, RULES)
    tasks = [task("c1"), task("c2")]
    assert [each.rows for each in store.anonymize(tasks)] == [{"customers": 1}, {"customers": 1}]
    before = everything(database)

    assert [each.outcome for each in store.anonymize(tasks)] == ["ALREADY_DONE", "ALREADY_DONE"]

    assert everything(database) == before


def test_neighbours_and_what_they_share_stay_as_they_are(database: AnyDatabase) -> None:
    homes(database, 1, 2)
    lives(database, c2=1, c3=2)
    before = everything(database)
    lives(database, c1=1)

    store_of(database, RULES).anonymize([task("c1")])

    after = everything(database)
    assert all(row in after[table] for table, rows in before.items() for row in rows)


@pytest.mark.parametrize(
    ("who", "stays"),
    [
        ("INSERT INTO orders VALUES (1, 2, 1, 'remark')", True),  # an order of somebody else
        ("INSERT INTO orders VALUES (1, NULL, 1, 'remark')", True),  # an order of nobody known
        ("INSERT INTO employees VALUES (1, 1)", True),  # a table the rules ignore
        ("INSERT INTO orders VALUES (1, 1, 1, 'remark')", False),  # an order of his own
        ("INSERT INTO employees VALUES (1, NULL)", False),
        ("INSERT INTO orders VALUES (1, 2, 2, 'remark')", False),
    ],
)
def test_whoever_else_refers_to_a_row_keeps_it(database: AnyDatabase, who: str, *, stays: bool) -> None:
    homes(database, 1, 2)
    lives(database, c1=1, c2=2)
    database.run(who)
    store = store_of(database, RULES)

    store.anonymize([task("c1")])

    assert streets(database) == {1: stays, 2: True}


def test_who_came_back_counts_as_there(database: AnyDatabase) -> None:
    homes(database, 1)
    lives(database, c1=1, c2=1)
    store = store_of(database, RULES)
    store.anonymize([task("c1")])
    database.run("UPDATE customers SET anonymized = false WHERE id = 1")

    store.anonymize([task("c2")])

    assert streets(database) == {1: True}
    store.anonymize([task("c1", "anew")])
    assert streets(database) == {1: False}


def test_late_rows_beside_a_ledger_row_count_as_there(database: AnyDatabase) -> None:
    homes(database, 1)
    lives(database, c1=None, c3=1)
    store = store_of(database, RULES)
    store.anonymize([task("c1")])
    database.run("INSERT INTO customers VALUES (9, 'c1', 'phone', 1, false)")

    answers = store.anonymize([task("c1"), task("c3")])

    assert [each.outcome for each in answers] == ["LATE", "DONE"]
    assert streets(database) == {1: True}


def test_who_shares_a_row_is_refused_alone_and_the_others_are_done(database: AnyDatabase) -> None:
    homes(database, 1, 2, 3)
    lives(database, c1=1, c2=2, c3=2, c4=3, c9=1)
    store = store_of(database, REFUSE)
    assert store.preflight() == []

    answers = store.anonymize([task(name) for name in ("c1", "c2", "c3", "c4")])

    assert [(each.outcome, each.error_code) for each in answers] == [
        ("FAILED", "shared:addresses"),
        ("DONE", None),
        ("DONE", None),
        ("DONE", None),
    ]
    assert streets(database) == {1: True, 2: False, 3: False}
    assert database.rows("SELECT id FROM customers WHERE anonymized ORDER BY id") == [(2,), (3,), (4,)]
    database.run("UPDATE customers SET address_id = NULL WHERE id = 9")
    assert store.anonymize([task("c1")])[0].outcome == "DONE"
    assert streets(database) == {1: False, 2: False, 3: False}


def test_who_shares_with_somebody_refused_is_refused_too(database: AnyDatabase) -> None:
    homes(database, 1, 2)
    lives(database, c1=1, c9=1)
    database.run("INSERT INTO customers VALUES (11, 'c1', 'phone', 2, false)")
    lives(database, c2=2)
    before = everything(database)

    answers = store_of(database, REFUSE).anonymize([task("c1"), task("c2"), task("gone")])

    assert [each.outcome for each in answers] == ["FAILED", "FAILED", "NOTHING_FOUND"]
    assert everything(database) == before


def test_a_newer_root_row_keeps_what_it_shares_with_an_old_one(database: AnyDatabase) -> None:
    homes(database, 1, 2)
    lives(database, c1=1, c2=1, c3=2)
    database.run("ALTER TABLE customers ADD COLUMN since timestamp NULL")
    database.run("UPDATE customers SET since = '2030-01-01 00:00:00', customer_id = 'c1' WHERE id = 2")
    text = RULES.replace(
        "  customers: {key: [id], ", "  customers: {key: [id], since: since, keep: {how long: [since]}, "
    )
    store = store_of(database, text)
    assert store.preflight() == []

    answers = store.anonymize([task("c1"), task("c3")])

    assert [each.rows for each in answers] == [{"customers": 1}, {"customers": 1, **ROWS_OF_HOME}]
    assert streets(database) == {1: True, 2: False}
    later = task("c1", "next")._replace(committed_at=1_900_000_000_000_000)
    assert store.anonymize([later])[0].rows == {"customers": 1, **ROWS_OF_HOME}
