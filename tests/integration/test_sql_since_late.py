"""A service that was down for days while its customer came back: through all roles, on all three databases."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from consumers.adapters.memory.store import MemoryRow
from consumers.domain.retention import moment
from tests.integration.test_sql_since import RULES, SCHEMA
from tests.support.build import NOW
from tests.support.three_databases import BACKENDS, AnyDatabase, new_any, store_of
from tests.support.world import PURPOSE, World, closed

pytestmark = pytest.mark.integration


@pytest.fixture(params=BACKENDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyDatabase]:
    with new_any(request, tmp_path, SCHEMA) as made:
        yield made


def at(days: float) -> str:
    return f"{moment(NOW) + timedelta(days=days):%Y-%m-%d %H:%M:%S}"


def remarks(database: AnyDatabase) -> list[tuple[Any, ...]]:
    return database.rows("SELECT id, remark FROM orders ORDER BY id")


def people(database: AnyDatabase) -> list[tuple[Any, ...]]:
    return [(phone, bool(flag)) for phone, flag in database.rows("SELECT phone, anonymized FROM customers")]


def tick(world: World) -> None:
    world.request_tick()
    world.run("ticker")


def test_what_a_customer_did_while_the_service_was_down_is_left_to_his_next_due_date(
    database: AnyDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.run(f"INSERT INTO customers VALUES (1, 'c1', '555', '{at(-900)}', false)")
    database.run(f"INSERT INTO orders VALUES (10, 1, 'old', '{at(-90)}')")
    world = World(("crm", "loans"))
    stores: dict[str, Any] = {**world.stores, "crm": store_of(database, RULES)}
    monkeypatch.setattr(world, "stores", stores)
    stores["loans"].rows["c1"] = MemoryRow("name")
    world.publish(closed("c1"))
    world.run("state")
    tick(world)
    world.run("loans")
    assert world.outcomes() == ["DONE"]

    world.days(3)
    world.publish(closed("c1", days_ago=-2, product="loan/2"))
    world.run("state")
    database.run(f"INSERT INTO orders VALUES (11, 1, 'new', '{at(2)}')")
    world.run("crm")

    assert world.outcomes("crm") == ["DONE"]
    assert (remarks(database), people(database)) == ([(10, None), (11, "new")], [(None, False)])
    assert world.item("c1").of(PURPOSE).command is None
    tick(world)
    world.run("crm")
    assert remarks(database) == [(10, None), (11, "new")]

    world.days(40)
    tick(world)
    world.run("crm", "loans")
    assert world.outcomes("crm") == ["DONE", "DONE"]
    assert (remarks(database), people(database)) == ([(10, None), (11, None)], [(None, True)])
    assert world.records("dead-letters") == []
