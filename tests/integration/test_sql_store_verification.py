"""DONE means verified: what a trigger, or anybody, makes of a change is seen before it is committed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.stores import SqlStore
from tests.support.sql_store import RULES, Database, PostgresServer, add_customers, new_database, task, unnoticed

pytestmark = pytest.mark.integration
ROWS_OF_ONE = 5
FRESH_ADDRESS = "0123456789abcdef0123456789abcdef@anonymized.invalid"


@pytest.fixture
def database(postgres: PostgresServer, tmp_path: Path) -> Iterator[Database]:
    with new_database(postgres, tmp_path) as made:
        yield made


def trigger(when: str, table: str, body: str, answer: str = "NEW") -> str:
    """A trigger that was added while the service runs: pre-flight has not seen it."""
    return f"""
        CREATE FUNCTION crm.meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN {answer}; END $$;
        CREATE TRIGGER meddle {when} ON crm.{table} FOR EACH ROW EXECUTE FUNCTION crm.meddle();
    """


MEDDLING = {
    "a mask undone": (
        trigger("BEFORE UPDATE", "customers", "IF OLD.id = 2 THEN NEW.status := OLD.status; END IF;"),
        "customers.status",
    ),
    "an old value copied to a kept column": (
        trigger("BEFORE UPDATE", "customers", "IF OLD.id = 2 THEN NEW.segment := OLD.phone; END IF;"),
        "customers.*",
    ),
    "a row changed once more": (
        trigger(
            "AFTER UPDATE",
            "customers",
            "IF OLD.id = 2 AND NEW.phone IS NULL THEN UPDATE crm.customers SET phone = OLD.phone WHERE id = 2; END IF;",
        ),
        "customers.row",
    ),
    "a child put back when its parent is changed": (
        trigger(
            "AFTER UPDATE", "customers", "UPDATE crm.orders SET address = 'CANARY' WHERE customer = 2 AND OLD.id = 2;"
        ),
        "orders.row",
    ),
    "a row that is not deleted": (
        trigger("BEFORE DELETE", "notes", "IF OLD.customer = 2 THEN RETURN NULL; END IF;", "OLD"),
        "notes.rows",
    ),
    "a row left as it was": (
        trigger("BEFORE UPDATE", "orders", "IF OLD.customer = 2 THEN RETURN NULL; END IF;"),
        "orders.row",
    ),
    "a root row left as it was": (
        trigger("BEFORE UPDATE", "customers", "IF OLD.id = 2 THEN RETURN NULL; END IF;"),
        "customers.row",
    ),
    "a fresh value that is the old one": (
        trigger("BEFORE UPDATE", "customers", "IF OLD.id = 2 THEN NEW.email := OLD.email; END IF;"),
        "customers.email",
    ),
    "a token that is not fresh": (
        trigger("BEFORE UPDATE", "customers", "IF OLD.id = 2 THEN NEW.token := OLD.token; END IF;"),
        "customers.token",
    ),
    "a flag that is not set": (
        trigger("BEFORE UPDATE", "customers", "IF OLD.id = 2 THEN NEW.anonymized := false; END IF;"),
        "customers.anonymized",
    ),
}


@pytest.mark.parametrize(("meddling", "place"), MEDDLING.values(), ids=MEDDLING)
def test_what_is_not_as_the_rules_say_is_rolled_back_and_named(database: Database, meddling: str, place: str) -> None:
    add_customers(database, [1, 2, 3])
    database.run(f"UPDATE crm.customers SET email = '{FRESH_ADDRESS}', token = gen_random_uuid() WHERE id = 2")
    store = database.store()
    assert store.preflight() == []
    database.run(meddling)
    unnoticed(store)
    before = database.snapshot()

    answers = store.anonymize([task("c1"), task("c2"), task("c3")])

    assert [answer.outcome for answer in answers] == ["DONE", "FAILED", "DONE"]
    assert answers[1].error_code == f"not_verified:{place}"
    after = database.snapshot()
    assert (
        sum(row in before[table] for table, rows in after.items() for row in rows) == len(before["customers"]) // 3 * 5
    )
    assert [command for command, *_ in database.ledger()] == sorted(task(name).command_id for name in ("c1", "c3"))


def test_a_role_that_may_make_no_temporary_tables_is_refused_with_the_repair(database: Database) -> None:
    database.run(f"REVOKE TEMPORARY ON DATABASE {database.name} FROM PUBLIC")
    database.run("CREATE ROLE plain LOGIN PASSWORD 'plain'; GRANT USAGE ON SCHEMA crm TO plain")
    try:
        store = database.opened(SqlStore(database.rules(RULES, CRM_URL=database.url_as("plain"))))
        found = [finding for finding in store.preflight() if finding.code == "temporary"]
        assert [finding.repair for finding in found] == [f"GRANT TEMPORARY ON DATABASE {database.name} TO plain;"]
    finally:
        database.run("REVOKE USAGE ON SCHEMA crm FROM plain; DROP ROLE plain")


def test_a_column_added_while_the_service_runs_is_verified_too(database: Database) -> None:
    add_customers(database, [1, 2])
    store = database.store()
    assert store.preflight() == []
    assert store.anonymize([task("c1")])[0].outcome == "DONE"
    database.run("ALTER TABLE crm.customers ADD COLUMN nickname text DEFAULT 'Nick'")
    kept = RULES.replace("[segment]", "[segment, nickname]")
    again = database.store(kept)
    assert again.preflight() == []
    assert again.anonymize([task("c2")])[0].outcome == "DONE"


def test_nothing_of_the_old_values_is_left_in_the_session(database: Database) -> None:
    add_customers(database, [1])
    store = database.store()
    assert store.anonymize([task("c1")])[0].outcome == "DONE"
    with store._engine.connect() as connection:
        tables = connection.exec_driver_sql("SELECT relname FROM pg_class WHERE relname LIKE 'lapse_changed%%'").all()
        assert len(tables) == 3
        for (name,) in tables:
            assert connection.exec_driver_sql(f"SELECT count(*) FROM pg_temp.{name}").scalar_one() == 0
