"""A customer who comes back while his command is carried out late."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from tests.integration.test_sql_shared_races import waits
from tests.integration.test_sql_since import (
    LATER,
    LONG_AFTER,
    LONG_BEFORE,
    SCHEMA,
    command,
    customer,
    flagged,
    masked,
    opened,
    order,
)
from tests.support.three_databases import AnyDatabase, new_any

pytestmark = pytest.mark.integration


@pytest.fixture(params=["postgres", "mariadb"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyDatabase]:
    with new_any(request, tmp_path, SCHEMA) as made:
        yield made


def test_a_row_made_meanwhile_is_waited_for_and_left_alone(database: AnyDatabase) -> None:
    customer(database, 1)
    order(database, 10, 1, LONG_BEFORE)
    store = opened(database)
    with create_engine(database.url, poolclass=NullPool).connect() as application, ThreadPoolExecutor(1) as pool:
        application.exec_driver_sql(f"INSERT INTO orders VALUES (11, 1, 'remark', '{LONG_AFTER}')")
        done = pool.submit(store.anonymize, [command("c1")])
        waits(database)
        application.commit()

    assert done.result()[0].rows == {"customers": 1, "orders": 1, "order_lines": 1}
    assert (masked(database), flagged(database)) == ([10], [])
    assert store.anonymize([command("c1", 2, LATER)])[0].rows["orders"] == 2
