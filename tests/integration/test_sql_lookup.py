"""Customers that are looked up in another table, on all three databases: found by what it gives, and nobody else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.domain.work import Finding
from tests.support.sql_store import Database, task
from tests.support.three_databases import BACKENDS, AnyDatabase, new_any, store_of

pytestmark = pytest.mark.integration

SCHEMA = """
CREATE TABLE addresses (id bigint PRIMARY KEY, street varchar(80));
CREATE TABLE customers (
    branch bigint NOT NULL, number bigint NOT NULL, name varchar(80), address_id bigint,
    anonymized boolean NOT NULL DEFAULT false, PRIMARY KEY (branch, number),
    FOREIGN KEY (address_id) REFERENCES addresses (id));
CREATE INDEX customers_by_address ON customers (address_id);
CREATE TABLE id_map (
    id bigint PRIMARY KEY, lapse_id varchar(64) NOT NULL, branch_no bigint, customer_no bigint);
CREATE INDEX id_map_by_lapse_id ON id_map (lapse_id);
CREATE UNIQUE INDEX id_map_by_customer ON id_map (branch_no, customer_no);
CREATE TABLE cards (
    id bigint PRIMARY KEY, branch bigint, owner bigint, holder varchar(80),
    FOREIGN KEY (branch, owner) REFERENCES customers (branch, number));
CREATE INDEX cards_by_owner ON cards (branch, owner);
CREATE TABLE loans (id bigint PRIMARY KEY, lapse_id varchar(64));
"""
RULES = """
customer: {type: text, lookup: {table: id_map, match: lapse_id, gives: {branch: branch_no, number: customer_no}}}
guard: "SELECT lapse_id FROM loans WHERE lapse_id IN :customers"
tables:
  customers: {key: [branch, number], flag: anonymized, mask: {name: set_null}}
  cards: {parent: customers, key: [id], join: {branch: branch, owner: number}, mask: {holder: set_null}}
  addresses: {parent: customers, key: [id], join: {id: address_id}, shared: keep, mask: {street: set_null}}
