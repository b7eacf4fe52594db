"""The failure table of the SQL store against a real server: who is retried, who is given up, and what is said."""

import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, PoolProxiedConnection, event

from consumers.domain.errors import LapseError, PermanentError, TransientError
from consumers.domain.work import Carried
from consumers.stores import Rules, SqlStore
from consumers.stores.sql.dialects import engine_for
from tests.support.sql_store import RULES, Database, PostgresServer, add_customers, new_database, task, unnoticed

pytestmark = pytest.mark.integration
STATEMENTS = 15  # lock root, ledger, lock 3 children, prepare, rewrite 4 tables, verify 4, write ledger


class CrashError(Exception):
    """The process dies here."""


@pytest.fixture
def database(postgres: PostgresServer, tmp_path: Path) -> Iterator[Database]:
    with new_database(postgres, tmp_path) as made:
        yield made


def failing(before: int, fail: Callable[[], None]) -> Callable[[Rules], Engine]:
    """An engine whose statement number `before` does not come through; the catalog's six are not counted."""

    def connect(rules: Rules) -> Engine:
        engine, seen = engine_for(rules), 0

        def count(*arguments: object) -> None:
            nonlocal seen
            seen += "pg_class" not in str(arguments[2])
            if seen == before:
                fail()

        event.listen(engine, "before_cursor_execute", count)
        return engine

    return connect


def crash() -> None:
    raise CrashError


@pytest.mark.parametrize("before", range(1, STATEMENTS + 1))
def test_crash_before_any_statement_leaves_nothing_and_converges(database: Database, before: int) -> None:
    add_customers(database, [1, 2])
    store, untouched = database.store(), database.snapshot()
    broken = database.opened(SqlStore(database.rules(), failing(before, crash)))

    with pytest.raises(CrashError):
        broken.anonymize([task("c1"), task("c2")])

    assert (database.snapshot(), database.ledger()) == (untouched, [])
    assert [answer.outcome for answer in store.anonymize([task("c1"), task("c2")])] == ["DONE", "DONE"]
    assert "CANARY" not in str(database.snapshot())


