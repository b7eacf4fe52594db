"""Rows that several customers refer to, while others make or drop references to them."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from consumers.domain.work import Carried
from consumers.stores import SqlStore
from tests.integration.test_sql_shared import RULES, SCHEMA, homes, lives, streets
from tests.support.sql_store import Database, task
from tests.support.three_databases import AnyDatabase, new_any, store_of

pytestmark = pytest.mark.integration
WAITS = {
    True: "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
    False: "SELECT 1 FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'",
}


@pytest.fixture(params=["postgres", "mariadb"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyDatabase]:
    with new_any(request, tmp_path, SCHEMA) as made:
        # so many that the customers of a batch are found by the index, without waiting for all others
        strangers = ", ".join(f"({n}, 'stranger {n}', 'phone', NULL, false)" for n in range(100, 300))
        made.run(f"INSERT INTO customers VALUES {strangers}")
        made.run("ANALYZE" if isinstance(made, Database) else "ANALYZE TABLE customers")
        yield made


def waits(database: AnyDatabase) -> None:
    """Until somebody waits for a lock."""
    deadline = time.monotonic() + 20
    while not database.rows(WAITS[isinstance(database, Database)]):
        assert time.monotonic() < deadline, "nobody waits"
        time.sleep(0.15)  # what INNODB_TRX shows stands still while it is asked more often than every 0.1 s


def outcome(store: SqlStore, name: str) -> Carried:
    return store.anonymize([task(name)])[0]


def test_a_reference_made_meanwhile_is_waited_for_and_keeps_the_row(database: AnyDatabase) -> None:
    homes(database, 1)
    lives(database, c1=1)
    store = store_of(database, RULES)
    with create_engine(database.url, poolclass=NullPool).connect() as application, ThreadPoolExecutor(1) as pool:
        application.exec_driver_sql("INSERT INTO customers VALUES (2, 'c2', 'phone', 1, false)")
        done = pool.submit(outcome, store, "c1")
        waits(database)
        application.commit()

    assert done.result().outcome == "DONE"
    assert streets(database) == {1: True}


def test_two_batches_at_once_that_share_a_row_leave_nothing_of_it(database: AnyDatabase) -> None:
    homes(database, 1)
    lives(database, c1=1, c2=1)
    stores = [store_of(database, RULES), store_of(database, RULES)]
    with create_engine(database.url, poolclass=NullPool).connect() as application, ThreadPoolExecutor(2) as pool:
        application.exec_driver_sql("UPDATE addresses SET city = 'another' WHERE id = 1")
        done = [pool.submit(outcome, store, name) for store, name in zip(stores, ("c1", "c2"), strict=True)]
        waits(database)
        application.commit()

    assert [each.result().outcome for each in done] == ["DONE", "DONE"]
    assert streets(database) == {1: False}


def test_a_new_reference_waits_until_the_row_is_masked(database: AnyDatabase) -> None:
    homes(database, 1)
    lives(database, c1=1)
    store = store_of(database, RULES)
    assert store.preflight() == []
    with create_engine(database.url, poolclass=NullPool).connect() as application, ThreadPoolExecutor(2) as pool:
        # held back below its address, the batch stands where that is locked and decided upon
        application.exec_driver_sql("UPDATE door_codes SET code = 'held' WHERE id = 1")
        done = pool.submit(outcome, store, "c1")
        waits(database)
        newcomer = pool.submit(database.run, "INSERT INTO customers VALUES (2, 'c2', 'phone', 1, false)")
        with pytest.raises(TimeoutError):
            newcomer.result(timeout=0.5)
        application.commit()
        newcomer.result()

    assert done.result().outcome == "DONE"
    assert streets(database) == {1: False}
