"""What each strategy makes of a cell on MariaDB and SQLite, and that a value that stays is found."""

import datetime as dt
import re
import uuid
from collections.abc import Iterator, Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from tests.support.other_databases import RULES, OtherDatabase, new_other
from tests.support.sql_store import task

pytestmark = pytest.mark.integration
MARIADB = """
CREATE TABLE cells (
    id varchar(64) PRIMARY KEY, zero varchar(40), number decimal(12, 3), day date, moment datetime(6), token char(36),
    mail varchar(50), mood enum('good', 'OTHER'), static_day date, start date, hour datetime, prefix text,
    note varchar(40), remark char(40), phone varchar(16), label varchar(41), income decimal(12, 2), age integer,
    old varchar(20) CHARACTER SET latin1, own uuid, stamp timestamp NULL, digest char(64), card varchar(40),
    done boolean NOT NULL DEFAULT false)
"""
SQLITE = """
CREATE TABLE cells (
    id text PRIMARY KEY, zero varchar(40), number decimal(12, 3), day date, moment datetime, token char(36),
    mail varchar(50), mood text, static_day date, start date, hour datetime, prefix text,
    note varchar(40), remark char(40), phone varchar(16), label varchar(41), income integer, age integer,
    old varchar(20) COLLATE NOCASE, own uuid, stamp timestamp, digest char(64), card varchar(40),
    done boolean NOT NULL DEFAULT false)
"""
CELLS = f"""{RULES[: RULES.index("customer:")]}
customer: {{type: text}}
ledger: {{schema: "${{CRM_SCHEMA}}"}}
tables:
  cells:
    key: [id]
    flag: done
    mask:
      zero: zeros
      number: zeros
      day: zeros
      moment: zeros
      token: unique_token
      mail: {{unique_email: {{domain: a.example}}}}
      mood: {{static: OTHER}}
      static_day: {{static: 2000-02-29}}
      start: {{truncate: month}}
      hour: {{truncate: day}}
      prefix: {{truncate: {{characters: 2}}}}
      note: empty
      remark: redact
      phone: unique_phone
      label: {{template: "Customer {{token}}"}}
      income: {{bucket: {{size: 1000}}}}
      age: {{bucket: {{size: 10}}}}
      old: {{static: Österåker}}
      own: unique_token
      stamp: {{truncate: year}}
      digest: {{hash: {{accept_reversible: joined by the old core}}}}
      card: {{partial_mask: {{characters: 4, accept_reversible: receipts name it}}}}
"""
OLD: Mapping[str, Any] = {
    "zero": "CANARY",
    "number": 1.5,
    "day": "1980-01-01",
    "moment": "1980-01-01 00:00:00",
    "token": "CANARY",
    "mail": "canary@a.example",
    "mood": "good",
    "static_day": "1980-01-01",
    "start": "1980-01-02",
    "hour": "1980-01-01 01:00:00",
    "prefix": "CANARY",
    "note": "CANARY",
    "remark": "X-ÅNARY",
    "phone": "+999123456789012",
    "label": "Customer 0123456789abcdef0123456789abcdef",
    "income": 1001,
    "age": 41,
    "old": "ÖSTERÅKER",
    "own": "01234567-89ab-4def-8123-456789abcdef",
    "stamp": "1980-05-17 01:02:03",
    "digest": "CANARY".ljust(64, "0"),
    "card": "CANARY",
}
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=36)
DAYS = st.dates(dt.date(1700, 1, 1), dt.date(2500, 1, 1)).map(str)
MOMENTS = st.datetimes(dt.datetime(1700, 1, 2), dt.datetime(2500, 1, 1)).map(  # noqa: DTZ001 - as the columns are
    lambda each: str(each.replace(microsecond=0))
)
ROW = st.fixed_dictionaries(
    {
        **dict.fromkeys(("zero", "token", "mail", "prefix", "note", "remark", "label", "digest", "card"), TEXT),
        **dict.fromkeys(("day", "static_day", "start"), DAYS),
        **dict.fromkeys(("moment", "hour"), MOMENTS),
        "number": st.integers(-(10**8), 10**8),
        "mood": st.just("good"),
        "phone": st.text("0123", max_size=16),
        "income": st.integers(-(10**9), 10**9),
        "age": st.integers(-(2**31) + 8, 2**31 - 1),
        "old": st.text("abcåäöÅÄÖ ", max_size=20),
        "own": st.uuids(version=4).map(str),
        "stamp": st.just("1999-12-31 23:59:59"),
    }
)


