"""Every store against the suite that third parties run over theirs, and what only some have."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.adapters.memory.store import MemoryRow, MemoryStore
from consumers.ports import Store
from consumers.stores.conformance import LedgeredStoreConformance, StoreConformance, SweptStoreConformance
from tests.support.conforming import InMemory, OnDatabase, OnLetters, OnS3, on_mariadb, on_postgres, on_sqlite
from tests.support.other_databases import RULES as OTHER_RULES
from tests.support.other_databases import OtherDatabase, new_mariadb, new_other, new_sqlite
from tests.support.other_databases import add_customers as add_others
from tests.support.s3_store import new_archive
from tests.support.sql_store import RULES, Database, add_customers, new_database


class TestMemory(StoreConformance):
    @pytest.fixture
    def subject(self) -> InMemory:
        return InMemory()


@pytest.mark.integration
class TestPostgres(SweptStoreConformance):
    @pytest.fixture
    def subject(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OnDatabase]:
        with new_database(request.getfixturevalue("postgres"), tmp_path) as database:
            yield on_postgres(database)


@pytest.mark.integration
class TestMariaDB(SweptStoreConformance):
    @pytest.fixture
    def subject(self, mariadb: str, tmp_path: Path) -> Iterator[OnDatabase]:
        with new_mariadb(mariadb, tmp_path) as database:
            yield on_mariadb(database)


class TestSQLite(SweptStoreConformance):
    @pytest.fixture
    def subject(self, tmp_path: Path) -> Iterator[OnDatabase]:
        with new_sqlite(tmp_path) as database:
            yield on_sqlite(database)


@pytest.mark.integration
class TestS3(SweptStoreConformance):
    @pytest.fixture
    def subject(self, s3: str, tmp_path: Path) -> Iterator[OnS3]:
        with new_archive(s3, tmp_path) as archive:
            yield OnS3(archive)


class TestThirdParty(LedgeredStoreConformance):
    @pytest.fixture
    def subject(self, tmp_path: Path) -> OnLetters:
        return OnLetters(tmp_path)


def guarded_in_memory() -> Store:
    store = MemoryStore()
    store.rows = {"c1": MemoryRow("one"), "c2": MemoryRow("two")}
    store.active = {"c1", "c9"}
    return store


def guarded_on(database: Database | OtherDatabase, rules: str) -> Store:
    schema = "crm." if isinstance(database, Database) else ""
    database.run(f"CREATE TABLE {schema}loans (borrower varchar(64) PRIMARY KEY)")
    database.run(f"INSERT INTO {schema}loans VALUES ('c1'), ('c9')")
    guard = f"guard: SELECT borrower FROM {schema}loans WHERE borrower IN :customers\nledger:"
    return database.store(rules.replace("ledger:", guard).replace("[countries]", "[countries, loans]"))


@pytest.fixture(
    params=[
        "memory",
        *(pytest.param(each, marks=pytest.mark.integration) for each in ("postgres", "mariadb", "sqlite")),
    ]
)
def guarded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "memory":
        yield guarded_in_memory()
    elif request.param == "postgres":
        with new_database(request.getfixturevalue("postgres"), tmp_path) as database:
            add_customers(database, [1, 2])
            yield guarded_on(database, RULES)
    else:
        with new_other(request, tmp_path) as other:
            add_others(other, [1, 2])
            yield guarded_on(other, OTHER_RULES)


def test_store_with_a_guard_objects_to_the_active_and_touches_nobody(guarded: Store) -> None:
    assert guarded.votes
    assert guarded.preflight() == []
    assert guarded.guard(["c1", "c2", "absent"]) == {"c1": "active"}
    assert guarded.guard([]) == {}
    assert guarded.unflagged(["c1", "c2"]) == {"c1", "c2"}
