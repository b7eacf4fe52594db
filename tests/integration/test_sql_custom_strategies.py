"""Strategies of a package of somebody else, from the rules file to verified rows, on each of the three databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.domain.errors import PermanentError, TransientError
from consumers.stores import SqlStore
from consumers.stores.sql.preflight import customs
from tests.support.installed import BROKEN, GROUP, STRATEGIES, Installed
from tests.support.sql_store import Database, task
from tests.support.three_databases import BACKENDS, AnyDatabase, new_any, store_of

pytestmark = pytest.mark.integration
PEOPLE = """
CREATE TABLE people (
    id varchar(64) PRIMARY KEY, phone varchar(20) NOT NULL, "First ""{{x}}"" name" varchar(20), segment varchar(20),
    login varchar(20) UNIQUE, age integer, gone boolean NOT NULL DEFAULT false);
"""
KEPT = ("segment", "login", "age", '"First \\"{{x}}\\" name"')
PHONE = "phone: {fixed_length: {letters: 12}}"
NAME = '"First \\"{{x}}\\" name": {keeps_end: {accept_reversible: for the test}}'
VALUES = ("'12345678'", "'XXXXXXXXXXX'", "'xxxxxxxxxxxx'", "'XXXXXXXXXXXX '", "''")


@pytest.fixture(params=BACKENDS)
def people(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AnyDatabase]:
    site = Installed(tmp_path / "site", monkeypatch)
    site.add(GROUP, STRATEGIES)
    site.add(GROUP, BROKEN, package="bad-lapse")
    schema = {
        "postgres": PEOPLE,
        "mariadb": PEOPLE.replace('"First ""{{x}}"" name"', '`First "{{x}}" name`'),
        "sqlite": PEOPLE.replace("NOT NULL, ", "COLLATE NOCASE NOT NULL, ", 1),
    }[request.param]
    with new_any(request, tmp_path, schema) as database:
        yield database


def store(people: AnyDatabase, *masked: str) -> SqlStore:
    kept = ", ".join(each for each in (*KEPT, "phone") if not any(one.startswith(f"{each}:") for one in masked))
    mask = "".join(f"\n      {each}" for each in masked)
    keep = f"    keep:\n      for the test: [{kept}]\n"
    return store_of(
        people, f"customer: {{type: text}}\ntables:\n  people:\n    key: [id]\n    flag: gone\n{keep}    mask:{mask}\n"
    )


def add(people: AnyDatabase, customer: str, phone: str = "'12345678'", name: str = "NULL") -> None:
    column = '`First "{{x}}" name`' if "mysql" in people.url or "mariadb" in people.url else '"First ""{{x}}"" name"'
    people.run(f"INSERT INTO people (id, phone, {column}, segment) VALUES ('{customer}', {phone}, {name}, 'north')")


def test_custom_strategies_rewrite_and_are_verified(people: AnyDatabase) -> None:
    customers = [f"c{number}" for number in range(len(VALUES))]
    opened = store(people, PHONE, NAME)
    assert opened.preflight() == []
    for customer, value in zip(customers, VALUES, strict=True):
        add(people, customer, value, "'Anna Andersson'" if customer == "c0" else "NULL")

    assert [each.outcome for each in opened.anonymize([task(each) for each in customers])] == ["DONE"] * len(VALUES)
    rows = people.rows("SELECT * FROM people ORDER BY id")
    assert [row[1] for row in rows] == ["X" * 12] * len(VALUES)
    assert [row[2] for row in rows] == ["*sson", None, None, None, None]
    assert opened.unmet(customers) == {}


@pytest.mark.parametrize("value", [*VALUES[:-1], "'XXXXXXXXXXXXX'"])
def test_a_value_that_came_back_is_told_whatever_the_collation(people: AnyDatabase, value: str) -> None:
    opened = store(people, PHONE)
    add(people, "c1")
    opened.anonymize([task("c1")])
    people.run(f"UPDATE people SET phone = {value}")
    assert opened.unmet(["c1"]) == {"c1": {"people.phone": 1}}


def test_a_cell_that_stays_fails_its_customer(people: AnyDatabase) -> None:
    opened = store(people, "phone: {lazy: {letters: 12}}")
    assert opened.preflight() == []
    add(people, "c1")
    add(people, "c2", "'XXXXXXXXXXXX'")
    carried = opened.anonymize([task("c1"), task("c2")])
    assert [(each.outcome, each.error_code) for each in carried] == [
        ("FAILED", "not_verified:people.phone"),
        ("DONE", None),
    ]


@pytest.mark.parametrize(
    ("masked", "code", "said"),
    [
        ("age: {fixed_length: {letters: 3}}", "type_mismatch", "fixed_length does not work on int"),
        ("age: {digits: {count: 19}}", "too_long", "19 letters do not fit "),
        ("phone: {keeps_end: {accept_reversible: for the test}}", "not_null", "cannot be NULL"),
        ("login: {fixed_length: {letters: 3}}", "unique", "rows would become equal in the unique index"),
        ("phone: {without_sql: {letters: 3}}", "strategy", "bad-lapse 1.0 gives no SQL for text on"),
        ("phone: {with_query: {letters: 3}}", "strategy", "bad-lapse 1.0 gives no SQL for text on"),
        ("phone: {with_parameters: {letters: 3}}", "strategy", "bad-lapse 1.0 gives no SQL for text on"),
        ("phone: {with_syntax: {letters: 3}}", "strategy", "does not take the SQL of with_syntax of bad-lapse 1.0 ("),
        ("phone: {with_others: {letters: 3}}", "strategy", "does not take the SQL of with_others of bad-lapse 1.0 ("),
    ],
)
def test_preflight_refuses_what_would_fail(people: AnyDatabase, masked: str, code: str, said: str) -> None:
    (found,) = store(people, masked).preflight()
    assert (found.code, found.place) == (code, f"tables.people.mask.{masked.partition(':')[0]}")
    assert said in found.message
    assert found.repair
    assert "CANARY" not in found.message


def test_each_that_the_database_does_not_take_is_told(people: AnyDatabase) -> None:
    masked = ("phone: {with_syntax: {letters: 3}}", "login: {with_draws: {letters: 3}}", "segment: empty")
    found = store(people, *masked).preflight()
    assert [(each.code, each.place) for each in found] == [
        ("strategy", "tables.people.mask.phone"),
        ("strategy", "tables.people.mask.login"),
    ]


def test_preflight_that_cannot_ask_comes_again(people: AnyDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customs, "classify", lambda _: TransientError("away", code="08006"))
    with pytest.raises(TransientError, match="away"):
        store(people, "phone: {with_syntax: {letters: 3}}").preflight()


def test_a_text_that_does_not_fit_is_refused_with_the_repair(people: AnyDatabase) -> None:
    found = store(people, "phone: {fixed_length: {letters: 21}}").preflight()
    if not isinstance(people, Database) and people.is_sqlite:
        assert found == []  # its columns have no length
        return
    assert [(each.code, each.message) for each in found] == [("too_long", "21 letters do not fit 20.")]
    people.run(found[0].repair)
    assert store(people, "phone: {fixed_length: {letters: 21}}").preflight() == []


def test_a_number_that_always_fits_is_taken(people: AnyDatabase) -> None:
    opened = store(people, "age: {digits: {count: 9}}")
    assert opened.preflight() == []
    add(people, "c1")
    people.run("UPDATE people SET age = 41")
    assert opened.anonymize([task("c1")])[0].outcome == "DONE"
    assert people.rows("SELECT age FROM people") == [(999_999_999,)]


def test_a_database_it_does_not_know_is_refused(people: AnyDatabase) -> None:
    found = store(people, "phone: {only_there: {letters: 3}}").preflight()
    assert [each.code for each in found] == ([] if isinstance(people, Database) else ["type_mismatch"])


def test_what_gives_no_sql_changes_nothing_without_preflight(people: AnyDatabase) -> None:
    opened = store(people, "phone: {without_sql: {letters: 3}}")
    add(people, "c1")
    with pytest.raises(PermanentError, match=r"without_sql of bad-lapse 1.0 gives no SQL") as refused:
        opened.anonymize([task("c1")])
    assert "CANARY" not in str(refused.value)
    assert refused.value.__context__ is None
    assert people.rows("SELECT phone FROM people") == [("12345678",)]