@pytest.fixture(scope="module", params=["mariadb", "sqlite"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OtherDatabase]:
    with new_other(request, tmp_path_factory.mktemp("rules")) as made:
        made.run(SQLITE if made.is_sqlite else MARIADB)
        yield made


def add(database: OtherDatabase, row: Mapping[str, Any]) -> str:
    customer = uuid.uuid4().hex
    names = ", ".join(["id", *row])
    with database.session() as session, session.begin():
        session.execute(
            text(f"INSERT INTO cells ({names}) VALUES (:id, {', '.join(f':{name}' for name in row)})"),
            {"id": customer, **row},
        )
    return customer


def found(database: OtherDatabase, customer: str) -> dict[str, Any]:
    with database.session() as session:
        [row] = session.execute(text("SELECT * FROM cells WHERE id = :id"), {"id": customer}).mappings()
    return {name: str(value) if isinstance(value, dt.date | uuid.UUID) else value for name, value in row.items()}


def rewritten(database: OtherDatabase, row: Mapping[str, Any]) -> dict[str, Any]:
    customer = add(database, row)
    answer = database.shared_store(CELLS).anonymize([task(customer)])[0]
    assert (answer.outcome, answer.error_code) == ("DONE", None)
    return found(database, customer)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROW)
def test_values_keep_to_the_table_of_strategies(database: OtherDatabase, row: Mapping[str, Any]) -> None:
    made = rewritten(database, row)

    assert made["zero"] == "0" * len(row["zero"])
    assert (made["number"], made["day"], made["moment"]) == (Decimal(0), "1970-01-01", "1970-01-01 00:00:00")
    assert str(uuid.UUID(made["token"], version=4)) == made["token"] != row["token"]
    assert str(uuid.UUID(made["own"], version=4)) == made["own"] != row["own"]
    assert re.fullmatch(r"[0-9a-f]{32}@a\.example", made["mail"])
    assert (made["mood"], made["static_day"], made["old"]) == ("OTHER", "2000-02-29", "Österåker")
    assert made["start"] == f"{row['start'][:7]}-01"
    assert made["hour"] == f"{row['hour'][:10]} 00:00:00"
    assert made["digest"] == sha256(as_read(row["digest"], database).encode()).hexdigest()
    assert made["card"] == part_masked(row["card"])
    assert made["stamp"] == "1999-01-01 00:00:00"
    assert made["prefix"] == row["prefix"][:2]
    assert made["note"] == ""
    assert made["remark"] == redacted(row["remark"], database)
    assert re.fullmatch(r"\+999[0-9]{12}", made["phone"])
    assert re.fullmatch(r"Customer [0-9a-f]{32}", made["label"])
    assert (made["income"], made["age"]) == (row["income"] // 1000 * 1000, row["age"] // 10 * 10)


def part_masked(card: str) -> str:
    return card[-4:].rjust(len(card), "X") if len(card) > 4 else "X" * len(card)


def as_read(written: str, database: OtherDatabase) -> str:
    return written if database.is_sqlite else written.rstrip(" ")  # as char(n) gives it back


def redacted(remark: str, database: OtherDatabase) -> str:
    new = "".join("X" if each.isalnum() or not each.isascii() else each for each in remark)
    return as_read(new, database)


def test_null_stays_null_except_for_static(database: OtherDatabase) -> None:
    made = rewritten(database, {"zero": None})

    static = {"mood": "OTHER", "static_day": "2000-02-29", "old": "Österåker"}
    assert {name: value for name, value in made.items() if name in OLD} == dict.fromkeys(OLD) | static


def test_preflight_accepts_every_strategy_on_these_types(database: OtherDatabase) -> None:
    assert database.shared_store(CELLS).preflight() == []


def test_a_second_command_changes_nothing(database: OtherDatabase) -> None:
    customer, store = add(database, OLD), database.shared_store(CELLS)
    outcomes: list[str] = []
    rows: list[Mapping[str, Any]] = []
    for command in ("first", "first", "second"):
        outcomes.append(store.anonymize([task(customer, f"{command} {customer}")])[0].outcome)
        rows.append(found(database, customer))

    assert outcomes == ["DONE", "ALREADY_DONE", "NOTHING_FOUND"]
    assert rows[0] == rows[1] == rows[2]


@pytest.mark.parametrize("column", OLD)
def test_a_value_that_stays_is_found_whatever_its_strategy(database: OtherDatabase, column: str) -> None:
    store, customer = database.shared_store(CELLS), add(database, OLD)
    assert store.preflight() == []
    kept = f"CREATE TRIGGER keep BEFORE UPDATE ON cells FOR EACH ROW SET NEW.{column} = OLD.{column}"
    if database.is_sqlite:
        again = f"UPDATE cells SET {column} = OLD.{column} WHERE rowid = NEW.rowid; END"
        kept = f"CREATE TRIGGER keep AFTER UPDATE ON cells BEGIN {again}"
    database.run(kept)
    try:
        [answer] = store.anonymize([task(customer)])
        assert (answer.outcome, answer.error_code) == ("FAILED", f"not_verified:cells.{column}")
    finally:
        database.run("DROP TRIGGER keep")
