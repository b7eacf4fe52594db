"""`lapse rules ddl`: run statement by statement, its migration is all the rules need; run again it changes nothing."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.command_line import Answer, refused, run
from tests.support.psql import statements
from tests.support.sql_preflight import preflight
from tests.support.sql_store import RULES, Database, PostgresServer, new_database, task

pytestmark = pytest.mark.integration

BARE = """
CREATE SCHEMA crm;
CREATE TABLE crm.customers (
    id bigint PRIMARY KEY, customer_id text NOT NULL, personal_number varchar(12) NOT NULL UNIQUE,
    email varchar(80) UNIQUE, phone text, birth_date date, balance numeric(10, 2), status text, segment text);
CREATE TABLE crm.orders (id bigint PRIMARY KEY, customer bigint NOT NULL REFERENCES crm.customers, address text);
CREATE TABLE crm.order_lines (id bigint PRIMARY KEY, order_id bigint REFERENCES crm.orders, remark text);
CREATE TABLE crm.notes (customer bigint REFERENCES crm.customers, body text);
CREATE TABLE crm.countries (code text PRIMARY KEY);
"""
NEW_INDEX = "customers_personal_number_token_lapse"
NOTHING = "-- crm: nothing to add\n"


@pytest.fixture
def database(postgres: PostgresServer, tmp_path: Path) -> Iterator[Database]:
    with new_database(postgres, tmp_path, BARE) as made:
        yield made


def ddl(database: Database, folder: Path, text: str = RULES, *others: str) -> str:
    answer = asked(database, folder, text, *others)
    assert answer.code == 0, answer.err
    return answer.out


def asked(database: Database, folder: Path, text: str = RULES, *others: str) -> Answer:
    file = folder / "crm.yaml"
    file.write_text(text.replace("${CRM_URL}", database.url), encoding="utf-8")
    return run("rules", "ddl", str(file), *others)


def carry_on(database: Database, sql: str) -> list[str]:
    """Run each statement by itself as psql does, on after one has failed; the SQLSTATEs of those."""
    failed = []
    for each in statements(sql):
        try:
            database.run(each)
        except psycopg.Error as error:
            failed.append(error.sqlstate or "")
    return failed


def shape(database: Database) -> list[tuple[object, ...]]:
    return database.rows("""
        SELECT schemaname, tablename, indexdef FROM pg_indexes WHERE schemaname IN ('crm', 'lapse')
        UNION ALL SELECT table_schema, table_name, column_name || data_type || is_nullable
        FROM information_schema.columns WHERE table_schema IN ('crm', 'lapse') ORDER BY 1, 2, 3""")


def test_rules_ddl_adds_all_that_is_lacking_and_a_second_run_nothing(database: Database, tmp_path: Path) -> None:
    found = {each.code for each in preflight(database, RULES)}
    assert found == {"missing_flag", "missing_token", "unique", "missing_index", "missing_ledger"}
    first = ddl(database, tmp_path)
    assert carry_on(database, first) == []
    assert preflight(database, RULES) == []
    made = shape(database)
    assert carry_on(database, first) == []
    assert shape(database) == made
    assert ddl(database, tmp_path) == NOTHING


def test_rules_ddl_runs_nothing_itself(database: Database, tmp_path: Path) -> None:
    before = shape(database)
    ddl(database, tmp_path)
    assert shape(database) == before


def test_after_rules_ddl_customers_are_anonymized_and_the_living_stay_unique(
    database: Database, tmp_path: Path
) -> None:
    carry_on(database, ddl(database, tmp_path))
    for number in (1, 2):
        database.run(
            f"INSERT INTO crm.customers (id, customer_id, personal_number) VALUES ({number}, 'c{number}', {number})"
        )
    outcomes = [each.outcome for each in database.store().anonymize([task("c1"), task("c2")])]
    assert outcomes == ["DONE", "DONE"]
    database.run("INSERT INTO crm.customers (id, customer_id, personal_number) VALUES (3, 'c3', '0')")
    with pytest.raises(psycopg.errors.UniqueViolation):
        database.run("INSERT INTO crm.customers (id, customer_id, personal_number) VALUES (4, 'c4', '0')")


def test_rules_ddl_keeps_the_old_constraint_while_the_new_index_is_not_built(
    database: Database, tmp_path: Path
) -> None:
    text = (
        RULES.replace("unique_with: [personal_number]", "unique_with: [phone]")
        .replace("personal_number: zeros", "personal_number: unique_token")
        .replace("phone: set_null", "phone: zeros")
    )
    database.run("ALTER TABLE crm.customers ADD UNIQUE (phone), ALTER personal_number TYPE text")
    for number in (1, 2):  # NULL twice: unique before, not under NULLS NOT DISTINCT
        database.run(
            f"INSERT INTO crm.customers (id, customer_id, personal_number) VALUES ({number}, 'c{number}', {number})"
        )
    assert carry_on(database, ddl(database, tmp_path, text)) == ["23505"]
    assert [each.code for each in preflight(database, text)] == ["token_unique", "unique"]
    database.run("UPDATE crm.customers SET phone = id")
    again = ddl(database, tmp_path, text)
    assert "DROP INDEX CONCURRENTLY IF EXISTS crm.customers_phone_token_lapse;" in again
    assert carry_on(database, again) == []
    assert preflight(database, text) == []


def test_rules_ddl_replaces_a_unique_index_that_is_no_constraint(database: Database, tmp_path: Path) -> None:
    database.run(
        "ALTER TABLE crm.customers DROP CONSTRAINT customers_personal_number_key;"
        "CREATE UNIQUE INDEX old ON crm.customers (personal_number)"
    )
    assert carry_on(database, ddl(database, tmp_path)) == []
    assert preflight(database, RULES) == []


def test_rules_ddl_leaves_a_constraint_that_is_referred_to(database: Database, tmp_path: Path) -> None:
    database.run("CREATE TABLE crm.cards (pn varchar(12) REFERENCES crm.customers (personal_number))")
    text = RULES.replace("[countries]", "[countries, cards]")
    told = ddl(database, tmp_path, text)
    assert "DROP CONSTRAINT" not in told
    assert "-- left to you: crm: tables.customers.mask.personal_number: foreign_key: " in told
    assert carry_on(database, told) == []


def test_rules_ddl_leaves_what_is_no_addition_to_a_person(database: Database, tmp_path: Path) -> None:
    database.run("ALTER TABLE crm.customers ALTER phone SET NOT NULL, ADD shoe_size int")
    told = ddl(database, tmp_path)
    assert "-- left to you: crm: tables.customers: unmapped_column: the column shoe_size" in told
    assert "-- ALTER TABLE crm.customers ALTER COLUMN phone DROP NOT NULL;" in told
    carry_on(database, told)
    assert {each.code for each in preflight(database, RULES)} == {"unmapped_column", "not_null"}


def test_rules_ddl_quotes_names_of_any_kind(database: Database, tmp_path: Path) -> None:
    odd = 'No"t; DROP TABLE crm.notes; --\n$lapse$'
    quoted = '"' + odd.replace('"', '""') + '"'
    in_yaml = '"' + odd.replace('"', '\\"').replace("\n", "\\n") + '"'
    database.run(
        f"ALTER TABLE crm.notes RENAME TO {quoted}; ALTER TABLE crm.customers RENAME personal_number TO {quoted};"
    )
    text = RULES.replace("  notes:", f"  {in_yaml}:").replace("personal_number", in_yaml)
    assert carry_on_whole(database, ddl(database, tmp_path, text)) == []
    assert preflight(database, text) == []


def test_rules_ddl_finds_names_for_indexes_of_a_table_whose_name_is_as_long_as_can_be(
    database: Database, tmp_path: Path
) -> None:
    longest = "orders".ljust(63, "s")
    database.run(f"ALTER TABLE crm.orders RENAME TO {longest}")
    text = RULES.replace("orders", longest)
    assert carry_on(database, ddl(database, tmp_path, text)) == []
    assert preflight(database, text) == []


def carry_on_whole(database: Database, sql: str) -> list[str]:
    """Parts are split by empty lines here: a name may hold what cuts statements."""
    failed = []
    for part in sql.split("\n\n"):
        try:
            database.run(part.replace("CONCURRENTLY ", ""))
        except psycopg.Error as error:
            failed.append(str(error))
    return failed


def test_rules_ddl_builds_indexes_of_partitioned_tables_too(database: Database, tmp_path: Path) -> None:
    database.run(
        "DROP TABLE crm.notes; CREATE TABLE crm.notes (customer bigint REFERENCES crm.customers, body text)"
        " PARTITION BY HASH (customer); CREATE TABLE crm.notes_0 PARTITION OF crm.notes"
        " FOR VALUES WITH (MODULUS 1, REMAINDER 0)"
    )
    told = ddl(database, tmp_path)
    assert "CREATE INDEX IF NOT EXISTS notes_customer_lapse ON crm.notes (customer);" in told
    assert carry_on(database, told) == []
    assert preflight(database, RULES) == []


def test_rules_ddl_of_two_services_says_what_they_share_once(database: Database, tmp_path: Path) -> None:
    other = tmp_path / "books.yaml"
    text = RULES.replace("${CRM_URL}", database.url).replace("service: crm", "service: books")
    other.write_text(text.replace("flag: anonymized", "flag: gone"), encoding="utf-8")
    told = ddl(database, tmp_path, RULES, str(other))
    assert told.count("CREATE SCHEMA IF NOT EXISTS lapse;") == 1
    assert "ADD COLUMN IF NOT EXISTS gone boolean" in told


def test_rules_ddl_of_two_databases_is_refused(database: Database, tmp_path: Path) -> None:
    other = tmp_path / "books.yaml"
    text = RULES.replace("${CRM_URL}", "postgresql://u:CANARY@db.example/books")
    other.write_text(text.replace("service: crm", "service: books"), encoding="utf-8")
    answer = asked(database, tmp_path, RULES, str(other))
    refused(answer, "crm, books are in several databases")
    assert "CANARY" not in answer.err


def test_rules_ddl_with_the_database_away_says_so(tmp_path: Path) -> None:
    file = tmp_path / "crm.yaml"
    file.write_text(RULES.replace("${CRM_URL}", "postgresql://u:CANARY@127.0.0.1:1/crm"), encoding="utf-8")
    answer = run("rules", "ddl", str(file))
    refused(answer, "error: the database is away", "store.url")
    assert "CANARY" not in answer.err
    assert answer.out == ""
