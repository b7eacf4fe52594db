"""Rows newer than a customer's own command are left alone, on all three databases, and taken by his next one."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from consumers.domain.work import Task
from consumers.stores import SqlStore
from tests.support.sql_store import Database, task
from tests.support.three_databases import BACKENDS, AnyDatabase, new_any, store_of

pytestmark = pytest.mark.integration

SCHEMA = """
CREATE TABLE customers (
    id bigint PRIMARY KEY, customer_id varchar(64) NOT NULL, phone varchar(80), joined_at timestamp(6) NULL,
    anonymized boolean NOT NULL DEFAULT false);
CREATE INDEX customers_by_customer ON customers (customer_id);
CREATE TABLE orders (
    id bigint PRIMARY KEY, customer bigint, remark varchar(80), created_at timestamp(6) NULL,
    FOREIGN KEY (customer) REFERENCES customers (id));
CREATE INDEX orders_by_customer ON orders (customer);
CREATE TABLE order_lines (
    id bigint PRIMARY KEY, order_id bigint, remark varchar(80), FOREIGN KEY (order_id) REFERENCES orders (id));
CREATE INDEX order_lines_by_order ON order_lines (order_id);
CREATE TABLE notes (
    id bigint PRIMARY KEY, customer bigint, body varchar(80), written_on date,
    FOREIGN KEY (customer) REFERENCES customers (id));
CREATE INDEX notes_by_customer ON notes (customer);
"""
RULES = """
customer: {type: text, column: customer_id}
tables:
  customers: {key: [id], flag: anonymized, mask: {phone: set_null}, keep: {"how long": [joined_at]}}
  orders: {parent: customers, key: [id], since: created_at, mask: {remark: set_null}, keep: {"how long": [created_at]}}
  order_lines: {parent: orders, key: [id], mask: {remark: set_null}}
  notes: {parent: customers, key: [id], since: written_on, rows: delete}
