"""`lapse rules plan` counts one customer's rows on a real database, and leaves no trace of having done so."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command_line import Answer, refused, run
from tests.support.sql_store import RULES, Database, PostgresServer, add_customers, new_database, task

pytestmark = pytest.mark.integration
COUNTRIES = ('ignore: {"reference data": [countries]}', "  regions: {parent: customers, keep: {statistics: [name]}}")


@pytest.fixture
def database(postgres: PostgresServer, tmp_path: Path) -> Iterator[Database]:
    with new_database(postgres, tmp_path) as made:
        add_customers(made, [1, 2])
        yield made


def plan(database: Database, folder: Path, customer: str, *words: str, text: str = RULES) -> Answer:
    file = folder / "crm.yaml"
    file.write_text(text.replace("${CRM_URL}", database.url), encoding="utf-8")
    answer = run("rules", "plan", str(file), "--customer", customer, *words)
    assert "CANARY" not in answer.out + answer.err
    assert customer not in (answer.out + answer.err).split()
    return answer


def test_rules_plan_counts_rows_and_names_columns_and_touches_nothing(database: Database, tmp_path: Path) -> None:
    database.store()
    before = database.snapshot()
    answer = plan(database, tmp_path, "c1", "--json")
    assert answer.code == 0
    masked = ["personal_number", "email", "phone", "birth_date", "balance", "status"]
    names = ("table", "action", "rows", "masked", "own", "kept")
    assert json.loads(answer.out) == [
        dict(zip(names, row, strict=True))
        for row in (
            ("customers", "masked", 1, masked, ["anonymized", "token"], ["customer_id", "id", "segment"]),
            ("orders", "masked", 1, ["address"], [], ["id", "customer"]),
            ("order_lines", "masked", 2, ["remark"], [], ["id", "order_id"]),
            ("notes", "deleted", 1, [], [], []),
        )
    ]
    assert database.snapshot() == before
    assert database.ledger() == []


def test_rules_plan_prints_a_table_with_a_kept_table_not_counted(database: Database, tmp_path: Path) -> None:
    database.store()
    database.run(
        "CREATE TABLE crm.regions (customer bigint REFERENCES crm.customers, name text);"
        "CREATE INDEX ON crm.regions (customer); INSERT INTO crm.regions VALUES (1, 'CANARY')"
    )
    told = plan(database, tmp_path, "c1", text=RULES.replace(*COUNTRIES))
    assert told.code == 0, told
    assert [line for line in told.out.splitlines() if "regions" in line and "kept" in line and " - " in line]


@pytest.mark.parametrize("customer", ["nobody", "c2"])
def test_rules_plan_of_an_unknown_or_anonymized_customer_finds_nothing(
    database: Database, tmp_path: Path, customer: str
) -> None:
    database.store().anonymize([task("c2")])
    answer = plan(database, tmp_path, customer)
    assert (answer.code, answer.out) == (0, "crm: nothing found that is not anonymized yet\n")
    assert json.loads(plan(database, tmp_path, customer, "--json").out) == []


def test_rules_plan_is_refused_where_rules_and_schema_differ(database: Database, tmp_path: Path) -> None:
    answer = plan(database, tmp_path, "c1")
    refused(answer, "1 findings keep crm from changing anything", "`lapse rules check")
    assert database.rows("SELECT 1 FROM information_schema.schemata WHERE schema_name = 'lapse'") == []


def test_rules_plan_leaves_no_id_in_the_servers_log(
    database: Database, postgres: PostgresServer, tmp_path: Path
) -> None:
    database.store()
    plan(database, tmp_path, "a-customer-with-a-long-id")
    assert "a-customer-with-a-long-id" not in postgres.log.read_text("utf-8")
