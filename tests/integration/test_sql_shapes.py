"""Shapes of schemas, on all three databases: joint accounts, what they share below them, history, self-references."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from tests.support.sql_store import task
from tests.support.three_databases import BACKENDS, AnyDatabase, new_any, store_of

pytestmark = pytest.mark.integration

SCHEMA = """
CREATE TABLE customers (
    id bigint PRIMARY KEY, customer_id varchar(64) NOT NULL, name varchar(80), referred_by bigint, deleted_on date,
    anonymized boolean NOT NULL DEFAULT false, FOREIGN KEY (referred_by) REFERENCES customers (id));
CREATE INDEX customers_by_customer ON customers (customer_id);
CREATE TABLE customers_history (
    id bigint NOT NULL, valid_from date NOT NULL, name varchar(80), PRIMARY KEY (id, valid_from));
CREATE TABLE mailboxes (id bigint PRIMARY KEY, name varchar(80));
CREATE TABLE accounts (
    id bigint PRIMARY KEY, name varchar(80), mailbox bigint, FOREIGN KEY (mailbox) REFERENCES mailboxes (id));
CREATE INDEX accounts_by_mailbox ON accounts (mailbox);
CREATE TABLE owners (
    customer bigint NOT NULL, account bigint NOT NULL, role varchar(20) NOT NULL, PRIMARY KEY (customer, account, role),
    FOREIGN KEY (customer) REFERENCES customers (id), FOREIGN KEY (account) REFERENCES accounts (id));
CREATE INDEX owners_by_account ON owners (account);
CREATE TABLE transfers (
    id bigint PRIMARY KEY, account bigint, name varchar(80), FOREIGN KEY (account) REFERENCES accounts (id));
CREATE INDEX transfers_by_account ON transfers (account);
"""
RULES = """
customer: {type: text, column: customer_id}
tables:
  customers:
    key: [id]
    flag: anonymized
    mask: {name: set_null}
    keep:
      who brought whom: [referred_by]
      when he left: [deleted_on]
  customers_history: {parent: customers, key: [id, valid_from], join: {id: id}, mask: {name: set_null}}
  owners: {parent: customers, key: [customer, account, role], join: {customer: id}}
  accounts: {parent: owners, key: [id], join: {id: account}, shared: keep, mask: {name: set_null}}
  mailboxes: {parent: accounts, key: [id], join: {id: mailbox}, shared: keep, mask: {name: set_null}}
  transfers: {parent: accounts, key: [id], join: {account: id}, mask: {name: set_null}}
"""
ROWS = """
INSERT INTO customers VALUES (1, 'c1', 'x', NULL, NULL, false), (2, 'c2', 'x', 1, '2020-01-01', false);
INSERT INTO customers VALUES (3, 'c3', 'x', 2, NULL, false), (4, 'c4', 'x', 4, NULL, false);
INSERT INTO customers_history VALUES (1, '2019-01-01', 'x'), (1, '2020-01-01', 'x'), (3, '2019-01-01', 'x');
INSERT INTO mailboxes VALUES (1, 'x'), (2, 'x'), (3, 'x');
INSERT INTO accounts VALUES (1, 'x', 1), (2, 'x', 1), (3, 'x', 2), (4, 'x', NULL), (5, 'x', 2), (6, 'x', 3);
INSERT INTO owners VALUES (1, 1, 'holder'), (1, 1, 'payer'), (2, 1, 'holder'), (1, 2, 'holder'), (3, 3, 'holder');
INSERT INTO owners VALUES (1, 4, 'holder'), (4, 6, 'holder');
INSERT INTO transfers VALUES (1, 1, 'x'), (2, 1, 'x'), (3, 2, 'x'), (4, 3, 'x')
"""
TABLES = ("customers", "customers_history", "mailboxes", "accounts", "transfers")


@pytest.fixture(params=BACKENDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyDatabase]:
    with new_any(request, tmp_path, SCHEMA) as made:
        for each in ROWS.split(";\n"):
            made.run(each)
        yield made


def left(database: AnyDatabase) -> dict[str, list[int]]:
    """Which rows still have their name."""
    return {
        table: [row[0] for row in database.rows(f"SELECT id FROM {table} WHERE name IS NOT NULL ORDER BY id")]
        for table in TABLES
    }


def test_joint_accounts_and_what_they_share_go_with_the_last_owner(database: AnyDatabase) -> None:
    store = store_of(database, RULES)
    assert store.preflight() == []

    first = store.anonymize([task("c1")])[0]

    # account 1 is his wife's too, and so is the mailbox it shares with account 2
    assert first.rows == {"customers": 1, "customers_history": 2, "accounts": 2, "transfers": 1}
    assert left(database) == {
        "customers": [2, 3, 4],
        "customers_history": [3],
        "mailboxes": [1, 2, 3],
        "accounts": [1, 3, 5, 6],
        "transfers": [1, 2, 4],
    }
    assert store.anonymize([task("c2")])[0].rows == {"customers": 1, "accounts": 1, "mailboxes": 1, "transfers": 2}
    assert left(database)["mailboxes"] == [2, 3]


def test_what_an_account_of_nobody_shares_is_not_known_to_be_free(database: AnyDatabase) -> None:
    store = store_of(database, RULES)

    assert store.anonymize([task("c3")])[0].rows == {
        "customers": 1,
        "customers_history": 1,
        "accounts": 1,
        "transfers": 1,
    }
    assert left(database)["mailboxes"] == [1, 2, 3]


def test_shared_rows_take_as_many_statements_whoever_shares_them(database: AnyDatabase) -> None:
    store, seen = store_of(database, RULES), list[str]()
    assert store.anonymize([task("c4")])[0].outcome == "DONE"  # the schema is read
    event.listen(store._engine, "before_cursor_execute", lambda *given: seen.append(given[2]))

    store.anonymize([task("c2")])
    alone = len(seen)
    store.anonymize([task("c1"), task("c3"), task("gone")])

    assert len(seen) == 2 * alone > 0


def test_a_batch_of_all_is_counted_and_carried_out_alike(database: AnyDatabase) -> None:
    store, everybody = store_of(database, RULES), ["c4", "c2", "c1", "c3"]
    foreseen = store.count(everybody)

    answers = store.anonymize([task(name) for name in everybody])

    assert foreseen == {name: each.rows for name, each in zip(everybody, answers, strict=True)}
    assert left(database) == {
        "customers": [],
        "customers_history": [],
        "mailboxes": [2],
        "accounts": [5],
        "transfers": [],
    }
    assert database.rows("SELECT id, referred_by FROM customers ORDER BY id") == [(1, None), (2, 1), (3, 2), (4, 4)]
