"""Northwind, somebody else's schema and data: drafted, decided on, and anonymized on PostgreSQL and MariaDB alike."""

import random
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from consumers.local import Services
from consumers.yaml_text import read_yaml
from tests.support import northwind
from tests.support.command_line import run
from tests.support.installation import Installation
from tests.support.northwind import Rows
from tests.support.other_databases import OtherDatabase, new_mariadb
from tests.support.sql_store import Database, PostgresServer, new_database

pytestmark = northwind.needed
SHOPS = ("shop", "shop-mariadb")

RULES = """
version: 1
service: {service}
purpose: care
store: {{kind: sql, url: "{url}", schema: {schema}}}
customer: {{type: text, column: customer_id}}
ledger: {{schema: {ledger}}}
tables:
  customers:
    key: [customer_id]
    flag: anonymized
    mask:
      company_name: {{static: Anonymized}}
      contact_name: {{static: Anonymized}}
      contact_title: set_null
      address: set_null
      city: set_null
      region: set_null
      postal_code: set_null
      phone: set_null
      fax: set_null
    keep:
      statistics: [country]
  customer_customer_demo: {{parent: customers, rows: delete}}
  orders:
    parent: customers
    key: [order_id]
    mask:
      ship_name: {{static: Anonymized}}
      ship_address: set_null
      ship_city: set_null
      ship_region: set_null
      ship_postal_code: set_null
    keep:
      bookkeeping: [order_date, required_date, shipped_date, ship_via, freight]
      "who sold it, in staff's own retention": [employee_id]
      statistics: [ship_country]
  order_details:
    parent: orders
    key: [order_id, product_id]
    keep:
      bookkeeping: [unit_price, quantity, discount]
ignore:
  "staff, another purpose": [employees, employee_territories]
  "business partners, another purpose": [suppliers, shippers]
  "reference data": [categories, customer_demographics, products, region, territories, us_states]
"""

DECIDED = [
    "customers.country: to be decided -> kept: statistics",
    "customers.region: to be decided -> set_null",
    "customer_customer_demo: rows -> delete",
    "orders.employee_id: to be decided -> kept: who sold it, in staff's own retention",
    "orders.freight: to be decided -> kept: bookkeeping",
    "orders.order_date: to be decided -> kept: bookkeeping",
    "orders.required_date: to be decided -> kept: bookkeeping",
    "orders.ship_country: to be decided -> kept: statistics",
    "orders.ship_region: to be decided -> set_null",
    "orders.ship_via: to be decided -> kept: bookkeeping",
    "orders.shipped_date: to be decided -> kept: bookkeeping",
    "order_details.discount: to be decided -> kept: bookkeeping",
    "order_details.quantity: to be decided -> kept: bookkeeping",
    "order_details.unit_price: to be decided -> kept: bookkeeping",
]
"""All that a person had to change in the draft."""

ANONYMIZED: dict[str, dict[str, str | None]] = {
    "customers": {"company_name": "Anonymized", "contact_name": "Anonymized"}
    | dict.fromkeys(("contact_title", "address", "city", "region", "postal_code", "phone", "fax")),
    "orders": {"ship_name": "Anonymized"}
    | dict.fromkeys(("ship_address", "ship_city", "ship_region", "ship_postal_code")),
}


class Northwind(Installation):
    """Two services, the same shop on two kinds of database."""

    shops: dict[str, Database | OtherDatabase]

    def make_database(self, service: str) -> None:
        """Write the rules, add what `rules ddl` prints, and see that nothing is left to find."""
        file, shop = self.folder / f"{service}.yaml", self.shops[service]
        file.write_text(rules(service, shop), encoding="utf-8")
        printed = run("rules", "ddl", str(file))
        assert (printed.code, printed.err) == (0, "")
        assert "left to you" not in printed.out
        migrate(shop, printed.out)
        assert run("rules", "check", str(file)).out == "0 findings in 1 files\n"

    def drop_databases(self) -> None:
        """Whoever made them does."""

    def dump(self, service: str) -> Rows:
        """Every row of every table."""
        return dumped(self.shops[service])

    def outcomes(self, service: str) -> dict[str, str]:
        """Outcome by customer, as the ledger has it."""
        shop = self.shops[service]
        return dict(shop.rows(f"SELECT customer_id, outcome FROM {ledger_schema(shop)}.lapse_ledger"))


def ledger_schema(shop: Database | OtherDatabase) -> str:
    return "lapse" if isinstance(shop, Database) else shop.name


def rules(service: str, shop: Database | OtherDatabase) -> str:
    schema = "public" if isinstance(shop, Database) else shop.name
    return RULES.format(service=service, url=shop.url, schema=schema, ledger=ledger_schema(shop))


def migrate(shop: Database | OtherDatabase, printed: str) -> None:
    if isinstance(shop, Database):
        for part in printed.split("\n\n"):
            shop.run(part)
    else:
        shop.run("\n".join(line for line in printed.splitlines() if not line.startswith("--")) + "\n")


