"""Values at the edge of their types: letters of four bytes on each database, dates that are none on MariaDB."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.crm_databases import KINDS, Crm, new_crm
from tests.support.other_databases import OtherDatabase, new_mariadb
from tests.support.sql_store import task

pytestmark = pytest.mark.integration
FACE, FAMILY = "\U0001f642", "\U0001f468\u200d\U0001f469\u200d\U0001f467"  # one letter of four bytes; five letters

DATES = """
CREATE TABLE people (
    id bigint PRIMARY KEY, customer_id varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL,
    a date, b datetime, c date, d datetime(6), e date NOT NULL, f tinytext, g varchar(5) CHARACTER SET latin1,
    kept date, anonymized boolean NOT NULL DEFAULT false, INDEX (customer_id))
"""
DATES_RULES = """
version: 1
service: crm
purpose: marketing
store: {kind: sql, url: "${CRM_URL}", schema: "${CRM_SCHEMA}"}
customer: {type: text, column: customer_id}
ledger: {schema: "${CRM_SCHEMA}"}
tables:
  people:
    key: [id]
    flag: anonymized
    mask: {a: {truncate: year}, b: {truncate: month}, c: zeros, d: {truncate: day}, e: {static: 1990-01-01},
           f: zeros, g: redact}
    keep:
      zero dates too: [kept]
"""


@pytest.fixture(params=KINDS)
def crm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Crm]:
    with new_crm(request, tmp_path) as made:
        made.add([1, 2])
        yield made


@pytest.fixture
def people(mariadb: str, tmp_path: Path) -> Iterator[OtherDatabase]:
    with new_mariadb(mariadb, tmp_path, DATES) as made:
        yield made


def test_letters_are_counted_and_not_bytes(crm: Crm) -> None:
    written = f"personal_number = '{FACE * 12}', phone = 'Åke {FACE}{FAMILY} (1)'"
    crm.run(every=f"UPDATE {{}}customers SET {written} WHERE id = 1")
    crm.run(every=f"UPDATE {{}}order_lines SET remark = '{FACE * 4}' WHERE order_id = 10")
    store = crm.database.store(crm.rules().replace("phone: set_null", "phone: redact"))
    assert store.preflight() == []

    assert [each.outcome for each in store.anonymize([task("c1")])] == ["DONE"]

    redacted = f"XXX {'X' * 6} (X)"
    assert crm.rows("SELECT personal_number, phone FROM {}customers WHERE id = 1") == [("0" * 12, redacted)]
    assert set(crm.rows("SELECT remark FROM {}order_lines WHERE order_id = 10")) == {(FACE * 3,)}


def test_a_long_text_is_redacted_within_the_statement_timeout(crm: Crm) -> None:
    # as long as a text of MariaDB may be; there it took 13 seconds
    words = f"Åke {FACE}{FAMILY} (1), "
    times = 65_000 // len(words.encode())
    crm.run(every=f"UPDATE {{}}customers SET phone = '{words * times}' WHERE id = 1")
    store = crm.database.store(crm.rules().replace("phone: set_null", "phone: redact"))

    assert [each.outcome for each in store.anonymize([task("c1")])] == ["DONE"]

    assert crm.rows("SELECT phone FROM {}customers WHERE id = 1") == [(f"XXX {'X' * 6} (X), " * times,)]


def test_a_customer_is_found_by_letters_a_collation_takes_for_equal(crm: Crm) -> None:
    crm.run(every=f"UPDATE {{}}customers SET customer_id = 'c{FACE}' WHERE id = 1")
    crm.run(every="UPDATE {}customers SET customer_id = 'c\U0001f600' WHERE id = 2")

    assert [each.outcome for each in crm.store().anonymize([task(f"c{FACE}")])] == ["DONE"]

    assert crm.rows("SELECT id FROM {}customers WHERE anonymized") == [(1,)]


def test_dates_that_are_none_are_masked_verified_and_kept(people: OtherDatabase) -> None:
    zero, day = "0000-00-00", "2020-00-15"
    people.run(
        f"INSERT INTO people VALUES (1, 'c1', '{zero}', '{zero}', '{zero}', '{zero}', '{zero}', "
        f"'{FACE * 63}', 'Åäö 1', '{zero}', false)",
        f"INSERT INTO people VALUES (2, 'c2', '{day}', '{day} 01:02:03', '{day}', '{day} 01:02:03.000004', '{day}', "
        f"'', '', '{day}', false)",
    )
    store = people.store(DATES_RULES)
    assert store.preflight() == []

    assert [each.error_code for each in store.anonymize([task("c1"), task("c2")])] == [None, None]

    cells = ", ".join(f"CAST({name} AS char)" for name in ("a", "b", "c", "d", "e", "f", "g", "kept"))
    nothing = f"{zero} 00:00:00"
    assert people.rows(f"SELECT {cells} FROM people ORDER BY id") == [
        (zero, nothing, "1970-01-01", f"{nothing}.000000", "1990-01-01", "0" * 63, "XXX X", zero),
        ("2020-01-01", "2020-00-01 00:00:00", "1970-01-01", f"{day} 00:00:00.000000", "1990-01-01", "", "", day),
    ]
