"""An application that works on the same rows: whoever has to give way, nobody is lost and nobody is given up."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool

from consumers.domain.errors import TransientError
from consumers.stores import Rules, SqlStore
from consumers.stores.sql.dialects import engine_for
from tests.support.crm_databases import KINDS, Crm, new_crm
from tests.support.sql_store import task

pytestmark = pytest.mark.integration
CUSTOMERS = range(1, 41)
TASKS = [task(f"c{number}") for number in CUSTOMERS]
WAITING = {
    "postgresql": "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    "mariadb": "SELECT 1 FROM information_schema.PROCESSLIST WHERE db = database() AND info LIKE 'UPDATE cust%%'",
}
DEADLINE_S = 20


@pytest.fixture
def crm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Crm]:
    with new_crm(request, tmp_path) as made:
        made.add(CUSTOMERS)
        yield made


@pytest.mark.parametrize("crm", ["postgresql", "mariadb"], indirect=True)
def test_a_batch_that_ends_a_deadlock_is_done_when_it_comes_again(crm: Crm) -> None:
    store = crm.store("30s")
    with application(crm) as session, ThreadPoolExecutor(1) as pool:
        if crm.kind == "postgresql":
            session.exec_driver_sql("SET deadlock_timeout = '10min'")  # so that the batch is the one to notice
        # many rows: MariaDB ends whom it costs least
        session.exec_driver_sql(crm.named("UPDATE {}order_lines SET remark = 'south'"))
        session.exec_driver_sql(crm.named("UPDATE {}orders SET address = 'south'"))

        def ask_for_what_is_locked() -> None:
            wanted = crm.named("UPDATE {}customers SET segment = 'south' WHERE id = 7")
            pool.submit(session.exec_driver_sql, wanted)
            wait_for(crm, WAITING[crm.kind])

        broken = crm.database.opened(
            SqlStore(crm.database.rules(crm.rules("30s")), once_locked(ask_for_what_is_locked))
        )
        with pytest.raises(TransientError) as caught:
            broken.anonymize(TASKS)
        pool.shutdown()
        session.commit()

    assert caught.value.code in {"40P01", "1213"}
    assert crm.carried_out() == set()
    assert {each.outcome for each in store.anonymize(TASKS)} == {"DONE"}
    assert crm.carried_out() == {each.customer_id for each in TASKS}
    assert crm.rows("SELECT id FROM {}customers WHERE segment = 'south'") == [(7,)]
    assert crm.rows("SELECT count(*) FROM {}orders WHERE address IS NOT NULL") == [(0,)]


@pytest.mark.parametrize("crm", KINDS, indirect=True)
def test_a_row_that_is_locked_for_long_keeps_a_batch_waiting_and_nobody_is_given_up(crm: Crm) -> None:
    store = crm.store("1s")
    with application(crm) as session:
        session.exec_driver_sql(crm.named("UPDATE {}customers SET segment = 'south' WHERE id = 7"))
        for _ in range(3):
            with pytest.raises(TransientError) as caught:
                store.anonymize(TASKS)
            assert caught.value.code in {"55P03", "57014", "1205", "1969", "SQLITE_BUSY"}
        session.rollback()

    assert "c7" not in crm.carried_out()
    answers = store.anonymize(TASKS)
    assert {each.outcome for each in answers} <= {"DONE", "ALREADY_DONE"}
    assert crm.carried_out() == {each.customer_id for each in TASKS}
    assert "CANARY" not in str(crm.database.snapshot())


def application(crm: Crm) -> Connection:
    """A session of somebody else, in a transaction."""
    return create_engine(crm.database.url, poolclass=NullPool).connect()


def once_locked(act: Callable[[], None]) -> Callable[[Rules], Engine]:
    """An engine that lets somebody act once, when the root rows are locked and the ledger is read again."""

    def connect(rules: Rules) -> Engine:
        engine, waiting = engine_for(rules), [act]

        def watch(*arguments: object) -> None:
            if waiting and "lapse_ledger" in str(arguments[2]):
                waiting.pop()()

        event.listen(engine, "before_cursor_execute", watch)
        return engine

    return connect


def wait_for(crm: Crm, query: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not crm.rows(query):
        assert time.monotonic() < deadline, query
