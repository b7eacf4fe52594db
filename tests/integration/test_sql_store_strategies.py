"""What each strategy makes of a cell: bounds, NULL, repeatability, as its table says, for any value."""

import datetime as dt
import re
import uuid
from collections.abc import Iterator, Sequence
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.sql_store import RULES, Database, PostgresServer, new_database, task

pytestmark = pytest.mark.integration
SCHEMA = """
CREATE SCHEMA crm;
CREATE TYPE crm.mood AS ENUM ('good', 'OTHER');
CREATE TABLE crm.cells (
    id text PRIMARY KEY, zero varchar(40), number numeric(12, 3), day date, moment timestamptz, token char(36),
    mail varchar(50), mood crm.mood, static_day date, start date, hour timestamptz, prefix text,
    note varchar(40), remark char(40), phone varchar(16), label varchar(41), income numeric(12, 2), age integer,
    digest char(64), card varchar(40),
    done boolean NOT NULL DEFAULT false);
"""
HEAD = RULES[: RULES.index("customer:")]
CELLS = f"""{HEAD}
customer: {{type: text}}
ledger: {{schema: lapse}}
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
      digest: {{hash: {{accept_reversible: joined by the old core}}}}
      card: {{partial_mask: {{characters: 4, accept_reversible: receipts name it}}}}
"""
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=36)
DAYS = st.dates(dt.date(1700, 1, 1), dt.date(2500, 1, 1))
MOMENTS = st.datetimes(dt.datetime(1700, 1, 2), dt.datetime(2500, 1, 1), timezones=st.just(dt.UTC))  # noqa: DTZ001 - bounds are naive
ROW = st.tuples(
    *(TEXT, st.decimals(-(10**8), 10**8, places=3), DAYS, MOMENTS, TEXT, TEXT, st.just("good"), DAYS, DAYS, MOMENTS),
    *(TEXT, TEXT, TEXT, st.text("0123", max_size=16), TEXT, st.decimals(-(10**9), 10**9, places=2)),
    *(st.integers(-(2**31) + 8, 2**31 - 1), TEXT, TEXT),
)
ODD = ["Ærøskøbing 12-A, \u0635\u0641\n\u0301\u00a0\U0001f600", "a^b`c{d}[e]~f:g@h\ti\\j"]
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def database(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    folder: Path = tmp_path_factory.mktemp("rules")
    with new_database(postgres, folder, SCHEMA) as made:
        yield made


def rewritten(database: Database, row: Sequence[Any]) -> tuple[Any, ...]:
    customer = uuid.uuid4().hex
    places = ", ".join(["%s"] * (len(row) + 1))
    with psycopg.connect(database.url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        connection.execute(f"INSERT INTO crm.cells VALUES ({places})".encode(), [customer, *row])
        assert database.shared_store(CELLS).anonymize([task(customer)])[0].outcome == "DONE"
        [found] = connection.execute("SELECT * FROM crm.cells WHERE id = %s", [customer]).fetchall()
    return found[1:-1]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROW)
def test_values_keep_to_the_table_of_strategies(database: Database, row: Sequence[Any]) -> None:
    made = rewritten(database, row)
    zero, number, day, moment, token, mail, mood, static_day, start, hour, prefix = made[:11]
    note, remark, phone, label, income, age, digest, card = made[11:]

    assert zero == "0" * len(row[0])
    assert (number, day, moment) == (Decimal(0), EPOCH.date(), EPOCH)
    assert str(uuid.UUID(token)) == token
    assert re.fullmatch(r"[0-9a-f]{32}@a\.example", mail)
    assert (mood, static_day) == ("OTHER", dt.date(2000, 2, 29))
    assert start == row[8].replace(day=1)
    assert hour == row[9].replace(hour=0, minute=0, second=0, microsecond=0)
    assert prefix == row[10][:2]
    assert note == ""
    assert remark == "".join("X" if each.isalnum() or not each.isascii() else each for each in row[12]).ljust(40)
    assert re.fullmatch(r"\+999[0-9]{12}", phone)
    assert re.fullmatch(r"Customer [0-9a-f]{32}", label)
    assert digest == sha256(row[17].rstrip(" ").encode()).hexdigest()
    assert card == (row[18][-4:].rjust(len(row[18]), "X") if len(row[18]) > 4 else "X" * len(row[18]))
    assert (income, age) == (row[15].__floor__() // 1000 * 1000, row[16] // 10 * 10)


def test_redact_keeps_signs_of_ascii_and_nothing_else(database: Database) -> None:
    remarks = [rewritten(database, [None] * 12 + [odd] + [None] * 6)[12].rstrip() for odd in ODD]

    assert remarks == ["XXXXXXXXXX XX-X, XX\nXXX", "X^X`X{X}[X]~X:X@X\tX\\X"]


def test_a_second_command_changes_nothing(database: Database) -> None:
    customer = uuid.uuid4().hex
    store, rows = database.shared_store(CELLS), f"SELECT * FROM crm.cells WHERE id = '{customer}'"
    with psycopg.connect(database.url.replace("+psycopg", ""), autocommit=True) as connection:
        places = ", ".join(["%s"] * (len(OLD) + 1))
        connection.execute(f"INSERT INTO crm.cells VALUES ({places})".encode(), [customer, *OLD.values()])
    outcomes, found = [], []
    for command in ("first", "first", "second"):
        outcomes.append(store.anonymize([task(customer, f"{command} {customer}")])[0].outcome)
        found.append(database.rows(rows))

    assert outcomes == ["DONE", "ALREADY_DONE", "NOTHING_FOUND"]
    assert found[0] == found[1] == found[2]


def test_null_stays_null_except_for_static(database: Database) -> None:
    found = rewritten(database, [None] * 19)

    assert found == (None,) * 6 + ("OTHER", dt.date(2000, 2, 29)) + (None,) * 11


def test_preflight_accepts_every_strategy_on_these_types(database: Database) -> None:
    assert database.shared_store(CELLS).preflight() == []


OLD = {
    "zero": "CANARY",
    "number": Decimal("1.5"),
    "day": dt.date(1980, 1, 1),
    "moment": dt.datetime(1980, 1, 1, tzinfo=dt.UTC),
    "token": "CANARY",
    "mail": "canary@a.example",
    "mood": "good",
    "static_day": dt.date(1980, 1, 1),
    "start": dt.date(1980, 1, 2),
    "hour": dt.datetime(1980, 1, 1, 1, tzinfo=dt.UTC),
    "prefix": "CANARY",
    "note": "CANARY",
    "remark": "X-ÅNARY",
    "phone": "+999123456789012",
    "label": "Customer 0123456789abcdef0123456789abcdef",
    "income": Decimal("1000.01"),
    "age": 41,
    "digest": "CANARY".ljust(64, "0"),
    "card": "CANARY",
}


@pytest.mark.parametrize("column", OLD)
def test_a_value_that_stays_is_found_whatever_its_strategy(database: Database, column: str) -> None:
    store, customer = database.shared_store(CELLS), uuid.uuid4().hex
    assert store.preflight() == []
    database.run(f"""
        CREATE FUNCTION crm.keep() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN NEW.{column} := OLD.{column}; RETURN NEW; END $$;
        CREATE TRIGGER keep BEFORE UPDATE ON crm.cells FOR EACH ROW EXECUTE FUNCTION crm.keep();
    """)
    try:
        with psycopg.connect(database.url.replace("+psycopg", ""), autocommit=True) as connection:
            places = ", ".join(["%s"] * (len(OLD) + 1))
            connection.execute(f"INSERT INTO crm.cells VALUES ({places})".encode(), [customer, *OLD.values()])
        [answer] = store.anonymize([task(customer)])
        assert (answer.outcome, answer.error_code) == ("FAILED", f"not_verified:cells.{column}")
    finally:
        database.run("DROP FUNCTION crm.keep CASCADE")
