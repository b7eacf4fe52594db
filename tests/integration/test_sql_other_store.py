"""MariaDB and SQLite under a batch: verified, isolated by customer, retried when away, and bytes compared as bytes."""
# long because both databases are asked the same

import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from consumers.domain.errors import LapseError, PermanentError, TransientError
from consumers.stores import Rules, SqlStore
from consumers.stores.sql.dialects import engine_for
from tests.support.other_databases import RULES, OtherDatabase, add_customers, new_other
from tests.support.sql_store import task, unnoticed

pytestmark = pytest.mark.integration
FRESH_ADDRESS = "0123456789abcdef0123456789abcdef@anonymized.invalid"
TOKEN = "01234567-89ab-4def-8123-456789abcdef"
QUICK = RULES.replace("statement_timeout: 5s", "statement_timeout: 1s")


class CrashError(Exception):
    """The process dies here."""


@pytest.fixture(params=["mariadb", "sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OtherDatabase]:
    with new_other(request, tmp_path) as made:
        yield made


@pytest.fixture(params=["mariadb"])
def mariadb_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OtherDatabase]:
    with new_other(request, tmp_path) as made:
        yield made


def kept_by_trigger(database: OtherDatabase, column: str, value: str) -> str:
    """What undoes a change of customer 2: a trigger that pre-flight has not seen."""
    if database.is_sqlite:
        put_back = f"UPDATE customers SET {column} = {value} WHERE id = 2"
        return f"CREATE TRIGGER meddle AFTER UPDATE ON customers WHEN OLD.id = 2 BEGIN {put_back}; END"
    new = f"IF(OLD.id = 2, {value}, NEW.{column})"
    return f"CREATE TRIGGER meddle BEFORE UPDATE ON customers FOR EACH ROW SET NEW.{column} = {new}"


@pytest.mark.parametrize(
    ("column", "value", "place"),
    [
        ("status", "OLD.status", "customers.status"),
        ("segment", "OLD.phone", "customers.*"),
        ("changed", "'2021-01-01 00:00:00'", "customers.*"),
        ("email", "OLD.email", "customers.email"),
        ("token", "OLD.token", "customers.token"),
        ("anonymized", "false", "customers.anonymized"),
        ("id", "-2", "customers.row"),
    ],
)
def test_what_is_not_as_the_rules_say_is_rolled_back_and_named(
    database: OtherDatabase, column: str, value: str, place: str
) -> None:
    add_customers(database, [1, 2, 3])
    database.run(
        "DELETE FROM order_lines WHERE order_id = 20",
        "DELETE FROM orders WHERE customer = 2",
        "DELETE FROM notes WHERE customer = 2",
        f"UPDATE customers SET email = '{FRESH_ADDRESS}', token = '{TOKEN}' WHERE id = 2",
    )
    store = database.store()
    assert store.preflight() == []
    database.run(kept_by_trigger(database, column, value))
    unnoticed(store)
    before = database.snapshot()

    answers = store.anonymize([task("c1"), task("c2"), task("c3")])

    assert [answer.outcome for answer in answers] == ["DONE", "FAILED", "DONE"]
    assert answers[1].error_code == f"not_verified:{place}"
    assert [row for row in database.snapshot()["customers"] if row[0] == 2] == [before["customers"][1]]
    assert commands(database) == sorted(task(name).command_id for name in ("c1", "c3"))


def test_rows_that_had_to_go_and_stay_are_named(database: OtherDatabase) -> None:
    add_customers(database, [1, 2])
    store = database.store()
    back = "INSERT INTO notes (rowid, customer, body) VALUES (OLD.rowid, OLD.customer, OLD.body)"
    if database.is_sqlite:
        database.run(f"CREATE TRIGGER meddle AFTER DELETE ON notes WHEN OLD.customer = 2 BEGIN {back}; END")
    else:
        database.run(
            "CREATE TRIGGER meddle BEFORE DELETE ON notes FOR EACH ROW "
            "IF OLD.customer = 2 THEN SIGNAL SQLSTATE '45000'; END IF"
        )

    answers = store.anonymize([task("c1"), task("c2")])

    refused = "not_verified:notes.rows" if database.is_sqlite else "1644"
    assert [answer.error_code for answer in answers] == [None, refused]
    assert database.rows("SELECT customer FROM notes") == [(2,)]


def commands(database: OtherDatabase) -> list[str]:
    return sorted(row[0] for row in database.rows("SELECT command_id FROM lapse_ledger"))


def failing(before: int, fail: Callable[[], None]) -> Callable[[Rules], Engine]:
    """An engine whose statement number `before` of a batch is lost; reading the schema is not counted."""

    def connect(rules: Rules) -> Engine:
        engine, seen = engine_for(rules), 0

        def count(*arguments: object) -> None:
            nonlocal seen
            seen += not any(each in str(arguments[2]) for each in ("information_schema", "pragma_", "sqlite_schema"))
            if seen == before:
                fail()

        event.listen(engine, "before_cursor_execute", count)
        return engine

    return connect


def crash() -> None:
    raise CrashError


def statements_of(database: OtherDatabase) -> int:
    seen: list[str] = []
    store = database.opened(SqlStore(database.rules()))
    event.listen(store._engine, "before_cursor_execute", lambda *arguments: seen.append(arguments[2]))
    store.anonymize([task("absent")])
    store.anonymize([task("c9")])
    return len(seen)


def test_crash_before_any_statement_leaves_nothing_and_converges(database: OtherDatabase) -> None:
    add_customers(database, [1, 2, 9])
    store = database.store()
    last = statements_of(database)
    untouched, ledger = database.snapshot(), commands(database)
    assert last > 30
    for before in range(1, last, 3):
        broken = database.opened(SqlStore(database.rules(), failing(before, crash)))
        try:
            broken.anonymize([task("c1"), task("c2")])
        except CrashError:
            assert (database.snapshot(), commands(database)) == (untouched, ledger)
        else:
            break
    else:
        pytest.fail("no batch came through")
    assert [answer.outcome for answer in store.anonymize([task("c1"), task("c2")])] == ["ALREADY_DONE"] * 2
    assert "CANARY" not in str(database.snapshot())


def test_refused_customer_fails_alone_and_the_others_go_on(database: OtherDatabase) -> None:
    add_customers(database, [1, 2, 3])
    database.run("CREATE TABLE taken (phone varchar(20) PRIMARY KEY, id integer)")
    store = database.store(RULES.replace("[countries]", "[countries, taken]"))
    assert store.preflight() == []
    twice = "INSERT INTO taken SELECT 'x', 1 UNION ALL SELECT 'x', 2"
    if database.is_sqlite:
        database.run(f"CREATE TRIGGER meddle BEFORE UPDATE ON customers WHEN OLD.id = 2 BEGIN {twice}; END")
    else:
        database.run(
            f"CREATE TRIGGER meddle BEFORE UPDATE ON customers FOR EACH ROW IF OLD.id = 2 THEN {twice}; END IF"
        )
    unnoticed(store)

    answers = store.anonymize([task("c1"), task("c2"), task("c3")])

    assert [answer.outcome for answer in answers] == ["DONE", "FAILED", "DONE"]
    assert answers[1].error_code in {"1062", "SQLITE_CONSTRAINT_PRIMARYKEY"}
    assert "CANARY2" in str(database.snapshot())
    database.run("DROP TRIGGER meddle")
    unnoticed(store)
    assert store.anonymize([task("c2")])[0].outcome == "DONE"


def test_locked_row_is_transient_after_the_lock_timeout(database: OtherDatabase) -> None:
    add_customers(database, [1])
    store = database.store(QUICK)

    with database.session() as application:
        application.exec_driver_sql("UPDATE customers SET segment = 'south'")
        with pytest.raises(TransientError) as caught:
            store.anonymize([task("c1")])

    assert caught.value.code in {"1205", "1969", "SQLITE_BUSY"}
    assert store.anonymize([task("c1")])[0].outcome == "DONE"


def test_statement_that_takes_too_long_is_ended_and_transient(database: OtherDatabase) -> None:
    guard = "SELECT customer_id FROM customers WHERE customer_id IN :customers AND sleep(20) = 0"
    if database.is_sqlite:
        endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
        guard = f"SELECT customer_id FROM customers WHERE customer_id IN :customers AND ({endless}) > 0"
    add_customers(database, [1])
    store = database.store(QUICK.replace("ledger:", f'guard: "{guard}"\nledger:'))
    began = time.monotonic()

    with pytest.raises(TransientError) as caught:
        store.guard(["c1"])

    assert caught.value.code in {"1969", "SQLITE_INTERRUPT"}
    assert time.monotonic() - began < 15


def test_guard_cannot_write(database: OtherDatabase) -> None:
    store = database.store()
    with (
        pytest.raises(Exception, match=r"READ ONLY|readonly"),
        store._engine.connect() as connection,
        store._dialect.reading(connection) as reading,
    ):
        reading.exec_driver_sql("INSERT INTO countries VALUES ('SE')")
    assert database.rows("SELECT count(*) FROM countries") == [(0,)]


def test_deadlock_with_an_application_is_transient(mariadb_database: OtherDatabase) -> None:
    database = mariadb_database
    add_customers(database, range(1, 60))
    store = database.store()
    waiting = f"SELECT 1 FROM information_schema.PROCESSLIST WHERE db = '{database.name}' AND info LIKE 'UPDATE cust%%'"
    with database.session() as application, ThreadPoolExecutor(1) as pool:
        # it has changed more rows: the batch is the cheaper one to end
        application.exec_driver_sql("UPDATE orders SET address = 'south'")

        def ask_for_what_is_locked() -> None:
            pool.submit(application.exec_driver_sql, "UPDATE customers SET segment = 'south' WHERE id = 1")
            wait_for(database, waiting)

        broken = database.opened(SqlStore(database.rules(), after_lock(ask_for_what_is_locked)))
        with pytest.raises(TransientError) as caught:
            broken.anonymize([task("c1")])
    assert caught.value.code == "1213"
    assert store.anonymize([task("c1")])[0].outcome == "DONE"


def test_killed_connection_is_transient_and_rolled_back(mariadb_database: OtherDatabase) -> None:
    database = mariadb_database
    add_customers(database, [1])
    database.store()
    before = database.snapshot()

    def kill() -> None:
        sessions = f"SELECT id FROM information_schema.PROCESSLIST WHERE db = '{database.name}' AND command = 'Sleep'"
        for (session,) in database.rows(sessions):
            database.run(f"KILL {session}")

    store = database.opened(SqlStore(database.rules(), failing(12, kill)))
    with pytest.raises(TransientError):
        store.anonymize([task("c1")])

    assert (database.snapshot(), commands(database)) == (before, [])
    assert store.anonymize([task("c1")])[0].outcome == "DONE"


def test_only_the_id_itself_finds_a_customer(database: OtherDatabase) -> None:
    names = ["Anna", "anna", "ANNA", "anna ", "änna"]
    add_customers(database, range(1, len(names) + 1))
    for number, name in enumerate(names, start=1):
        database.run(f"UPDATE customers SET customer_id = '{name}' WHERE id = {number}")
    store = database.store()

    assert store.unflagged(["anna", "aNNA"]) == {"anna"}
    assert store.count(["ANNA", "Änna"]).keys() == {"ANNA"}
    assert [each.outcome for each in store.anonymize([task("anna"), task("aNNA")])] == ["DONE", "NOTHING_FOUND"]

    assert database.rows("SELECT id FROM customers WHERE anonymized") == [(2,)]


def test_an_id_longer_than_any_column_finds_nobody(database: OtherDatabase) -> None:
    add_customers(database, [1])
    assert database.store().unflagged(["c1" + "x" * 2000]) == frozenset()


def test_a_server_that_cuts_lists_loses_no_customer(mariadb_database: OtherDatabase) -> None:
    database = mariadb_database
    add_customers(database, range(1, 13))
    database.run("SET GLOBAL group_concat_max_len = 4")
    try:
        answers = database.store().anonymize([task(f"c{number}") for number in range(1, 13)])
    finally:
        database.run("SET GLOBAL group_concat_max_len = DEFAULT")

    rows = {"customers": 1, "orders": 1, "order_lines": 2, "notes": 1}
    assert [(each.outcome, each.rows) for each in answers] == [("DONE", rows)] * 12


def test_nothing_of_the_old_values_is_left_in_the_session(database: OtherDatabase) -> None:
    add_customers(database, [1])
    store = database.store()
    store.anonymize([task("c1"), task("absent")])
    store.anonymize([task("absent")])
    with store._engine.connect() as connection:
        name = "temp." if database.is_sqlite else ""
        for table in ("lapse_picked", *(f"lapse_stage_{number}" for number in range(4))):
            with pytest.raises(Exception, match=r"no such table|doesn't exist"):
                connection.exec_driver_sql(f"SELECT 1 FROM {name}{table}")


def test_no_error_carries_a_value_or_its_cause(database: OtherDatabase) -> None:
    add_customers(database, [1])
    database.run("UPDATE customers SET customer_id = 'CANARY'")
    store = database.store()
    store.preflight()
    database.run("DROP TABLE notes")
    customer = "CANA" + "RY"  # not as one word: a traceback quotes this file

    with pytest.raises(PermanentError) as caught:
        store.anonymize([task(customer)])

    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + str(vars(caught.value))
    assert "CANARY" not in told
    assert isinstance(caught.value, LapseError)
    assert caught.value.__context__ is None


def after_lock(act: Callable[[], None]) -> Callable[[Rules], Engine]:
    """An engine that lets somebody act once the root rows are locked."""

    def connect(rules: Rules) -> Engine:
        engine, waiting = engine_for(rules), [act]

        def watch(*arguments: object) -> None:
            if waiting and "SELECT DISTINCT ord" in str(arguments[2]):
                waiting.pop()()

        event.listen(engine, "before_cursor_execute", watch)
        return engine

    return connect


def wait_for(database: OtherDatabase, query: str) -> None:
    deadline = time.monotonic() + 10
    while not database.rows(query):
        assert time.monotonic() < deadline, query
