"""A statement that takes too long: nobody is given up for it, and one customer who is too large holds up nobody else.

A trigger takes its time for customer 2.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from consumers.domain.errors import TransientError
from consumers.domain.work import Carried
from consumers.stores import Rules, SqlStore
from consumers.stores.sql.dialects import engine_for
from consumers.stores.sql.pace import ALONE, TOO_LARGE
from tests.support.crm_databases import KINDS, Crm, new_crm
from tests.support.sql_store import task, unnoticed

pytestmark = pytest.mark.integration
CUSTOMERS = range(1, 13)
CALLS = 40


@pytest.fixture(params=KINDS)
def crm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Crm]:
    with new_crm(request, tmp_path) as made:
        made.add(CUSTOMERS)
        yield made


def slow(crm: Crm, seconds: float) -> None:
    """From now on each change of customer 2 takes so long."""
    waiting = f"SELECT t, t FROM clock UNION ALL SELECT began, lapse_clock() FROM n WHERE now < began + {seconds}"
    crm.run(
        postgresql=f"""
        CREATE FUNCTION {{}}slow() RETURNS trigger LANGUAGE plpgsql AS
          $$BEGIN IF OLD.id = 2 THEN PERFORM pg_sleep({seconds}); END IF; RETURN NEW; END$$;
        CREATE TRIGGER slow BEFORE UPDATE ON {{}}customers FOR EACH ROW EXECUTE FUNCTION {{}}slow()""",
        mariadb="CREATE TRIGGER slow BEFORE UPDATE ON customers FOR EACH ROW "
        f"IF OLD.id = 2 THEN DO sleep({seconds}); END IF",
        sqlite="CREATE TRIGGER slow BEFORE UPDATE ON customers WHEN OLD.id = 2 BEGIN "
        "WITH RECURSIVE clock(t) AS (SELECT lapse_clock()), "
        f"n(began, now) AS ({waiting}) SELECT max(now) FROM n; END",
    )


def store_of(crm: Crm, timeout: str) -> SqlStore:
    """A store that has seen the schema as it was before the trigger."""
    crm.store(timeout)
    return crm.database.opened(SqlStore(crm.database.rules(crm.rules(timeout)), with_clock))


def with_clock(rules: Rules) -> Engine:
    """SQLite has no sleep, and time stands still in its statements."""
    engine = engine_for(rules)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", lambda raw, _: raw.create_function("lapse_clock", 0, time.monotonic))
    return engine


def called(store: SqlStore, enough: str | None = None) -> tuple[list[Carried], list[str]]:
    """Call until everybody is carried out, or until it fails with a code; the answers and the codes before."""
    codes: list[str] = []
    for _ in range(CALLS):
        try:
            return list(store.anonymize([task(f"c{number}") for number in CUSTOMERS])), codes
        except TransientError as failure:
            codes.append(failure.code)
            if failure.code == enough:
                return [], codes
    pytest.fail(f"still {codes[-1]} after {CALLS} calls")


def test_a_customer_who_takes_longer_than_the_timeout_is_done_by_himself(crm: Crm) -> None:
    store = store_of(crm, "1s")
    slow(crm, 2)

    answers, codes = called(store)

    assert {each.outcome for each in answers} <= {"DONE", "ALREADY_DONE"}
    assert codes
    assert set(codes) <= {"57014", "1969", "SQLITE_INTERRUPT"}
    assert crm.rows("SELECT count(*) FROM {}customers WHERE anonymized") == [(len(CUSTOMERS),)]


def test_a_customer_who_is_too_large_is_named_and_the_others_are_done(crm: Crm) -> None:
    store = store_of(crm, "200ms")
    slow(crm, 0.2 * ALONE * 10)

    answers, codes = called(store, enough=TOO_LARGE)

    assert (answers, codes[-1]) == ([], TOO_LARGE)
    assert crm.carried_out() == {f"c{number}" for number in CUSTOMERS if number != 2}
    assert crm.rows("SELECT id FROM {}customers WHERE NOT anonymized") == [(2,)]
    crm.run(postgresql="DROP TRIGGER slow ON {}customers", every="DROP TRIGGER slow")
    unnoticed(store)
    assert {each.outcome for each in called(store)[0]} == {"DONE", "ALREADY_DONE"}
