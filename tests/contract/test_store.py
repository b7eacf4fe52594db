"""Every store against the suite that third parties run over theirs, and what only some have."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.adapters.memory.store import MemoryRow, MemoryStore
from consumers.ports import Store
from consumers.stores.conformance import LedgeredStoreConformance, StoreConformance
from tests.support.conforming import InMemory, OnLetters, OnPostgres, OnS3
from tests.support.s3_store import new_archive
from tests.support.sql_store import RULES, Database, add_customers, new_database

GUARDED = RULES.replace(
    "ledger:", "guard: SELECT borrower FROM crm.loans WHERE borrower IN :customers\nledger:"
).replace("[countries]", "[countries, loans]")


class TestMemory(StoreConformance):
    @pytest.fixture
    def subject(self) -> InMemory:
        return InMemory()


@pytest.mark.integration
class TestPostgres(LedgeredStoreConformance):
    @pytest.fixture
    def subject(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OnPostgres]:
        with new_database(request.getfixturevalue("postgres"), tmp_path) as database:
            yield OnPostgres(database)


@pytest.mark.integration
class TestS3(LedgeredStoreConformance):
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


def guarded_on_postgres(database: Database) -> Store:
    add_customers(database, [1, 2])
    database.run("CREATE TABLE crm.loans (borrower text PRIMARY KEY)")
    database.run("INSERT INTO crm.loans VALUES ('c1'), ('c9')")
    return database.store(GUARDED)


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.integration)])
def guarded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "memory":
        yield guarded_in_memory()
        return
    with new_database(request.getfixturevalue("postgres"), tmp_path) as database:
        yield guarded_on_postgres(database)


def test_store_with_a_guard_objects_to_the_active_and_touches_nobody(guarded: Store) -> None:
    assert guarded.votes
    assert guarded.preflight() == []
    assert guarded.guard(["c1", "c2", "absent"]) == {"c1": "active"}
    assert guarded.guard([]) == {}
    assert guarded.unflagged(["c1", "c2"]) == {"c1", "c2"}
