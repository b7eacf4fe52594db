"""What one batch does to the rows of its customers, and to nobody else's."""

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from consumers.ports import Store
from consumers.stores import ledger_ddl
from tests.support.sql_store import RULES, Database, PostgresServer, add_customers, new_database, task

pytestmark = pytest.mark.integration
ROWS_OF_ONE = {"customers": 1, "orders": 1, "order_lines": 2, "notes": 1}


@pytest.fixture
def database(postgres: PostgresServer, tmp_path: Path) -> Iterator[Database]:
    with new_database(postgres, tmp_path) as made:
        yield made


def test_rules_of_the_example_pass_preflight(database: Database) -> None:
    store: Store = database.store()

    assert store.preflight() == []


def test_batch_rewrites_every_masked_cell(database: Database) -> None:
    add_customers(database, [1, 2])

    answers = database.store().anonymize([task("c1"), task("c2")])

    assert [(answer.outcome, answer.rows) for answer in answers] == [("DONE", ROWS_OF_ONE)] * 2
    assert "CANARY" not in str(database.snapshot())
    [(number, email, phone, birth, balance, status, segment, token, flag)] = database.rows(
        "SELECT personal_number, email, phone, CAST(birth_date AS text), balance, status, segment, token, anonymized "
        "FROM crm.customers WHERE id = 1"
    )
    assert (number, phone, birth, balance, status, segment, flag) == (
        "0" * 12,
        None,
        "1980-01-01",
        0,
        "OTHER",
        "north",
        True,
    )
    assert re.fullmatch(r"[0-9a-f]{32}@anonymized\.invalid", email)
    assert isinstance(token, UUID)
    assert database.rows("SELECT DISTINCT remark FROM crm.order_lines") == [("CAN",)]
    assert database.rows("SELECT count(*) FROM crm.notes") == [(0,)]


def test_neighbours_stay_byte_identical(database: Database) -> None:
    add_customers(database, [2, 3])
    before = database.snapshot()
    add_customers(database, [1])

    database.store().anonymize([task("c1")])

    after = database.snapshot()
    for table, rows in before.items():
        assert [row for row in after[table] if row in rows] == rows


def test_ledger_row_holds_the_command(database: Database) -> None:
    add_customers(database, [1])
    store = database.store()

    store.anonymize([task("c1")._replace(traceparent="00-ab")])

    [row] = database.rows(
        'SELECT service, command_id, customer_id, purpose, partition, "offset", rules_digest, outcome, traceparent, '
        "CAST(extract(epoch FROM committed_at) * 1000000 AS bigint) FROM lapse.lapse_ledger"
    )
    made = task("c1")
    digest = store.rules_digest
    assert row == ("crm", made.command_id, "c1", "marketing", 3, 7, digest, "DONE", "00-ab", made.committed_at)
    assert store.ledger([made.command_id, "other"])[made.command_id].rows == ROWS_OF_ONE


def test_second_run_changes_nothing(database: Database) -> None:
    add_customers(database, [1, 2])
    store = database.store()
    store.anonymize([task("c1"), task("c2")])
    before, ledger = database.snapshot(), database.ledger()

    again = store.anonymize([task("c1"), task("c2")])

    assert [answer.outcome for answer in again] == ["ALREADY_DONE", "ALREADY_DONE"]
    assert (database.snapshot(), database.ledger()) == (before, ledger)


def test_rows_that_came_after_the_ledger_row_are_late_and_untouched(database: Database) -> None:
    add_customers(database, [1])
    store = database.store()
    store.anonymize([task("c1")])
    database.run("INSERT INTO crm.customers (id, customer_id, personal_number) VALUES (99, 'c1', '198001011234')")
    before = database.snapshot()

    assert store.unflagged(["c1", "c2"]) == {"c1"}
    assert [answer.outcome for answer in store.anonymize([task("c1")])] == ["LATE"]
    assert database.snapshot() == before


def test_new_command_takes_rows_an_older_command_left(database: Database) -> None:
    add_customers(database, [1])
    store = database.store()
    store.anonymize([task("c1")])
    database.run("INSERT INTO crm.customers (id, customer_id, personal_number) VALUES (99, 'c1', '198001011234')")

    answers = store.anonymize([task("c1"), task("c1", "new")])

    assert [answer.outcome for answer in answers] == ["ALREADY_DONE", "DONE"]
    assert store.unflagged(["c1"]) == frozenset()


def test_absent_customer_is_nothing_found_and_recorded(database: Database) -> None:
    store = database.store()

    assert store.anonymize([task("gone")])[0].outcome == "NOTHING_FOUND"
    assert store.anonymize([task("gone")])[0].outcome == "ALREADY_DONE"


def test_same_customer_twice_in_a_batch_is_rewritten_once(database: Database) -> None:
    add_customers(database, [1])

    answers = database.store().anonymize([task("c1", "first"), task("c1", "second")])

    assert [answer.outcome for answer in answers] == ["DONE", "NOTHING_FOUND"]


def test_empty_batch_does_nothing(database: Database) -> None:
    assert database.store().anonymize([]) == []


def test_count_says_what_a_run_would_change_and_changes_nothing(database: Database) -> None:
    add_customers(database, [1, 2])
    store, before = database.store(), database.snapshot()

    assert store.count(["c1", "gone"]) == {"c1": ROWS_OF_ONE}
    assert database.snapshot() == before


def test_customer_column_is_masked_last(database: Database) -> None:
    add_customers(database, [1])
    store = database.store(RULES.replace("phone: set_null", "phone: set_null\n      customer_id: unique_token"))

    assert store.preflight() == []
    assert store.anonymize([task("c1")])[0].rows == ROWS_OF_ONE
    assert UUID(database.rows("SELECT customer_id FROM crm.customers")[0][0])
    assert store.anonymize([task("c1")])[0].outcome == "ALREADY_DONE"


