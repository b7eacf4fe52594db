"""Names and ids that a database takes for the same, or for something else: found by generated schemas."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.stores import SqlStore
from consumers.stores.sql.names import statement
from tests.support.other_databases import RULES, OtherDatabase, add_customers, new_mariadb, new_other, new_sqlite
from tests.support.sql_store import task

pytestmark = pytest.mark.integration
MAILS = RULES.replace(
    "  notes:",
    "  mails: {parent: customers, join: {who: customer_id}, key: [id], mask: {body: set_null}}\n"
    "  replies: {parent: mails, join: {who: who}, rows: delete}\n  notes:",
)


@pytest.fixture(params=["mariadb", "sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OtherDatabase]:
    with new_other(request, tmp_path) as made:
        yield made


def test_ids_that_differ_in_case_only_are_told_apart_below_the_root_too(database: OtherDatabase) -> None:
    typed = "text COLLATE NOCASE" if database.is_sqlite else "varchar(64)"
    database.run(
        f"CREATE TABLE mails (id integer PRIMARY KEY, who {typed}, body varchar(40))",
        "CREATE INDEX mails_by_who ON mails (who)",
        f"CREATE TABLE replies (id integer PRIMARY KEY, who {typed})",
        "CREATE INDEX replies_by_who ON replies (who)",
    )
    store = database.store(MAILS)
    assert store.preflight() == []
    add_customers(database, [1, 2])
    database.run("UPDATE customers SET customer_id = 'C1' WHERE id = 2")
    database.run("INSERT INTO mails VALUES (1, 'c1', 'mine'), (2, 'C1', 'of another'), (3, 'c1 ', 'of nobody')")
    database.run("INSERT INTO replies VALUES (1, 'c1'), (2, 'C1')")

    assert store.count(["c1"])["c1"]["mails"] == 1
    [carried] = store.anonymize([task("c1")])

    assert (carried.outcome, carried.rows["mails"], carried.rows["replies"]) == ("DONE", 1, 1)
    assert database.rows("SELECT body FROM mails ORDER BY id") == [(None,), ("of another",), ("of nobody",)]
    assert database.rows("SELECT id FROM replies") == [(2,)]


def test_where_an_id_is_unique_a_child_that_spells_it_otherwise_is_its_own(database: OtherDatabase) -> None:
    typed = "text COLLATE NOCASE" if database.is_sqlite else "varchar(64)"
    if database.is_sqlite:  # the index compares as the foreign key does
        database.run("CREATE UNIQUE INDEX one ON customers (customer_id COLLATE NOCASE)")
    else:
        database.run("CREATE UNIQUE INDEX one ON customers (customer_id)")
    database.run(
        f"CREATE TABLE mails (id integer PRIMARY KEY, who {typed}, body varchar(40))",
        "CREATE INDEX mails_by_who ON mails (who)",
        "CREATE TABLE replies (id integer PRIMARY KEY, who varchar(64))",
        "CREATE INDEX replies_by_who ON replies (who)",
    )
    store = database.store(MAILS)
    add_customers(database, [1])
    database.run("INSERT INTO mails VALUES (1, 'C1', 'mine')")

    store.anonymize([task("c1")])

    assert database.rows("SELECT body FROM mails") == [(None,)]


def test_a_column_called_like_a_parameter_is_a_column() -> None:
    made = statement('SELECT "{{customers}}", "a:b" FROM t WHERE id = {{customers}}', customers=7)
    assert str(made) == 'SELECT "{{customers}}", "a:b" FROM t WHERE id = :customers'


def test_a_table_with_a_unique_index_over_long_text_gets_what_rules_ddl_prints(mariadb: str, tmp_path: Path) -> None:
    with new_mariadb(mariadb, tmp_path) as database:
        # kept by a hidden computed column, beside which the server alters nothing in place
        database.run("ALTER TABLE customers ADD COLUMN essay text, ADD UNIQUE (essay)")
        database.run("ALTER TABLE customers DROP COLUMN anonymized, DROP INDEX customer_id")
        text = RULES.replace("[segment]", "[segment, essay]")
        store = database.store(text)
        found = store.preflight()
        assert {each.code for each in found} == {"missing_flag", "missing_index"}
        for each in found:
            assert each.ddl.startswith("-- its unique index over long text lets nobody write meanwhile")
            database.run(each.ddl.rstrip(";"))
        assert database.opened(SqlStore(database.rules(text))).preflight() == []


def test_a_check_in_a_sqlite_table_without_rowid_is_taken_for_one_over_every_column(tmp_path: Path) -> None:
    with new_sqlite(tmp_path) as database:
        database.run(
            "DROP TABLE notes",
            "CREATE TABLE notes (id integer PRIMARY KEY, customer integer REFERENCES customers, body text "
            "CHECK (body <> 'x')) WITHOUT ROWID",
            "CREATE INDEX notes_by_customer ON notes (customer)",
        )
        text = RULES.replace("rows: delete}", "key: [id], mask: {body: {static: x}}}")
        found = {(each.code, each.place) for each in database.store(text).preflight()}
        assert ("check_constraint", "tables.notes.mask.body") in found