def test_crash_after_the_commit_is_seen_as_already_done(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    add_customers(database, [1])
    store = database.store()

    def connect(rules: Rules) -> Engine:
        engine = engine_for(rules)
        commit = engine.dialect.do_commit

        def commit_and_crash(connection: PoolProxiedConnection) -> None:
            commit(connection)
            crash()

        monkeypatch.setattr(engine.dialect, "do_commit", commit_and_crash)
        return engine

    with pytest.raises(CrashError):
        database.opened(SqlStore(database.rules(), connect)).anonymize([task("c1")])

    assert store.anonymize([task("c1")])[0].outcome == "ALREADY_DONE"


def test_backend_killed_half_way_is_transient_and_rolled_back(database: Database) -> None:
    add_customers(database, [1])
    database.store()
    before = database.snapshot()

    def kill() -> None:
        database.rows(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = 'lapse-crm'"
        )

    store = database.opened(SqlStore(database.rules(), failing(7, kill)))
    with pytest.raises(TransientError):
        store.anonymize([task("c1")])

    assert (database.snapshot(), database.ledger()) == (before, [])
    assert store.anonymize([task("c1")])[0].outcome == "DONE"


def test_refused_customer_fails_alone_and_the_others_go_on(database: Database) -> None:
    add_customers(database, [1, 2, 3])
    store = database.store()
    assert store.preflight() == []
    database.run("ALTER TABLE crm.customers ADD CHECK (id <> 2 OR status <> 'OTHER')")
    unnoticed(store)

    answers = store.anonymize([task("c1"), task("c2"), task("c3")])

    assert [answer.outcome for answer in answers] == ["DONE", "FAILED", "DONE"]
    assert answers[1] == Carried("FAILED", {}, "23514")
    assert "CANARY2" in str(database.snapshot())
    assert len(database.ledger()) == 2
    database.run("ALTER TABLE crm.customers DROP CONSTRAINT customers_check")
    unnoticed(store)
    assert store.anonymize([task("c2")])[0].outcome == "DONE"


@pytest.mark.parametrize("level", ["23505", "22001", "P0001"])
def test_errors_raised_by_data_are_given_up_with_their_state(database: Database, level: str) -> None:
    add_customers(database, [1])
    store = database.store()
    store.preflight()
    raise_on_update(database, level)

    assert store.anonymize([task("c1")]) == [Carried("FAILED", {}, level)]


@pytest.mark.parametrize("level", ["40001", "40P01", "57P01", "53300", "42501", "25006", "57014", "XX000"])
def test_errors_of_a_database_that_is_away_are_transient(database: Database, level: str) -> None:
    add_customers(database, [1, 2])
    store = database.store()
    store.preflight()
    before = database.snapshot()
    raise_on_update(database, level)

    with pytest.raises(TransientError) as caught:
        store.anonymize([task("c1"), task("c2")])

    assert caught.value.code == level
    assert no_canary(caught.value)
    assert (database.snapshot(), database.ledger()) == (before, [])


def raise_on_update(database: Database, state: str) -> None:
    database.run(f"""
    CREATE FUNCTION crm.refuse() RETURNS trigger LANGUAGE plpgsql AS
      $$BEGIN RAISE EXCEPTION 'CANARY %', OLD.email USING ERRCODE = '{state}'; END$$;
    CREATE TRIGGER refuse BEFORE UPDATE ON crm.customers FOR EACH ROW EXECUTE FUNCTION crm.refuse()""")


def test_locked_row_is_transient_after_the_lock_timeout(database: Database) -> None:
    add_customers(database, [1])
    store = database.store(RULES.replace("statement_timeout: 5s", "statement_timeout: 300ms"))

    with psycopg.connect(database.url.replace("+psycopg", "")) as application:
        application.execute("UPDATE crm.customers SET segment = 'south'")
        with pytest.raises(TransientError) as caught:
            store.anonymize([task("c1")])

    assert caught.value.code in {"55P03", "57014"}
    assert store.anonymize([task("c1")])[0].outcome == "DONE"


@pytest.mark.parametrize("url", ["postgresql://nobody@127.0.0.1:1/crm", "postgresql://nobody@nowhere.invalid/crm"])
def test_unreachable_database_is_transient(database: Database, url: str) -> None:
    store = database.opened(SqlStore(database.rules(RULES, CRM_URL=url)))

    for call in (store.preflight, lambda: store.anonymize([task("c1")]), lambda: store.ledger(["x"])):
        with pytest.raises(TransientError):
            call()


def test_missing_permission_is_transient(database: Database) -> None:
    add_customers(database, [1])
    database.store()
    role = "reader_" + database.rows("SELECT md5(current_database())")[0][0]
    database.run(f"CREATE ROLE {role} LOGIN PASSWORD '{role}'; GRANT USAGE ON SCHEMA crm, lapse TO {role}")
    try:
        store = database.opened(SqlStore(database.rules(RULES, CRM_URL=database.url_as(role))))
        with pytest.raises(TransientError) as caught:
            store.anonymize([task("c1")])
        assert caught.value.code == "42501"
    finally:
        database.run(f"DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.mark.parametrize("ddl", ["DROP TABLE crm.notes", "ALTER TABLE crm.customers DROP COLUMN phone"])
def test_schema_that_left_the_rules_is_permanent(database: Database, ddl: str) -> None:
    add_customers(database, [1])
    store = database.store()
    store.preflight()
    database.run(ddl)
    before = database.rows("SELECT CAST(t AS text) FROM crm.customers AS t")

    for broken in (store, database.opened(SqlStore(database.rules()))):
        with pytest.raises(PermanentError):
            broken.anonymize([task("c1")])

    assert database.rows("SELECT CAST(t AS text) FROM crm.customers AS t") == before


def test_two_processes_with_the_same_command_carry_it_out_once(database: Database) -> None:
    add_customers(database, [1])
    first, others = database.store(), []

    def other_process() -> None:
        others.append(first.anonymize([task("c1")])[0].outcome)

    # the other one finishes before this one's lock, after it has looked for its schema
    second = database.opened(SqlStore(database.rules(), failing(1, other_process)))
    answers = second.anonymize([task("c1")])

    assert (others, answers[0].outcome) == (["DONE"], "ALREADY_DONE")
    assert len(database.ledger()) == 1


def no_canary(error: LapseError) -> bool:
    chain = [error, error.__cause__, error.__context__]
    told = "".join("".join(traceback.format_exception(one)) for one in chain if one is not None)
    return "CANARY" not in told + repr(error) + str(vars(error)) and error.__context__ is None


def test_no_error_carries_a_value_or_its_cause(database: Database) -> None:
    add_customers(database, [1])
    store = database.store()
    database.run("ALTER TABLE crm.customers ALTER COLUMN balance TYPE text, DROP COLUMN segment")
    store.preflight()
    database.run("ALTER TABLE crm.customers DROP COLUMN balance")

    customer = "CANA" + "RY"  # not as one word: a traceback quotes this file
    with pytest.raises(LapseError) as caught:
        store.anonymize([task(customer)])

    assert no_canary(caught.value)
