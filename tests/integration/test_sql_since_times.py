"""What counts as newer than a command, by what databases know of times."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.test_sql_since import (
    AFTER,
    BEFORE,
    RULES,
    SCHEMA,
    THEN,
    command,
    customer,
    masked,
    opened,
    order,
)
from tests.support.other_databases import OtherDatabase
from tests.support.sql_store import Database
from tests.support.three_databases import AnyDatabase, new_any

pytestmark = pytest.mark.integration


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyDatabase]:
    backend, _, kind = request.param.partition(" ")
    request.param = backend
    with new_any(request, tmp_path, SCHEMA.replace("created_at timestamp(6) NULL", f"created_at {kind}")) as made:
        yield made


def newer(database: AnyDatabase, *times: str | None) -> list[str | None]:
    """Those of these times whose rows are left alone."""
    customer(database, 1)
    for number, at in enumerate(times):
        order(database, number, 1, at)
    assert opened(database).anonymize([command("c1")])[0].outcome == "DONE"
    taken = set(masked(database))
    return [at for number, at in enumerate(times) if number not in taken]


@pytest.mark.parametrize("database", ["postgres timestamptz"], indirect=True)
def test_an_instant_is_one_in_any_zone_and_infinity_is_later(database: AnyDatabase) -> None:
    assert isinstance(database, Database)
    database.run(f"ALTER DATABASE {database.name} SET timezone = 'Asia/Tokyo'")
    later = [f"{AFTER}+00", "2026-05-17 14:00:00.123457+02", "infinity"]

    assert newer(database, f"{THEN}+00", "2026-05-17 14:00:00.123456+02", "-infinity", *later) == later


@pytest.mark.parametrize("database", ["postgres timestamp"], indirect=True)
def test_a_timestamp_without_a_zone_is_utc(database: AnyDatabase) -> None:
    assert isinstance(database, Database)
    database.run(f"ALTER DATABASE {database.name} SET timezone = 'Asia/Tokyo'")

    assert newer(database, BEFORE, THEN, "-infinity", AFTER, "infinity") == [AFTER, "infinity"]


@pytest.mark.parametrize(
    "database", ["mariadb datetime(6)", "mariadb timestamp(6) NULL", "mariadb date"], indirect=True
)
def test_a_zero_date_is_not_newer(database: AnyDatabase) -> None:
    assert isinstance(database, OtherDatabase)
    later = "2026-05-18 00:00:00"
    customer(database, 1)
    order(database, 1, 1, later)
    with database.session() as session:
        session.exec_driver_sql("SET SESSION sql_mode = ''")
        session.exec_driver_sql("INSERT INTO orders VALUES (2, 1, 'remark', '0000-00-00')")
        session.exec_driver_sql("INSERT INTO orders VALUES (3, 1, 'remark', '2026-05-17 23:59:59')")
        session.commit()

    assert opened(database).anonymize([command("c1")])[0].outcome == "DONE"

    same_day = (
        database.rows(
            "SELECT data_type FROM information_schema.columns WHERE column_name = 'created_at'"
            f" AND table_schema = '{database.name}'"
        )[0][0]
        == "date"
    )
    assert masked(database) == ([2, 3] if same_day else [2])


@pytest.mark.parametrize(
    "database", ["sqlite text", "sqlite timestamp", "sqlite datetime", "sqlite date"], indirect=True
)
def test_sqlite_tells_by_what_is_written(database: AnyDatabase) -> None:
    old = [
        BEFORE,
        THEN,
        "2026-05-17",
        "2026-05-17T12:00:00.1234569Z",
        "2026-05-17T14:00:00.123456+02:00",
        "2026-05-17T12:00",
        "",
        "yesterday",
        None,
    ]
    later = [
        AFTER,
        "2026-05-18",
        "2026-05-17T12:00:00.123457Z",
        "2026-05-17T14:00:01+02:00",
        "2026-05-17T12:01",
        "9999-12-31",
    ]

    assert newer(database, *old, *later) == later


@pytest.mark.parametrize("database", ["sqlite timestamp"], indirect=True)
def test_a_number_on_sqlite_fails_its_customer_alone(database: AnyDatabase) -> None:
    for number in (1, 2):
        customer(database, number)
        order(database, number, number, BEFORE)
    database.run("UPDATE orders SET created_at = 1779999999 WHERE id = 1")

    answers = opened(database).anonymize([command("c1"), command("c2")])

    assert [(each.outcome, each.error_code) for each in answers] == [("FAILED", "SQLITE_FUNCTION"), ("DONE", None)]
    assert masked(database) == [2]


@pytest.mark.parametrize("database", ["mariadb timestamp(6) NULL"], indirect=True)
def test_what_mariadb_sets_with_a_change_stays_as_it_was(database: AnyDatabase) -> None:
    database.run(
        "ALTER TABLE customers ADD COLUMN changed timestamp(6) DEFAULT '2020-01-01' ON UPDATE current_timestamp(6)"
    )
    customer_row = "INSERT INTO customers VALUES (1, 'c1', 'phone', NULL, false, '2020-01-01')"
    database.run(customer_row)
    order(database, 1, 1, AFTER)

    answer = opened(database, RULES.replace("[joined_at]", "[joined_at, changed]")).anonymize([command("c1")])[0]

    assert answer.rows == {"customers": 1}
    assert database.rows("SELECT anonymized, CAST(changed AS char) FROM customers") == [
        (0, "2020-01-01 00:00:00.000000")
    ]
