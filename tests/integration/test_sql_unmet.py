"""Data that came back into anonymized rows: found by the value alone, on every database."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from consumers.stores import Rules, SqlStore
from consumers.stores.sql.dialects import engine_for
from tests.support.other_databases import RULES as OTHER_RULES
from tests.support.other_databases import OtherDatabase, new_mariadb, new_other
from tests.support.other_databases import add_customers as add_others
from tests.support.sql_store import RULES, Database, PostgresServer, add_customers, new_database, task

pytestmark = pytest.mark.integration
CUSTOMERS = ["c1", "c2", "c3"]


class Crm:
    """The customers of one kind of database."""

    def __init__(self, database: Database | OtherDatabase) -> None:
        self.database = database
        self.on_postgres = isinstance(database, Database)
        self.rules = RULES if self.on_postgres else OTHER_RULES

    def add(self, *numbers: int) -> None:
        if isinstance(self.database, Database):
            add_customers(self.database, numbers)
        else:
            add_others(self.database, numbers)

    def run(self, sql: str) -> None:
        self.database.run(sql.replace("{}", "crm." if self.on_postgres else ""))

    def anonymized(self, *numbers: int, rules: str | None = None) -> SqlStore:
        """A store in which these customers are anonymized."""
        self.add(*numbers)
        store = self.database.store(rules or self.rules)
        assert store.preflight() == []
        assert {each.outcome for each in store.anonymize([task(f"c{number}") for number in numbers])} == {"DONE"}
        return store


@pytest.fixture(params=["postgres", "mariadb", "sqlite"])
def crm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Crm]:
    if request.param == "postgres":
        with new_database(request.getfixturevalue("postgres"), tmp_path) as database:
            yield Crm(database)
    else:
        with new_other(request, tmp_path) as other:
            yield Crm(other)


BACK = {
    "customers.personal_number": "UPDATE {}customers SET personal_number = '198005171234' WHERE id = 2",
    "customers.email": "UPDATE {}customers SET email = 'anna@example.com' WHERE id = 2",
    "customers.phone": "UPDATE {}customers SET phone = '' WHERE id = 2",
    "customers.birth_date": "UPDATE {}customers SET birth_date = '1980-05-17' WHERE id = 2",
    "customers.balance": "UPDATE {}customers SET balance = 17 WHERE id = 2",
    "customers.status": "UPDATE {}customers SET status = NULL WHERE id = 2",
    "orders.address": "UPDATE {}orders SET address = 'Storgatan 1' WHERE customer = 2",
    "order_lines.remark": "UPDATE {}order_lines SET remark = 'for Anna' WHERE id = 202",
    "notes.rows": "INSERT INTO {}notes (customer, body) VALUES (2, 'called Anna')",
}


@pytest.mark.parametrize("place", BACK)
def test_what_came_back_into_a_flagged_row_is_told_by_its_place(crm: Crm, place: str) -> None:
    store = crm.anonymized(1, 2, 3)
    assert store.unmet(CUSTOMERS) == {}
    crm.run(BACK[place])
    assert store.unmet([*CUSTOMERS, "absent"]) == {"c2": {place: 1}}
    assert store.unflagged(CUSTOMERS) == frozenset()


def test_rows_are_counted_once_by_place_and_customer(crm: Crm) -> None:
    store = crm.anonymized(1, 2, 3)
    crm.run(BACK["customers.email"])
    crm.run("UPDATE {}order_lines SET remark = 'for Anna' WHERE order_id IN (20, 30)")
    assert store.unmet(CUSTOMERS) == {
        "c2": {"customers.email": 1, "order_lines.remark": 2},
        "c3": {"order_lines.remark": 2},
    }


def test_rows_that_are_not_anonymized_are_another_matter(crm: Crm) -> None:
    store = crm.anonymized(1)
    crm.add(2)
    assert store.unmet(["c1", "c2"]) == {}
    assert store.unflagged(["c1", "c2"]) == {"c2"}


def test_without_a_flag_the_cells_alone_tell(crm: Crm) -> None:
    rules = crm.rules.replace("    flag: anonymized\n", "").replace("[segment]", "[segment, anonymized]")
    assert rules != crm.rules
    store = crm.anonymized(1, 2, rules=rules)
    assert store.unmet(["c1", "c2"]) == {}
    crm.run(BACK["customers.email"])
    crm.run(BACK["notes.rows"])
    assert store.unmet(["c1", "c2"]) == {"c2": {"customers.email": 1, "notes.rows": 1}}
    store.reopen(["c2"])
    assert [each.outcome for each in store.anonymize([task("c2", "another")])] == ["DONE"]
    assert store.unmet(["c1", "c2"]) == {}


def test_what_is_reopened_is_taken_by_the_next_command_and_nothing_else_changes(crm: Crm) -> None:
    store = crm.anonymized(1, 2, 3)
    crm.run(BACK["orders.address"])
    before = crm.database.snapshot()
    store.reopen(["c2", "absent"])
    assert store.unflagged(CUSTOMERS) == {"c2"}
    crm.run("UPDATE {}customers SET anonymized = true WHERE id = 2")
    assert {**crm.database.snapshot(), "customers": before["customers"]} == before
    store.reopen(["c2"])
    assert [each.outcome for each in store.anonymize([task("c2", "another")])] == ["DONE"]
    assert store.unmet(CUSTOMERS) == {}
    after = crm.database.snapshot()["customers"]
    assert [after[index] for index in (0, 2)] == [before["customers"][index] for index in (0, 2)]


def test_what_the_database_sets_with_every_change_stays_when_a_row_is_reopened(mariadb: str, tmp_path: Path) -> None:
    with new_mariadb(mariadb, tmp_path) as database:
        store = Crm(database).anonymized(1)
        before = database.rows("SELECT changed FROM customers")
        store.reopen(["c1"])
        assert database.rows("SELECT anonymized, changed FROM customers") == [(0, *before[0])]


def test_a_sweep_takes_one_statement_a_table_however_many_customers(crm: Crm) -> None:
    crm.anonymized(*range(1, 40))
    seen: list[str] = []

    def connect(rules: Rules) -> Engine:
        engine = engine_for(rules)
        event.listen(engine, "before_cursor_execute", lambda *call: seen.append(str(call[2])))
        return engine

    store = crm.database.opened(SqlStore(crm.database.rules(crm.rules), connect))
    store.unmet(["c1"])
    seen.clear()
    assert store.unmet([f"c{number}" for number in range(1, 40)]) == {}
    assert len([each for each in seen if "SELECT" in each]) == 4


def test_a_document_the_database_cannot_judge_is_told_of_that_customer_alone(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    document = "profile: {json: {remove: [$.name.first], other_paths: refuse}}"
    with new_database(postgres, tmp_path) as database:
        database.run("ALTER TABLE crm.customers ADD COLUMN profile jsonb")
        store = Crm(database).anonymized(1, 2, 3, rules=RULES.replace("phone:", f"{document}\n      phone:"))
        database.run("""UPDATE crm.customers SET profile = '{"name": {"first": "Anna"}}' WHERE id = 1""")
        database.run("""UPDATE crm.customers SET profile = '{"town": "Lund"}' WHERE id = 2""")
        assert store.unmet(CUSTOMERS) == {"c1": {"customers.profile": 1}, "c2": {"customers.profile.other_paths": 1}}
        database.run("""UPDATE crm.customers SET profile = '"Anna"' WHERE id = 2""")
        assert store.unmet(CUSTOMERS) == {"c1": {"customers.profile": 1}, "c2": {"unreadable (22023)": 1}}