"""
ROOT = RULES.replace("key: [id], flag", "key: [id], since: joined_at, flag")
UNFLAGGED = RULES.replace("flag: anonymized, ", "").replace("[joined_at]", "[joined_at, anonymized]")
COMMITTED = dt.datetime(2026, 5, 17, 12, 0, 0, 123456, tzinfo=dt.UTC)
BEFORE, THEN, AFTER = (f"2026-05-17 12:00:00.12345{digit}" for digit in (5, 6, 7))
LONG_BEFORE, LONG_AFTER, LATER = "2020-01-01 00:00:00", "2026-06-01 00:00:00", "2026-06-02 00:00:00"
TABLES = ("customers", "orders", "order_lines", "notes")
Everything = dict[str, list[tuple[object, ...]]]


@pytest.fixture(params=BACKENDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyDatabase]:
    with new_any(request, tmp_path, SCHEMA) as made:
        yield made


def command(customer: str, number: int = 1, committed: str = "") -> Task:
    moment = dt.datetime.fromisoformat(f"{committed}+00:00") if committed else COMMITTED
    micros = (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
    return task(customer, f"{customer} {number}")._replace(committed_at=micros)


def quoted(value: str | None) -> str:
    return "NULL" if value is None else f"'{value}'"


def customer(database: AnyDatabase, number: int, name: str = "", joined: str | None = LONG_BEFORE) -> None:
    values = f"{number}, '{name or f'c{number}'}', 'phone', {quoted(joined)}, false"
    database.run(f"INSERT INTO customers VALUES ({values})")


def order(database: AnyDatabase, number: int, of: int, at: str | None) -> None:
    """An order, and a line of it under its number."""
    database.run(f"INSERT INTO orders VALUES ({number}, {of}, 'remark', {quoted(at)})")
    database.run(f"INSERT INTO order_lines VALUES ({number}, {number}, 'remark')")


def note(database: AnyDatabase, number: int, of: int, on: str | None) -> None:
    database.run(f"INSERT INTO notes VALUES ({number}, {of}, 'body', {quoted(on)})")


def everything(database: AnyDatabase) -> Everything:
    return {table: database.rows(f"SELECT * FROM {table} ORDER BY 1") for table in TABLES}


def masked(database: AnyDatabase, table: str = "orders") -> list[int]:
    column = "phone" if table == "customers" else "remark"
    return [row[0] for row in database.rows(f"SELECT id FROM {table} WHERE {column} IS NULL ORDER BY id")]


def flagged(database: AnyDatabase) -> list[int]:
    return [row[0] for row in database.rows("SELECT id FROM customers WHERE anonymized ORDER BY id")]


def opened(database: AnyDatabase, text: str = RULES) -> SqlStore:
    store = store_of(database, text)
    assert store.preflight() == []
    return store


def test_what_is_newer_stays_whole_and_its_customer_unflagged(database: AnyDatabase) -> None:
    customer(database, 1)
    order(database, 10, 1, LONG_BEFORE)
    order(database, 11, 1, LONG_AFTER)
    note(database, 1, 1, "2026-05-16")
    note(database, 2, 1, "2026-05-18")
    store, before = opened(database), everything(database)

    answer = store.anonymize([command("c1")])[0]

    assert (answer.outcome, answer.rows) == ("DONE", {"customers": 1, "orders": 1, "order_lines": 1, "notes": 1})
    after = everything(database)
    assert [after[table][-1] for table in TABLES[1:]] == [before[table][-1] for table in TABLES[1:]]
    assert [row[0] for row in after["notes"]] == [2]
    assert masked(database, "customers") == [1]
    assert (masked(database), masked(database, "order_lines")) == ([10], [10])
    assert flagged(database) == []
    assert store.unmet(["c1"]) == {}
    assert [row.outcome for row in store.ledger(["c1 1"]).values()] == ["DONE"]


def test_a_redelivery_is_late_and_the_next_command_takes_the_rest(database: AnyDatabase) -> None:
    customer(database, 1)
    order(database, 10, 1, LONG_BEFORE)
    order(database, 11, 1, LONG_AFTER)
    note(database, 2, 1, "2026-05-18")
    store = opened(database)
    store.anonymize([command("c1")])
    before = everything(database)

    assert store.unflagged(["c1"]) == {"c1"}
    assert [each.outcome for each in store.anonymize([command("c1")])] == ["LATE"]
    assert everything(database) == before

    answer = store.anonymize([command("c1", 2, LATER)])[0]

    assert (answer.outcome, answer.rows) == ("DONE", {"customers": 1, "orders": 2, "order_lines": 2, "notes": 1})
    assert (masked(database), masked(database, "order_lines"), flagged(database)) == ([10, 11], [10, 11], [1])
    assert database.rows("SELECT id FROM notes") == []
    assert [each.outcome for each in store.anonymize([command("c1", 2, LATER)])] == ["ALREADY_DONE"]


def test_each_customer_has_a_time_of_his_own(database: AnyDatabase) -> None:
    for number in (1, 2, 3):
        customer(database, number)
        order(database, number * 10, number, "2026-05-20 00:00:00")
    store = opened(database)

    store.anonymize([command("c3", 1, LATER), command("c1"), command("c2", 1, LATER)])

    assert (masked(database), flagged(database)) == ([20, 30], [2, 3])


def test_newer_is_later_by_a_microsecond(database: AnyDatabase) -> None:
    customer(database, 1)
    for number, at in enumerate((BEFORE, THEN, AFTER, None), start=10):
        order(database, number, 1, at)
    for number, on in enumerate(("2026-05-16", "2026-05-17", "2026-05-18", None), start=1):
        note(database, number, 1, on)

    opened(database).anonymize([command("c1")])

    assert masked(database) == [10, 11, 13]
    assert database.rows("SELECT id FROM notes") == [(3,)]


def test_nothing_newer_sets_the_flag_as_ever(database: AnyDatabase) -> None:
    customer(database, 1)
    customer(database, 2)
    order(database, 10, 1, None)
    order(database, 20, 2, AFTER)

    opened(database).anonymize([command("c1"), command("c2")])

    assert flagged(database) == [1]


def test_a_newer_root_row_stays_with_all_below_it_beside_an_old_one(database: AnyDatabase) -> None:
    customer(database, 1, "c1")
    customer(database, 2, "c1", LONG_AFTER)
    customer(database, 3, "c3", LONG_AFTER)
    order(database, 10, 1, LONG_BEFORE)
    order(database, 20, 2, LONG_BEFORE)
    order(database, 30, 3, LONG_BEFORE)
    store, before = opened(database, ROOT), everything(database)

    answers = store.anonymize([command("c1"), command("c3")])

    assert [(each.outcome, each.rows) for each in answers] == [
        ("DONE", {"customers": 1, "orders": 1, "order_lines": 1}),
        ("NOTHING_FOUND", {}),
    ]
    after = everything(database)
    assert [after[table][1:] for table in TABLES] == [before[table][1:] for table in TABLES]
    assert (masked(database), flagged(database)) == ([10], [1])
    assert [each.outcome for each in store.anonymize([command("c1"), command("c3")])] == ["LATE", "LATE"]
    assert store.anonymize([command("c1", 2, LATER)])[0].rows == {"customers": 1, "orders": 1, "order_lines": 1}
    assert flagged(database) == [1, 2]


def test_of_two_commands_that_wait_the_later_one_says_what_is_newer(database: AnyDatabase) -> None:
    customer(database, 1)
    order(database, 10, 1, LONG_AFTER)
    store = opened(database)

    answers = store.anonymize([command("c1"), command("c1", 2, LATER)])

    assert [each.outcome for each in answers] == ["NOTHING_FOUND", "DONE"]
    assert (masked(database), flagged(database)) == ([10], [1])


def test_without_a_flag_the_ledger_alone_tells(database: AnyDatabase) -> None:
    customer(database, 1)
    order(database, 10, 1, LONG_BEFORE)
    order(database, 11, 1, LONG_AFTER)
    store = opened(database, UNFLAGGED)

    assert store.anonymize([command("c1")])[0].rows == {"customers": 1, "orders": 1, "order_lines": 1}
    assert [each.outcome for each in store.anonymize([command("c1")])] == ["ALREADY_DONE"]
    assert masked(database) == [10]
    assert store.anonymize([command("c1", 2, LATER)])[0].rows == {"customers": 1, "orders": 2, "order_lines": 2}


def test_a_table_that_only_leads_on_leaves_alone_what_hangs_on_it(database: AnyDatabase) -> None:
    text = RULES.replace('mask: {remark: set_null}, keep: {"how long": [', 'keep: {"how long": [remark, ')
    customer(database, 1)
    order(database, 10, 1, LONG_BEFORE)
    order(database, 11, 1, LONG_AFTER)

    answer = opened(database, text).anonymize([command("c1")])[0]

    assert answer.rows == {"customers": 1, "order_lines": 1}
    assert (masked(database, "order_lines"), flagged(database)) == ([10], [])


def test_a_flag_that_is_set_against_the_rules_is_not_verified(database: AnyDatabase) -> None:
    customer(database, 1)
    order(database, 11, 1, LONG_AFTER)
    store = opened(database)
    database.run(_setting_the_flag(database))
    store.preflight()  # says `trigger`; what came after it is not the matter here

    answer = store.anonymize([command("c1")])[0]

    assert (answer.outcome, answer.error_code) == ("FAILED", "not_verified:customers.anonymized")


def _setting_the_flag(database: AnyDatabase) -> str:
    if isinstance(database, Database):
        return (
            "CREATE FUNCTION done() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN NEW.anonymized := true; RETURN NEW; END $$; "
            "CREATE TRIGGER done BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION done()"
        )
    if database.is_sqlite:
        return "CREATE TRIGGER done AFTER UPDATE ON customers BEGIN UPDATE customers SET anonymized = true; END"
    return "CREATE TRIGGER done BEFORE UPDATE ON customers FOR EACH ROW SET NEW.anonymized = true"


def test_a_batch_takes_as_many_statements_whoever_came_back(database: AnyDatabase) -> None:
    for number in range(1, 41):
        customer(database, number)
        order(database, number * 10, number, LONG_AFTER if number % 2 else LONG_BEFORE)
    store, seen = opened(database, ROOT), list[str]()
    event.listen(store._engine, "before_cursor_execute", lambda *given: seen.append(given[2]))

    store.anonymize([command("c1")])
    alone = len(seen)
    store.anonymize([command(f"c{number}", 1, THEN if number % 3 else LATER) for number in range(2, 41)])

    assert len(seen) == 2 * alone > 0
