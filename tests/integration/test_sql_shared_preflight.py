"""Pre-flight of shared rows, on all three databases: what could not be told for certain, and its repair."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.domain.work import Finding
from tests.integration.test_sql_shared import RULES, SCHEMA
from tests.support.sql_store import Database
from tests.support.three_databases import BACKENDS, AnyDatabase, new_any, store_of

pytestmark = pytest.mark.integration
PLAIN = RULES.replace("    shared: keep\n", "")


@pytest.fixture(params=BACKENDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyDatabase]:
    with new_any(request, tmp_path, SCHEMA) as made:
        yield made


@pytest.fixture(params=["postgres"])
def postgres_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with new_any(request, tmp_path, SCHEMA) as made:
        assert isinstance(made, Database)
        yield made


def found(database: AnyDatabase, text: str) -> list[Finding]:
    return store_of(database, text).preflight()


def places(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(each.code, each.place) for each in findings]


def test_shared_rows_nobody_spoke_of_are_refused_with_what_to_write(database: AnyDatabase) -> None:
    [only] = found(database, PLAIN)

    assert (only.code, only.place) == ("shared_rows", "tables.addresses.join")
    assert "shared: keep" in only.repair
    assert found(database, RULES) == []


def test_a_row_that_another_table_refers_to_is_not_one_customers(database: AnyDatabase) -> None:
    database.run("CREATE UNIQUE INDEX alone ON customers (address_id)")

    [only] = found(database, PLAIN)

    assert (only.code, only.place) == ("shared_rows", "tables.addresses.join")
    assert "refers to them too" in only.message
    assert found(database, RULES) == []


def test_every_reference_needs_an_index(database: AnyDatabase) -> None:
    if not isinstance(database, Database) and not database.is_sqlite:
        database.run("ALTER TABLE customers DROP FOREIGN KEY customers_ibfk_1")  # which keeps its index
        database.run("ALTER TABLE employees DROP FOREIGN KEY employees_ibfk_1")
    on = "" if isinstance(database, Database) or database.is_sqlite else " ON {}"
    database.run("DROP INDEX customers_by_address" + on.format("customers"))
    database.run("DROP INDEX employees_by_address" + on.format("employees"))

    missing = [each for each in found(database, RULES) if each.code == "missing_index"]

    tables = ["customers", "employees"] if not on else ["customers"]  # MariaDB: no key, no reference
    assert [(each.place, table in each.message) for each, table in zip(missing, tables, strict=True)] == [
        ("tables.addresses", True)
    ] * len(tables)
    for each in missing:
        database.run(each.ddl.replace("CONCURRENTLY ", ""))
    assert "missing_index" not in {each.code for each in found(database, RULES)}


def test_without_a_foreign_key_nothing_keeps_a_new_reference_away(database: AnyDatabase) -> None:
    text = RULES.replace("{id: address_id}", "{id: home}")
    database.run("ALTER TABLE customers ADD COLUMN home bigint")
    database.run("CREATE INDEX customers_by_home ON customers (home)")
    text = text.replace("mask: {phone: set_null}", "mask: {phone: set_null, address_id: set_null}")

    [only] = found(database, text)

    assert (only.code, only.place) == ("shared_reference", "tables.addresses.shared")
    if isinstance(database, Database) or not database.is_sqlite:
        database.run(only.repair)
        assert found(database, text) == []


def test_a_key_that_is_checked_late_keeps_no_reference_away(postgres_database: Database) -> None:
    database = postgres_database
    database.run("ALTER TABLE employees ALTER CONSTRAINT employees_address_id_fkey DEFERRABLE")

    [only] = found(database, RULES)

    assert (only.code, only.place) == ("shared_reference", "tables.addresses.shared")
    database.run(only.repair)
    assert found(database, RULES) == []