def dumped(shop: Database | OtherDatabase) -> Rows:
    return {table: shop.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in northwind.columns()}


@contextmanager
def shops(postgres: PostgresServer, mariadb: str, folder: Path) -> Iterator[dict[str, Database | OtherDatabase]]:
    with (
        new_database(postgres, folder, northwind.postgresql()) as first,
        new_mariadb(mariadb, folder, northwind.mariadb()) as second,
    ):
        yield dict(zip(SHOPS, (first, second), strict=True))


@pytest.fixture
def lapse(services: Services, postgres: PostgresServer, mariadb: str, tmp_path: Path) -> Iterator[Northwind]:
    with ExitStack() as stack:
        made = Northwind(services, tmp_path, SHOPS)
        made.shops = stack.enter_context(shops(postgres, mariadb, tmp_path))
        stack.callback(made.remove)
        made.install()
        yield made


def fates(table: dict[str, Any]) -> dict[str, str]:
    masked = {column: str(strategy) for column, strategy in table.get("mask", {}).items()}
    kept = ((column, why) for why, names in table.get("keep", {}).items() for column in names)
    return masked | {column: why if why == "to be decided" else f"kept: {why}" for column, why in kept}


def decided(draft: dict[str, Any], final: dict[str, Any]) -> list[str]:
    """What is otherwise in the final file, a line a column."""
    lines = []
    for name, table in final.items():
        before, after = fates(draft[name]), fates(table)
        changed = [each for each in sorted(after) if before[each] != after[each]]
        lines += [f"{name}.{each}: {before[each]} -> {after[each]}" for each in changed]
        lines += [f"{name}: rows -> {table['rows']}"] if "rows" in table else []
        assert all(draft[name].get(part) == table.get(part) for part in ("parent", "flag"))
    return lines


def test_northwind_is_drafted_alike_on_both_databases_and_a_person_changes_what_is_to_be_decided_alone(
    postgres: PostgresServer, mariadb: str, tmp_path: Path
) -> None:
    with shops(postgres, mariadb, tmp_path) as made:
        assert dumped(made["shop"]) == dumped(made["shop-mariadb"])
        for service, shop in made.items():
            printed = run("rules", "init", "--url", shop.url, "--service", service, "--purpose", "care")
            assert printed.code == 0, printed.err
            draft, final = read_yaml(printed.out), read_yaml(rules(service, shop))
            changed = decided(draft["tables"], final["tables"])
            assert changed == DECIDED
            for part in ("customer", "ledger", "service", "purpose"):
                assert draft[part] == final[part]
            assert "# - employees: 10 columns of 18 look personal; orders refers to it\n" in printed.out
    print("\nchanged by a person:", *changed, sep="\n  ")  # noqa: T201 - to be read with -s


def expected(before: Rows, due: Collection[str]) -> Rows:
    """The tables as they have to be, computed from those before and from who is due."""
    after = dict(before)
    after["customers"] = [_masked("customers", row, row[0], due) for row in before["customers"]]
    after["orders"] = [_masked("orders", row, row[1], due) for row in before["orders"]]
    after["customer_customer_demo"] = [row for row in before["customer_customer_demo"] if row[0] not in due]
    return after


def _masked(table: str, row: tuple[Any, ...], customer: str, due: Collection[str]) -> tuple[Any, ...]:
    if customer not in due:
        return row
    names = northwind.columns()[table]
    flag = row[len(names) :] and (True,)
    return tuple(ANONYMIZED[table].get(name, cell) for name, cell in zip(names, row, strict=False)) + flag


def test_northwind_is_anonymized_for_who_is_due_and_no_other_row_of_any_table_changes(lapse: Northwind) -> None:
    before = {service: lapse.dump(service) for service in SHOPS}
    assert before["shop"] == before["shop-mariadb"]
    customers = [row[0] for row in before["shop"]["customers"]]
    assert len(customers) == 91
    random.Random(91).shuffle(customers)
    opened, postponed, due = customers[:5], customers[5:35], set(customers[35:])
    lapse.close_product(*customers)
    with lapse.producer() as producer:
        for customer in postponed:
            producer.postpone(customer, "dispute/1", until=datetime.now(UTC) + timedelta(days=9))
        for customer in opened:
            producer.product_opened(customer, "subscription/1")
    with lapse.roles():
        lapse.wait_until_folded()
        assert lapse.tick().taken == len(due) == 56
        lapse.wait_until_completed(*due)
        after = {service: lapse.dump(service) for service in SHOPS}
        for service in SHOPS:
            assert after[service] == expected(before[service], due)
            assert lapse.outcomes(service) == dict.fromkeys(due, "DONE")
        assert after["shop"] == after["shop-mariadb"]
        assert lapse.tick().taken == 0
    assert {service: lapse.dump(service) for service in SHOPS} == after
    assert lapse.count("dead-letters") == 0