def test_children_are_found_before_the_columns_that_join_them_change(database: Database) -> None:
    add_customers(database, [1, 2])
    database.run("""
    CREATE TABLE crm.visits (who text, page text); CREATE INDEX ON crm.visits (who);
    CREATE TABLE crm.clicks (page text, link text); CREATE INDEX ON crm.clicks (page);
    CREATE UNIQUE INDEX ON crm.visits (page);
    INSERT INTO crm.visits VALUES ('c1', 'CANARY1'), ('c2', 'CANARY2');
    INSERT INTO crm.clicks VALUES ('CANARY1', 'CANARY1'), ('CANARY2', 'CANARY2')""")
    text = RULES.replace("phone: set_null", "phone: set_null\n      customer_id: unique_token").replace(
        "ignore:",
        "  visits: {parent: customers, join: {who: customer_id}, mask: {page: set_null, who: set_null}}\n"
        "  clicks: {parent: visits, join: {page: page}, mask: {link: set_null, page: set_null}}\nignore:",
    )
    store = database.store(text)

    assert store.preflight() == []
    assert store.anonymize([task("c1")])[0].rows == ROWS_OF_ONE | {"visits": 1, "clicks": 1}
    assert set(database.rows("SELECT * FROM crm.visits")) == {(None, None), ("c2", "CANARY2")}
    assert set(database.rows("SELECT * FROM crm.clicks")) == {(None, None), ("CANARY2", "CANARY2")}


def test_without_flag_the_ledger_alone_decides(database: Database) -> None:
    add_customers(database, [1])
    text = RULES.replace("    flag: anonymized\n", "").replace("[segment]", "[segment, anonymized]")
    store = database.store(text)

    assert store.preflight() == []
    outcomes = [store.anonymize([task("c1")])[0].outcome for _ in range(2)]
    assert outcomes == ["DONE", "ALREADY_DONE"]
    assert store.unflagged(["c1"]) == frozenset()


def test_without_ledger_the_flag_alone_decides(database: Database) -> None:
    add_customers(database, [1])
    store = database.store(RULES.replace("{schema: lapse}", "none"))

    assert store.preflight() == []
    assert [store.anonymize([task("c1")])[0].outcome for _ in range(2)] == ["DONE", "NOTHING_FOUND"]
    assert store.ledger([task("c1").command_id]) == {}


def test_two_services_share_a_ledger_without_taking_each_others_rows(database: Database) -> None:
    add_customers(database, [1])
    database.store().anonymize([task("c1")])
    database.run("ALTER TABLE crm.customers ADD COLUMN other_flag boolean NOT NULL DEFAULT false")
    other = RULES.replace("service: crm", "service: shop").replace("flag: anonymized", "flag: other_flag")
    other = other.replace("[segment]", "[segment, anonymized]")

    assert database.store(other).anonymize([task("c1")])[0].outcome == "DONE"
    assert len(database.ledger()) == 2


@pytest.mark.parametrize(
    ("column", "kind", "found", "not_found"),
    [
        ("integer", "integer", "42", ["007", "c42", "99999999999", "99999999999999999999", "-0", ""]),
        ("uuid", "uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", ["42", "{a0eebc99}", "é"]),
        ("varchar(20)", "text", "x:y%z'\"\\", ["a\0b", "\ud800"]),
        ("char(20)", "text", "padded", ["pad"]),
    ],
)
def test_ids_that_do_not_convert_find_nothing(
    database: Database, column: str, kind: str, found: str, not_found: list[str]
) -> None:
    literal = found.replace("'", "''")
    database.run(f"""
    CREATE TABLE crm.people (id {column} PRIMARY KEY, name text, done boolean NOT NULL DEFAULT false);
    INSERT INTO crm.people VALUES ('{literal}', 'CANARY')""")
    head = RULES[: RULES.index("customer:")]
    store = database.store(
        f"{head}customer: {{type: {kind}}}\nledger: {{schema: lapse}}\n"
        "tables: {people: {key: [id], flag: done, mask: {name: set_null}}}\n"
    )

    assert store.preflight() == []
    answers = store.anonymize([task(spelled, f"n{n}") for n, spelled in enumerate(not_found)])
    assert {answer.outcome for answer in answers} == {"NOTHING_FOUND"}
    assert store.anonymize([task(found)])[0].outcome == "DONE"


def test_ledger_ddl_can_be_repeated(database: Database) -> None:
    ddl = ledger_ddl(database.rules())
    database.run(ddl)
    database.run(ddl)


def test_odd_names_are_quoted(database: Database) -> None:
    database.run("""
    CREATE TABLE crm."Select :x %s" ("Key:1" int, "user" text, "full 'name'%" text, "done" boolean,
                                     PRIMARY KEY ("Key:1", "user"));
    INSERT INTO crm."Select :x %s" VALUES (1, 'c1', 'CANARY', NULL);
    CREATE INDEX ON crm."Select :x %s" ("user")""")
    head = RULES[: RULES.index("customer:")]
    store = database.store(
        head + "customer: {type: text, column: user}\nledger: {schema: lapse}\n"
        'tables: {"Select :x %s": {key: ["Key:1", user], flag: done, mask: {"full \'name\'%": {static: "a:b%c"}}}}\n'
    )

    assert store.preflight() == []
    assert store.anonymize([task("c1")])[0].outcome == "DONE"
    assert database.rows('SELECT "full \'name\'%" FROM crm."Select :x %s"') == [("a:b%c",)]
