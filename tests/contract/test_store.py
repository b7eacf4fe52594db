"""What every store promises, in memory as on a real database."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from consumers.adapters.memory.store import MemoryRow, MemoryStore
from consumers.ports import Store
from tests.support.other_databases import RULES as OTHER_RULES
from tests.support.other_databases import OtherDatabase, new_other
from tests.support.other_databases import add_customers as add_others
from tests.support.s3_store import Archive, new_archive
from tests.support.sql_store import RULES, Database, add_customers, new_database, task

GUARDED = RULES.replace(
    "ledger:", "guard: SELECT borrower FROM crm.loans WHERE borrower IN :customers\nledger:"
).replace("[countries]", "[countries, loans]")

OTHER_GUARDED = OTHER_RULES.replace(
    "ledger:", "guard: SELECT borrower FROM loans WHERE borrower IN :customers\nledger:"
).replace("[countries]", "[countries, loans]")


class Filled(Protocol):
    """A store with the customers c1 to c3."""

    store: Store

    def is_anonymized(self, customer: str) -> bool:
        """By the database itself, not by the store."""

    def bring_back(self, customer: str) -> None:
        """Personal data of the customer appears again, unflagged."""


class Guardable(Filled, Protocol):
    """One that may have a guard."""

    def guarded(self, *active: str) -> Store:
        """The same store with a guard, which lists these."""


class InMemory:
    def __init__(self) -> None:
        self._made = MemoryStore()
        self._made.rows = {f"c{number}": MemoryRow(f"name {number}") for number in (1, 2, 3)}
        self.store: Store = self._made

    def is_anonymized(self, customer: str) -> bool:
        return self._made.rows[customer] == MemoryRow("anonymized", anonymized=True)

    def bring_back(self, customer: str) -> None:
        self._made.rows[customer] = MemoryRow("came back")

    def guarded(self, *active: str) -> Store:
        self._made.active = set(active)
        return self.store


class OnPostgres:
    def __init__(self, database: Database) -> None:
        self._database = database
        self.store: Store = database.store()
        add_customers(database, [1, 2, 3])

    def is_anonymized(self, customer: str) -> bool:
        rows = self._database.rows(f"SELECT anonymized, email FROM crm.customers WHERE customer_id = '{customer}'")
        return all(flag and "CANARY" not in email for flag, email in rows)

    def bring_back(self, customer: str) -> None:
        self._database.run(
            f"UPDATE crm.customers SET anonymized = false, email = 'CANARY-again' WHERE customer_id = '{customer}'"
        )

    def guarded(self, *active: str) -> Store:
        self._database.run("CREATE TABLE crm.loans (borrower text PRIMARY KEY)")
        for each in active:
            self._database.run(f"INSERT INTO crm.loans VALUES ('{each}')")
        return self._database.store(GUARDED)


class OnOther:
    """MariaDB and SQLite."""

    def __init__(self, database: OtherDatabase) -> None:
        self._database = database
        self.store: Store = database.store()
        add_others(database, [1, 2, 3])

    def is_anonymized(self, customer: str) -> bool:
        rows = self._database.rows(f"SELECT anonymized, email FROM customers WHERE customer_id = '{customer}'")
        return all(flag and "CANARY" not in email for flag, email in rows)

    def bring_back(self, customer: str) -> None:
        self._database.run(
            f"UPDATE customers SET anonymized = false, email = 'CANARY-again' WHERE customer_id = '{customer}'"
        )

    def guarded(self, *active: str) -> Store:
        self._database.run("CREATE TABLE loans (borrower varchar(64) PRIMARY KEY)")
        for each in active:
            self._database.run(f"INSERT INTO loans VALUES ('{each}')")
        return self._database.store(OTHER_GUARDED)


class OnS3:
    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self.store: Store = archive.store()
        for number in (1, 2, 3):
            archive.put(f"customers/c{number}/letter", times=2)

    def is_anonymized(self, customer: str) -> bool:
        return not self._archive.versions(f"customers/{customer}/")

    def bring_back(self, customer: str) -> None:
        self._archive.put(f"customers/{customer}/again")


WITH_GUARDS = [
    "memory",
    *(pytest.param(each, marks=pytest.mark.integration) for each in ("postgres", "mariadb", "sqlite")),
]


@pytest.fixture(params=[*WITH_GUARDS, pytest.param("s3", marks=pytest.mark.integration)])
def filled(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Filled]:
    if request.param == "s3":
        with new_archive(request.getfixturevalue("s3"), tmp_path) as archive:
            yield OnS3(archive)
        return
    with _guardable(request, tmp_path) as made:
        yield made


@pytest.fixture(params=WITH_GUARDS)
def guardable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Guardable]:
    with _guardable(request, tmp_path) as made:
        yield made


@contextmanager
def _guardable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Guardable]:
    if request.param == "memory":
        yield InMemory()
        return
    if request.param != "postgres":
        with new_other(request, tmp_path) as other:
            yield OnOther(other)
        return
    with new_database(request.getfixturevalue("postgres"), tmp_path) as database:
        yield OnPostgres(database)


def outcomes(filled: Filled, *customers: str) -> list[str]:
    return [carried.outcome for carried in filled.store.anonymize([task(customer) for customer in customers])]


def test_store_is_safe_to_run_before_anything(filled: Filled) -> None:
    assert filled.store.preflight() == []
    assert filled.store.unflagged(["c1", "absent"]) == {"c1"}


def test_store_anonymizes_those_it_is_asked_to_and_no_other(filled: Filled) -> None:
    assert outcomes(filled, "c2", "c1") == ["DONE", "DONE"]
    assert filled.is_anonymized("c1")
    assert filled.is_anonymized("c2")
    assert not filled.is_anonymized("c3")
    assert filled.store.unflagged(["c1", "c2", "c3"]) == {"c3"}


def test_store_takes_an_absent_customer_for_success(filled: Filled) -> None:
    assert outcomes(filled, "absent", "c1") == ["NOTHING_FOUND", "DONE"]


def test_store_changes_nothing_the_second_time(filled: Filled) -> None:
    outcomes(filled, "c1")
    assert outcomes(filled, "c1", "c2") == ["ALREADY_DONE", "DONE"]
    assert filled.store.ledger([task("c1").command_id, task("c3").command_id]).keys() == {task("c1").command_id}


def test_store_leaves_what_came_back_to_a_command_it_has_carried_out(filled: Filled) -> None:
    outcomes(filled, "c1")
    filled.bring_back("c1")
    assert outcomes(filled, "c1") == ["LATE"]
    assert not filled.is_anonymized("c1")


def test_store_erases_what_came_back_for_another_command(filled: Filled) -> None:
    outcomes(filled, "c1")
    filled.bring_back("c1")
    [carried] = filled.store.anonymize([task("c1", "11111111-1111-5111-8111-111111111111")])
    assert carried.outcome == "DONE"
    assert filled.is_anonymized("c1")


def test_store_counts_without_changing(filled: Filled) -> None:
    counted = filled.store.count(["c1", "absent"])
    assert counted.keys() == {"c1"}
    assert sum(counted["c1"].values()) >= 1
    assert not filled.is_anonymized("c1")


def test_store_without_a_guard_neither_votes_nor_objects(filled: Filled) -> None:
    assert not filled.store.votes
    assert filled.store.guard(["c1", "c2"]) == {}


def test_store_with_a_guard_objects_to_the_active_and_touches_nobody(guardable: Guardable) -> None:
    store = guardable.guarded("c1", "c9")
    assert store.votes
    assert store.preflight() == []
    assert store.guard(["c1", "c2", "absent"]) == {"c1": "active"}
    assert store.guard([]) == {}
    assert store.unflagged(["c1", "c2"]) == {"c1", "c2"}
