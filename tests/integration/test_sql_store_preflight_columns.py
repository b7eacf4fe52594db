"""Pre-flight of tables, columns and new values: each code with what triggers it and what repairs it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.sql_preflight import ADD, Case, check, kept, masked
from tests.support.sql_store import Database, PostgresServer, new_database

pytestmark = pytest.mark.integration


@pytest.fixture
def database(postgres: PostgresServer, tmp_path: Path) -> Iterator[Database]:
    with new_database(postgres, tmp_path) as made:
        yield made


CASES = [
    Case(
        "unknown_table",
        "tables.orders",
        "ALTER TABLE crm.orders RENAME TO o",
        repair="ALTER TABLE crm.o RENAME TO orders",
    ),
    Case(
        "unknown_table", "ignore", rules=("[countries]", "[countries, nowhere]"), repair=("[countries]", "[countries]")
    ),
    Case(
        "not_a_table",
        "tables.v",
        "CREATE VIEW crm.v AS SELECT customer FROM crm.notes",
        ("  notes:", "  v: {parent: customers, join: {customer: id}, rows: delete}\n  notes:"),
        ("", ""),
    ),
    Case("unknown_column", "tables.customers.mask.x", rules=masked("set_null"), repair=ADD + "text"),
    Case("unknown_column", "tables.customers.keep.x", rules=kept(), repair=ADD + "text"),
    Case("unmapped_column", "tables.customers", ADD + "text", repair=kept()),
    Case(
        "missing_customer_column", "customer.column", rules=("column: customer_id", "column: nobody"), repair=("", "")
    ),
    Case("customer_type", "customer.type", rules=("type: text", "type: uuid"), repair=("", "")),
    Case("missing_flag", "tables.customers.flag", "ALTER TABLE crm.customers DROP COLUMN anonymized"),
    Case(
        "flag_type",
        "tables.customers.flag",
        ADD + "text",
        ("flag: anonymized", "flag: x"),
        "ALTER TABLE crm.customers ALTER x TYPE boolean USING false; ALTER TABLE crm.customers DROP COLUMN anonymized",
    ),
    Case("missing_token", "tables.customers.token.column", "ALTER TABLE crm.customers DROP COLUMN token"),
    Case(
        "token_type",
        "tables.customers.token.column",
        "ALTER TABLE crm.customers ALTER token TYPE varchar(20) USING ''",
        repair="ALTER TABLE crm.customers ALTER token TYPE varchar(36)",
    ),
    Case(
        "token_unique",
        "tables.customers.token.unique_with",
        "ALTER TABLE crm.customers DROP CONSTRAINT customers_personal_number_token_key",
    ),
    Case("not_null", "tables.customers.mask.x", ADD + "text NOT NULL", masked("set_null")),
    Case("too_long", "tables.customers.mask.x", ADD + "varchar(20)", masked("unique_token")),
    Case("too_long", "tables.customers.mask.x", ADD + "varchar(20)", masked("{unique_email: {domain: a.example}}")),
    Case(
        "too_long",
        "tables.customers.mask.x",
        ADD + "varchar(2)",
        masked("{static: abc}"),
        repair="ALTER TABLE crm.customers ALTER x TYPE varchar(3)",
    ),
    Case(
        "too_long",
        "tables.customers.mask.x",
        ADD + "numeric(4, 2)",
        masked("{static: 100}"),
        repair="ALTER TABLE crm.customers ALTER x TYPE numeric(5, 2)",
    ),
    Case("too_long", "tables.customers.mask.x", ADD + "varchar(15)", masked("unique_phone")),
    Case("too_long", "tables.customers.mask.x", ADD + "varchar(33)", masked('{template: "C {token}"}')),
    Case(
        "too_long",
        "tables.customers.mask.x",
        ADD + "numeric(5, 2)",
        masked("{bucket: {size: 1000}}"),
        repair="ALTER TABLE crm.customers ALTER x TYPE numeric(6, 2)",
    ),
    *(
        Case(
            "type_mismatch",
            "tables.customers.mask.x",
            ADD + "bytea",
            masked(strategy),
            repair="ALTER TABLE crm.customers ALTER x TYPE text USING ''",
        )
        for strategy in ("empty", "redact", "unique_phone", '{template: "{token}"}')
    ),
    *(
        Case(
            "type_mismatch",
            "tables.customers.mask.x",
            ADD + column,
            masked("{bucket: {size: 40000}}"),
            repair="ALTER TABLE crm.customers ALTER x TYPE int USING 0",
        )
        for column in ("smallint", "double precision", "date")
    ),
    Case(
        "type_mismatch",
        "tables.customers.mask.x",
        ADD + "text",
        masked("{json: {remove: [$.a], other_paths: keep}}"),
        repair="ALTER TABLE crm.customers ALTER x TYPE jsonb USING NULL",
    ),
    Case(
        "type_mismatch",
        "tables.customers.mask.x",
        ADD + "jsonb",
        masked("zeros"),
        repair="ALTER TABLE crm.customers ALTER x TYPE text",
    ),
    Case(
        "type_mismatch",
        "tables.customers.mask.x",
        ADD + "integer",
        masked("unique_token"),
        repair="ALTER TABLE crm.customers ALTER x TYPE uuid USING NULL",
    ),
    Case(
        "type_mismatch",
        "tables.customers.mask.x",
        ADD + "text",
        masked("{truncate: year}"),
        repair="ALTER TABLE crm.customers ALTER x TYPE date USING NULL",
    ),
    Case(
        "type_mismatch",
        "tables.customers.mask.x",
        ADD + "smallint",
        masked("{static: 40000}"),
        repair="ALTER TABLE crm.customers ALTER x TYPE int",
    ),
    Case(
        "enum_member",
        "tables.customers.mask.x",
        "CREATE TYPE crm.mood AS ENUM ('good'); " + ADD + "crm.mood",
        masked("{static: OTHER}"),
        repair="ALTER TYPE crm.mood ADD VALUE 'OTHER'",
    ),
    Case(
        "generated_column",
        "tables.customers.mask.x",
        ADD + "text GENERATED ALWAYS AS (segment) STORED",
        masked("set_null"),
        repair="ALTER TABLE crm.customers ALTER x DROP EXPRESSION",
    ),
    *(
        Case(
            code,
            "tables.customers.mask.x",
            f"{ADD} text; ALTER TABLE crm.customers ADD y {typed} GENERATED ALWAYS AS (upper(x)) STORED{more}",
            masked(how, keep="y"),
            repair=f"ALTER TABLE crm.customers {repair}",
        )
        for code, typed, more, how, repair in (
            ("generated_column", "varchar(20)", "", "unique_token", "ALTER y TYPE text"),
            ("generated_column", "text", " NOT NULL", "set_null", "ALTER y DROP NOT NULL"),
            ("unique", "text", " UNIQUE", "zeros", "DROP CONSTRAINT customers_y_key"),
            ("check_constraint", "text", " CHECK (y <> '0')", "zeros", "DROP CONSTRAINT customers_y_check"),
        )
    ),
    Case("missing_ledger", "ledger", "DROP TABLE lapse.lapse_ledger"),
    Case(
        "ledger_columns",
        "ledger",
        "ALTER TABLE lapse.lapse_ledger DROP COLUMN traceparent",
        repair="ALTER TABLE lapse.lapse_ledger ADD COLUMN traceparent text",
    ),
    Case(
        "ledger_columns",
        "ledger",
        "ALTER TABLE lapse.lapse_ledger DROP CONSTRAINT lapse_ledger_pkey",
        repair="ALTER TABLE lapse.lapse_ledger ADD PRIMARY KEY (command_id, service)",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code}-{CASES.index(case)}")
def test_preflight_names_the_problem_and_is_clean_after_its_repair(database: Database, case: Case) -> None:
    check(database, case)
