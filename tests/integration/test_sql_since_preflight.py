"""Pre-flight of `since`, on all three databases: a time that tells, and a way on which the next command comes again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.domain.work import Finding
from tests.integration.test_sql_since import ROOT, RULES, SCHEMA
from tests.support.three_databases import BACKENDS, AnyDatabase, new_any, store_of

pytestmark = pytest.mark.integration
ORDERS = "orders: {parent: customers, key: [id], "
MORE = """
ALTER TABLE customers ADD COLUMN number bigint;
ALTER TABLE customers ADD COLUMN lower_number bigint GENERATED ALWAYS AS (number) {how};
ALTER TABLE orders ADD COLUMN number bigint;
ALTER TABLE order_lines ADD COLUMN number bigint;
CREATE TABLE id_map (id bigint PRIMARY KEY, lapse_id varchar(64), customer_no bigint, branch bigint);
CREATE UNIQUE INDEX id_map_by_customer ON id_map (customer_no);
CREATE INDEX id_map_by_lapse_id ON id_map (lapse_id)
"""
SINCE_LINES = RULES.replace("since: created_at, ", "").replace(
    "order_lines: {parent: orders, key: [id], mask: {remark: set_null}}",
    'order_lines: {parent: orders, key: [id], since: at, mask: {remark: set_null}, keep: {"how long": [at]}}',
)
LOOKUP = (
    RULES.replace(
        "column: customer_id", "lookup: {table: id_map, match: lapse_id, gives: {number: customer_no}}"
    ).rstrip()
    + "\n  id_map: {parent: customers, key: [id], join: {customer_no: number}, "
)


@pytest.fixture(params=BACKENDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyDatabase]:
    with new_any(request, tmp_path, SCHEMA) as made:
        yield made


def refused(database: AnyDatabase, text: str) -> list[Finding]:
    """What pre-flight says of `since`, each with what to do."""
    found = [each for each in store_of(database, text).preflight() if each.code.startswith("since")]
    assert all(each.message and each.repair for each in found)
    return found


def places(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(each.code, each.place) for each in findings]


def more(database: AnyDatabase) -> None:
    for each in MORE.format(how="VIRTUAL" if database.url.startswith("sqlite") else "STORED").split(";\n"):
        database.run(each)


def test_a_column_that_is_not_there_is_refused(database: AnyDatabase) -> None:
    found = store_of(database, RULES.replace("since: created_at", "since: nowhere")).preflight()

    assert places(found) == [("unknown_column", "tables.orders.since")]


def test_a_column_that_tells_no_time_is_refused(database: AnyDatabase) -> None:
    assert places(refused(database, RULES.replace("since: created_at", "since: id"))) == [
        ("since_type", "tables.orders.since")
    ]


def test_a_column_that_tells_is_to_be_kept_or_masked_like_any(database: AnyDatabase) -> None:
    masks = "mask: {remark: set_null, created_at: set_null}"
    text = RULES.replace('mask: {remark: set_null}, keep: {"how long": [created_at]}', masks)

    assert store_of(database, text).preflight() == []
    [only] = store_of(database, text.replace(", created_at: set_null", "")).preflight()
    assert (only.code, only.place) == ("unmapped_column", "tables.orders")


def test_what_leads_down_to_rows_left_alone_is_not_masked(database: AnyDatabase) -> None:
    more(database)
    masks = RULES.replace("mask: {phone: set_null}", "mask: {phone: set_null, number: set_null}")
    text = masks.replace(ORDERS, f"{ORDERS}join: {{number: number}}, ")

    assert places(refused(database, text)) == [("since", "tables.customers.mask.number")]
    computed = masks.replace(ORDERS, f"{ORDERS}join: {{number: lower_number}}, ")
    assert places(refused(database, computed)) == [("since", "tables.customers.mask.number")]
    assert refused(database, text.replace("since: created_at, ", "")) == []


def test_neither_side_of_a_join_above_is_masked_but_the_lowest_one_may_be(database: AnyDatabase) -> None:
    more(database)
    database.run("ALTER TABLE order_lines ADD COLUMN at timestamp NULL")
    text = SINCE_LINES.replace("mask: {remark: set_null}", "mask: {remark: set_null, number: set_null}")
    text = text.replace(ORDERS, f"{ORDERS}join: {{number: id}}, ").replace(
        "parent: orders, key: [id], ", "parent: orders, key: [id], join: {number: id}, "
    )

    assert places(refused(database, text)) == [("since", "tables.orders.mask.number")]


def test_the_customer_id_is_not_masked_where_rows_are_left_alone_below_it(database: AnyDatabase) -> None:
    text = RULES.replace("mask: {phone: set_null}", "mask: {phone: set_null, customer_id: unique_token}")
    below = text.replace("since: written_on, ", "")

    assert places(refused(database, below)) == [("since", "tables.customers.mask.customer_id")]
    root = ROOT.replace("mask: {phone: set_null}", "mask: {phone: set_null, customer_id: unique_token}")
    alone = root.replace("since: created_at, ", "").replace("since: written_on, ", "")
    assert refused(database, alone) == []


@pytest.mark.parametrize(
    ("what", "place"),
    [("rows: delete}", "rows"), ("mask: {lapse_id: set_null}, keep: {x y z: [branch]}}", "mask.lapse_id")],
)
def test_a_lookup_that_is_cut_leads_to_nothing_left_alone(database: AnyDatabase, what: str, place: str) -> None:
    more(database)

    found = places(refused(database, LOOKUP + what))

    assert found == [("since", f"tables.id_map.{place}")] * 2  # for orders and for notes


def test_rows_that_hang_on_several_need_a_time_of_their_own(database: AnyDatabase) -> None:
    more(database)
    by_name = "join: {number: number}, "
    text = RULES.replace(
        "order_lines: {parent: orders, key: [id], ", f"order_lines: {{parent: orders, key: [id], {by_name}"
    )

    [only] = refused(database, text)
    assert (only.code, only.place) == ("since", "tables.order_lines.join")
    assert "number of orders is not unique" in only.message
    database.run("CREATE UNIQUE INDEX numbers ON orders (number)")
    assert refused(database, text) == []


def test_rows_that_hang_on_several_of_one_that_is_taken_or_not_need_none(database: AnyDatabase) -> None:
    more(database)
    text = ROOT.replace("since: created_at, ", "").replace("since: written_on, ", "")
    carried = text.replace(ORDERS, f"{ORDERS}join: {{customer: id}}, ").replace(
        "order_lines: {parent: orders, key: [id], ",
        "order_lines: {parent: orders, key: [id], join: {number: customer}, ",
    )

    assert refused(database, carried) == []
    assert places(refused(database, carried.replace("{number: customer}", "{number: number}"))) == [
        ("since", "tables.order_lines.join")
    ]
