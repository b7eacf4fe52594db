"""A service that deletes its customers' rows, the root with them: gone, proven, and nobody else's."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consumers.domain.errors import TransientError
from consumers.stores import SqlStore
from tests.support.sql_store import task, unnoticed
from tests.support.three_databases import BACKENDS, AnyDatabase, new_any, store_of

pytestmark = pytest.mark.integration
SCHEMA = """
CREATE TABLE subscribers (id int PRIMARY KEY, email varchar(80) NOT NULL UNIQUE, made timestamp NULL);
CREATE TABLE letters (id int PRIMARY KEY, subscriber int NOT NULL REFERENCES subscribers (id), opened varchar(20));
CREATE INDEX letters_by_subscriber ON letters (subscriber);
CREATE TABLE clicks (id int PRIMARY KEY, email varchar(80), address varchar(20));
CREATE INDEX clicks_by_email ON clicks (email);
INSERT INTO subscribers (id, email) VALUES (1, 'c1'), (2, 'c2'), (3, 'c3');
INSERT INTO letters VALUES (10, 1, 'monday'), (11, 1, 'tuesday'), (20, 2, 'friday'), (30, 3, 'friday');
INSERT INTO clicks VALUES (100, 'c1', '192.0.2.1'), (200, 'c2', '192.0.2.2'), (300, 'c3', '192.0.2.3')
"""
RULES = """
customer: {type: text, column: email}
tables:
  subscribers: {key: [id], rows: delete}
  letters: {parent: subscribers, key: [id], rows: delete}
  clicks: {parent: subscribers, join: {email: email}, key: [id], mask: {address: set_null}}
"""


@pytest.fixture(params=BACKENDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyDatabase]:
    with new_any(request, tmp_path, SCHEMA) as made:
        yield made


def contents(database: AnyDatabase) -> tuple[list[tuple[Any, ...]], ...]:
    columns = {"subscribers": "id, email", "letters": "*", "clicks": "*"}
    return tuple(database.rows(f"SELECT {each} FROM {name} ORDER BY 1") for name, each in columns.items())


GONE = (
    [(3, "c3")],
    [(30, 3, "friday")],
    [(100, "c1", None), (200, "c2", None), (300, "c3", "192.0.2.3")],
)


def ready(database: AnyDatabase) -> SqlStore:
    store = store_of(database, RULES)
    assert store.preflight() == []
    return store


def test_the_rows_of_the_customers_are_gone_and_the_ledger_knows(database: AnyDatabase) -> None:
    store = ready(database)
    assert store.count(["c1", "c3"]) == {
        "c1": {"subscribers": 1, "letters": 2, "clicks": 1},
        "c3": {"subscribers": 1, "letters": 1, "clicks": 1},
    }

    done = store.anonymize([task("c1"), task("c2"), task("absent")])

    assert [each.outcome for each in done] == ["DONE", "DONE", "NOTHING_FOUND"]
    assert done[0].rows == {"subscribers": 1, "letters": 2, "clicks": 1}
    assert contents(database) == GONE
    assert [each.outcome for each in store.anonymize([task("c1"), task("c2")])] == ["ALREADY_DONE"] * 2
    assert store.unmet(["c1", "c2"]) == {}
    assert contents(database) == GONE


def test_who_came_back_is_told_and_goes_with_the_next_command(database: AnyDatabase) -> None:
    store = ready(database)
    store.anonymize([task("c1"), task("c2")])
    database.run("INSERT INTO subscribers (id, email) VALUES (4, 'c1')")

    assert store.unmet(["c1", "c2"]) == {"c1": {"subscribers.rows": 1}}
    assert [each.outcome for each in store.anonymize([task("c1")])] == ["ALREADY_DONE"]
    assert database.rows("SELECT id FROM subscribers ORDER BY id") == [(3,), (4,)]
    assert [each.outcome for each in store.anonymize([task("c1", "next")])] == ["DONE"]
    assert contents(database) == GONE


STUBBORN = {
    "postgres": "CREATE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql AS "
    "'BEGIN IF OLD.id = 1 THEN RETURN NULL; END IF; RETURN OLD; END'; "
    "CREATE TRIGGER t BEFORE DELETE ON subscribers FOR EACH ROW EXECUTE FUNCTION stay()",
    "sqlite": "CREATE TRIGGER t BEFORE DELETE ON subscribers WHEN OLD.id = 1 BEGIN SELECT RAISE(IGNORE); END",
}


@pytest.mark.parametrize("database", STUBBORN, indirect=True)  # nothing leaves a row out of a DELETE on MariaDB
def test_a_row_that_would_not_go_fails_its_customer_and_nothing_of_him_goes(database: AnyDatabase) -> None:
    store = ready(database)
    before = contents(database)
    database.run(STUBBORN["sqlite" if "sqlite" in database.url else "postgres"])
    unnoticed(store)

    done = store.anonymize([task("c1"), task("c2")])

    assert [(each.outcome, each.error_code) for each in done] == [
        ("FAILED", "not_verified:subscribers.rows"),
        ("DONE", None),
    ]
    people, letters, clicks = contents(database)
    assert (people, letters) == ([before[0][0], before[0][2]], [*before[1][:2], before[1][3]])
    assert clicks == [before[2][0], (200, "c2", None), before[2][2]]


def test_a_child_that_would_stay_behind_a_foreign_key_is_refused(database: AnyDatabase) -> None:
    kept = RULES.replace("key: [id], rows: delete}\n  clicks", "key: [id], mask: {opened: set_null}}\n  clicks")
    assert kept != RULES
    found = store_of(database, kept).preflight()
    assert [(each.code, each.place) for each in found] == [("foreign_key", "tables.subscribers.rows")]


def test_the_connection_is_lost_half_way_and_nothing_has_gone(database: AnyDatabase) -> None:
    store = ready(database)
    before = contents(database)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "_shape", None)  # rolled back at the very end
        with pytest.raises(TransientError):
            store.anonymize([task("c1")])
    assert contents(database) == before
    assert [each.outcome for each in store.anonymize([task("c1")])] == ["DONE"]


def test_who_subscribed_after_the_command_was_committed_stays_with_all_that_is_his(database: AnyDatabase) -> None:
    store = store_of(
        database,
        RULES.replace("{key: [id], rows: delete}\n  letters", "{key: [id], rows: delete, since: made}\n  letters"),
    )
    assert store.preflight() == []
    database.run("UPDATE subscribers SET made = '2023-11-20 00:00:00' WHERE id = 1")
    before = contents(database)

    assert [each.outcome for each in store.anonymize([task("c1"), task("c2")])] == ["NOTHING_FOUND", "DONE"]

    people, letters, clicks = contents(database)
    assert (people, letters) == ([(1, "c1"), (3, "c3")], [*before[1][:2], before[1][3]])
    assert clicks == [before[2][0], (200, "c2", None), before[2][2]]
    later = task("c1", "next")._replace(committed_at=1_701_000_000_000_000)
    assert [each.outcome for each in store.anonymize([later])] == ["DONE"]
    assert contents(database) == GONE