ignore: {"the key between two systems": [id_map]}
"""
MAPPED = RULES.replace('ignore: {"the key between two systems": [id_map]}', "").rstrip() + (
    "\n  id_map: {parent: customers, key: [id], join: {branch_no: branch, customer_no: number}, rows: delete}\n"
)
ROWS = """
INSERT INTO addresses VALUES (1, 'street 1'), (2, 'street 2');
INSERT INTO customers VALUES (1, 7, 'c1', 1, false), (2, 7, 'c2', 1, false), (1, 8, 'c1', 2, false);
INSERT INTO customers VALUES (2, 8, 'x', NULL, false);
INSERT INTO id_map VALUES (1, 'c1', 1, 7), (2, 'c2', 2, 7), (3, 'c1', 1, 8), (4, 'lost', 9, 9), (5, 'c1', NULL, 7);
INSERT INTO cards VALUES (1, 1, 7, 'c1'), (2, 1, 8, 'c1'), (3, 2, 7, 'c2'), (4, 2, 8, 'x')
"""
ROWS_OF_C1 = {"customers": 2, "cards": 2, "addresses": 1}


@pytest.fixture(params=BACKENDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyDatabase]:
    with new_any(request, tmp_path, SCHEMA) as made:
        for each in ROWS.split(";\n"):
            made.run(each)
        yield made


def names(database: AnyDatabase) -> list[tuple[object, ...]]:
    cards = database.rows("SELECT 100 + id, holder FROM cards WHERE holder IS NOT NULL")
    return sorted([*database.rows("SELECT 10 * branch + number, name FROM customers WHERE name IS NOT NULL"), *cards])


def found(database: AnyDatabase, text: str = RULES) -> list[Finding]:
    return store_of(database, text).preflight()


def test_a_customer_is_found_by_what_the_lookup_gives_and_nobody_else(database: AnyDatabase) -> None:
    store = store_of(database, RULES)
    assert store.preflight() == []
    assert store.count(["c1", "lost", "C1"]) == {"c1": ROWS_OF_C1}

    answers = store.anonymize([task("c1"), task("lost"), task("C1")])

    assert [(each.outcome, each.rows) for each in answers] == [
        ("DONE", ROWS_OF_C1),
        ("NOTHING_FOUND", {}),
        ("NOTHING_FOUND", {}),
    ]
    assert names(database) == [(27, "c2"), (28, "x"), (103, "c2"), (104, "x")]
    assert database.rows("SELECT id FROM addresses WHERE street IS NULL") == [(2,)]


def test_a_second_run_changes_nothing_and_later_rows_are_late(database: AnyDatabase) -> None:
    store = store_of(database, RULES)
    store.anonymize([task("c1")])
    assert store.unflagged(["c1", "c2"]) == {"c2"}
    database.run("INSERT INTO customers VALUES (3, 7, 'c1', NULL, false)")
    database.run("INSERT INTO id_map VALUES (6, 'c1', 3, 7)")

    assert [each.outcome for each in store.anonymize([task("c1")])] == ["LATE"]
    assert store.unflagged(["c1", "c2"]) == {"c1", "c2"}
    assert store.anonymize([task("c1", "anew")])[0].rows == {"customers": 1}


def test_who_is_reopened_is_taken_again_and_nobody_else(database: AnyDatabase) -> None:
    store = store_of(database, RULES)
    store.anonymize([task("c1"), task("c2")])
    store.reopen(["c1"])

    assert store.unflagged(["c1", "c2"]) == {"c1"}
    assert store.unmet(["c1", "c2"]) == {}
    assert store.anonymize([task("c1", "anew")])[0].rows["customers"] == 2


def test_those_asked_for_together_count_as_together(database: AnyDatabase) -> None:
    store = store_of(database, RULES)
    foreseen = store.count(["c2", "c1"])

    answers = store.anonymize([task("c2"), task("c1")])

    assert foreseen == {"c2": answers[0].rows, "c1": answers[1].rows}
    assert answers[0].rows == {"customers": 1, "cards": 1, "addresses": 1}


def test_the_link_itself_can_be_deleted_with_the_customer(database: AnyDatabase) -> None:
    store = store_of(database, MAPPED)
    assert store.preflight() == []

    assert store.anonymize([task("c1")])[0].rows == {**ROWS_OF_C1, "id_map": 2}

    assert database.rows("SELECT id FROM id_map ORDER BY id") == [(2,), (4,), (5,)]
    assert [each.outcome for each in store.anonymize([task("c1")])] == ["ALREADY_DONE"]


def test_a_guard_answers_with_customer_ids(database: AnyDatabase) -> None:
    store = store_of(database, RULES)
    database.run("INSERT INTO loans VALUES (1, 'c1')")

    assert store.guard(["c1", "c2"]) == {"c1": "active"}


@pytest.mark.parametrize(
    ("code", "place", "old", "new"),
    [
        ("unknown_table", "table", "id_map", "nowhere"),
        ("missing_customer_column", "match", "match: lapse_id", "match: nobody"),
        ("unknown_column", "gives.branch", "branch: branch_no", "branch: nobody"),
        ("unknown_column", "gives.nobody", "gives: {branch: branch_no", "gives: {nobody: branch_no"),
        ("lookup_type", "gives.name", "gives: {branch: branch_no", "gives: {name: branch_no"),
        ("missing_index", "match", "match: lapse_id", "match: other"),
        ("shared_rows", "gives", "gives: {branch: branch_no, ", "gives: {"),
    ],
)
def test_a_lookup_that_leads_nowhere_or_to_others_is_refused(
    database: AnyDatabase, code: str, place: str, old: str, new: str
) -> None:
    database.run("ALTER TABLE id_map ADD COLUMN other varchar(64)")
    text = RULES.replace(old, new)

    refused = [each for each in found(database, text) if each.place == f"customer.lookup.{place}"]

    assert [each.code for each in refused] == [code]
    assert all(each.message and each.repair for each in refused)


def test_an_index_that_is_missing_is_added_by_its_repair(database: AnyDatabase) -> None:
    on = "" if isinstance(database, Database) or database.is_sqlite else " ON id_map"
    database.run(f"DROP INDEX id_map_by_lapse_id{on}")

    [missing] = found(database)

    assert (missing.code, missing.place) == ("missing_index", "customer.lookup.match")
    database.run(missing.ddl.replace("CONCURRENTLY ", ""))
    assert found(database) == []


def test_an_id_of_another_type_is_refused(database: AnyDatabase) -> None:
    codes = {(each.code, each.place) for each in found(database, RULES.replace("type: text", "type: integer"))}

    assert ("customer_type", "customer.type") in codes
