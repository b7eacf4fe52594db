"""The guard against a real server: whom it names, what it may not do, and what becomes of one that cannot run."""

import traceback
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.domain.errors import PermanentError, TransientError
from consumers.stores import SqlStore
from tests.support.sql_store import RULES, Database, PostgresServer, new_database

pytestmark = pytest.mark.integration
LOANS = """
CREATE TABLE crm.loans (text_id text, number_id bigint, uuid_id uuid, code text);
CREATE INDEX ON crm.loans (text_id);
"""
IGNORED = ("[countries]", "[countries, loans]")
FIRST, SECOND = uuid.UUID(int=1), uuid.UUID(int=2)


@pytest.fixture
def database(postgres: PostgresServer, tmp_path: Path) -> Iterator[Database]:
    with new_database(postgres, tmp_path) as made:
        made.run(LOANS)
        made.run(f"INSERT INTO crm.loans VALUES ('c1', 1, '{FIRST}', '7'), ('c2', 2, '{SECOND}', 'seven')")
        yield made


def guarding(database: Database, sql: str, kind: str = "text") -> SqlStore:
    text = RULES.replace(*IGNORED).replace("type: text", f"type: {kind}")
    return database.store(text.replace("ledger:", f'guard: "{sql}"\nledger:'))


def test_guard_names_the_active_among_the_batch_and_nobody_else(database: Database) -> None:
    store = guarding(database, "SELECT text_id FROM crm.loans WHERE text_id IN :customers AND code LIKE '%7%'")
    assert store.votes
    assert store.preflight() == []
    assert store.guard(["c1", "c2", "c3"]) == {"c1": "active"}
    assert store.guard([]) == {}


@pytest.mark.parametrize(
    ("kind", "column", "spelled", "other"),
    [
        ("integer", "number_id", "1", "not-a-number"),
        ("integer", "CAST(number_id AS text)", "1", "007"),
        ("uuid", "uuid_id", str(FIRST), "no-uuid"),
        ("uuid", "upper(CAST(uuid_id AS text))", str(FIRST).upper(), "no-uuid"),
    ],
)
def test_guard_finds_ids_by_value_and_skips_those_of_another_type(
    database: Database, kind: str, column: str, spelled: str, other: str
) -> None:
    compared = {"integer": "number_id", "uuid": "uuid_id"}[kind]
    store = guarding(database, f"SELECT {column} FROM crm.loans WHERE {compared} IN :customers", kind)
    assert store.guard([spelled, other]) == {spelled: "active"}
    assert store.guard([other]) == {}


@pytest.mark.parametrize("column", ["code", "number_id", "NULL", "count(*)", "text_id || ' '"])
def test_guard_that_answers_with_anything_but_the_ids_asked_agrees_to_nobody(database: Database, column: str) -> None:
    store = guarding(database, f"SELECT {column} FROM crm.loans WHERE text_id IN :customers")
    with pytest.raises(PermanentError, match="not among the customers") as refused:
        store.guard(["c1", "c2"])
    assert refused.value.code == "guard"
    assert "seven" not in "".join(traceback.format_exception(refused.value))


def test_guard_that_fails_for_one_customer_names_only_him_by_code(database: Database) -> None:
    store = guarding(database, "SELECT text_id FROM crm.loans WHERE text_id IN :customers AND CAST(code AS int) = 7")
    assert store.guard(["c1", "c2", "c3"]) == {"c1": "active", "c2": "22P02"}


def test_guard_cannot_write_through_a_function(database: Database) -> None:
    database.run("""
    CREATE FUNCTION crm.forget(text) RETURNS text LANGUAGE sql AS 'DELETE FROM crm.loans RETURNING text_id';
    """)
    store = guarding(database, "SELECT crm.forget(text_id) FROM crm.loans WHERE text_id IN :customers")
    with pytest.raises(TransientError) as refused:
        store.guard(["c1"])
    assert refused.value.code == "25006"
    assert len(database.rows("SELECT FROM crm.loans")) == 2


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT id FROM crm.gone WHERE id IN :customers", "42P01"),
        ("SELECT gone FROM crm.loans WHERE gone IN :customers", "42703"),
        ("SELECT number_id FROM crm.loans WHERE number_id IN :customers", "42883"),
    ],
)
def test_preflight_refuses_a_guard_the_schema_cannot_run(database: Database, sql: str, code: str) -> None:
    store = guarding(database, sql)
    assert [(found.code, found.place) for found in store.preflight()] == [("guard", "guard")]
    assert code in store.preflight()[0].message


def test_preflight_refuses_a_guard_without_permission(database: Database) -> None:
    guard = 'guard: "SELECT usename FROM pg_catalog.pg_authid JOIN pg_user ON true WHERE rolname IN :customers"\n'
    role = f"reader_{uuid.uuid4().hex[:8]}"
    database.run(f"CREATE ROLE {role} LOGIN PASSWORD '{role}'")
    try:
        rules = database.rules(RULES.replace("ledger:", guard + "ledger:"), CRM_URL=database.url_as(role))
        found = database.opened(SqlStore(rules)).preflight()
        assert [each.message for each in found if each.place == "guard"] == ["the database cannot run it (42501)."]
    finally:
        database.close()
        database.run(f"DROP ROLE {role}")


def test_guard_changes_the_digest_of_the_rules(database: Database) -> None:
    with_one = guarding(database, "SELECT text_id FROM crm.loans WHERE text_id IN :customers")
    with_another = guarding(database, "SELECT text_id FROM crm.loans WHERE code IN :customers")
    without = database.store(RULES.replace(*IGNORED))
    assert len({with_one.rules_digest, with_another.rules_digest, without.rules_digest}) == 3
    assert not without.votes
