"""Pre-flight of keys, joins, constraints, triggers and references: each code with its trigger and its repair."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.stores import SqlStore
from tests.support.sql_preflight import ADD, MASK, Case, check, masked, preflight
from tests.support.sql_store import RULES, Database, PostgresServer, new_database

pytestmark = pytest.mark.integration


@pytest.fixture
def database(postgres: PostgresServer, tmp_path: Path) -> Iterator[Database]:
    with new_database(postgres, tmp_path) as made:
        yield made


# what one partition has that the table and the others lack
PARTS = (
    "CREATE SCHEMA old; CREATE TABLE crm.parts (owner bigint, remark text) PARTITION BY HASH (owner); "
    "CREATE TABLE old.parts PARTITION OF crm.parts FOR VALUES WITH (MODULUS 1, REMAINDER 0); "
    "CREATE INDEX ON crm.parts (owner); "
)
PARTS_RULES = (
    "  notes:",
    "  parts: {parent: customers, join: {owner: id}, key: [owner], mask: {remark: {static: x}}}\n  notes:",
)

CASES = [
    Case("key", "tables.customers.key", ADD + "int", ("key: [id]\n    flag", "key: [x]\n    flag")),
    Case(
        "join",
        "tables.notes",
        "ALTER TABLE crm.notes DROP CONSTRAINT notes_customer_fkey",
        repair=("notes: {parent: customers,", "notes: {parent: customers, join: {customer: id},"),
    ),
    Case(
        "shared_rows",
        "tables.countries.join",
        rules=(
            'ignore: {"reference data": [countries]}',
            "  countries: {parent: customers, join: {code: segment}, rows: delete}",
        ),
        repair="CREATE UNIQUE INDEX ON crm.customers (segment)",
    ),
    Case("missing_index", "tables.customers", "DROP INDEX crm.customers_customer_id_idx"),
    Case(
        "missing_index",
        "tables.notes",
        "DROP INDEX crm.notes_customer_idx",
        repair=("rows: delete}", "rows: delete, index: {accept_scan: small}}"),
    ),
    Case(
        "unique",
        "tables.customers.mask.x",
        ADD + "text UNIQUE",
        masked("zeros"),
        repair="ALTER TABLE crm.customers DROP CONSTRAINT customers_x_key, ADD UNIQUE (x, token)",
    ),
    Case("unique", "tables.customers.mask.x", ADD + "text UNIQUE", masked("redact"), repair=masked("unique_phone")),
    Case(
        "unique",
        "tables.customers.mask.x",
        ADD + "text UNIQUE",
        masked("empty"),
        repair=masked('{template: "{token}"}'),
    ),
    Case(
        "unique",
        "tables.customers.mask.x",
        ADD + "text; CREATE UNIQUE INDEX i ON crm.customers (lower(x))",
        masked("zeros"),
        repair="DROP INDEX crm.i",
    ),
    Case(
        "unique",
        "tables.customers.mask.x",
        ADD + "text, ADD UNIQUE NULLS NOT DISTINCT (x)",
        masked("set_null"),
        repair="ALTER TABLE crm.customers DROP CONSTRAINT customers_x_key, ADD UNIQUE (x)",
    ),
    Case(
        "unique",
        "tables.customers.mask.x",
        ADD + "text, ADD UNIQUE (x, segment)",
        masked("{static: a}"),
        repair="ALTER TABLE crm.customers DROP CONSTRAINT customers_x_segment_key, ADD UNIQUE (x, email)",
    ),
    Case(
        "check_constraint",
        "tables.customers.mask.x",
        ADD + "text CONSTRAINT c CHECK (x <> '0')",
        masked("zeros"),
        repair="ALTER TABLE crm.customers DROP CONSTRAINT c",
    ),
    Case(
        "check_constraint",
        "tables.customers.mask.x",
        "CREATE DOMAIN crm.d AS text CHECK (VALUE <> '0'); " + ADD + "crm.d",
        masked("zeros"),
        repair="ALTER TABLE crm.customers ALTER x TYPE text",
    ),
    Case(
        "check_constraint",
        "tables.customers.flag",
        "ALTER TABLE crm.customers ADD CONSTRAINT c CHECK (NOT anonymized)",
        repair="ALTER TABLE crm.customers DROP CONSTRAINT c",
    ),
    Case(
        "check_constraint",
        "tables.customers.mask.x",
        "CREATE EXTENSION btree_gist; " + ADD + "int, ADD CONSTRAINT c EXCLUDE USING gist (x WITH =)",
        masked("zeros"),
        repair="ALTER TABLE crm.customers DROP CONSTRAINT c",
    ),
    Case(
        "foreign_key",
        "tables.customers.mask.x",
        ADD + "text REFERENCES crm.countries",
        masked("{static: a}"),
        repair=masked("set_null"),
    ),
    Case(
        "foreign_key",
        "tables.customers.mask.x",
        ADD + "uuid UNIQUE; CREATE TABLE crm.t (x uuid REFERENCES crm.customers (x)); CREATE INDEX ON crm.t (x)",
        (MASK, MASK + "\n      x: unique_token"),
        repair="DROP TABLE crm.t",
    ),
    Case(
        "foreign_key",
        "tables.notes.rows",
        "ALTER TABLE crm.notes ADD COLUMN id int PRIMARY KEY; CREATE TABLE crm.t (n int REFERENCES crm.notes); "
        "CREATE INDEX ON crm.t (n)",
        repair=("ignore:", "  t: {parent: notes, rows: delete}\nignore:"),
    ),
    Case(
        "trigger",
        "tables.customers",
        "CREATE FUNCTION crm.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; "
        "CREATE TRIGGER tr BEFORE UPDATE ON crm.customers FOR EACH ROW EXECUTE FUNCTION crm.f()",
    ),
    Case(
        "partition",
        "tables.parts.mask.region",
        "CREATE TABLE crm.parts (owner bigint, region text) PARTITION BY LIST (region); "
        "CREATE TABLE crm.north PARTITION OF crm.parts FOR VALUES IN ('north'); CREATE INDEX ON crm.parts (owner)",
        ("  notes:", "  parts: {parent: customers, join: {owner: id}, mask: {region: {static: OTHER}}}\n  notes:"),
        "CREATE TABLE crm.rest PARTITION OF crm.parts DEFAULT",
    ),
    Case(
        "unique",
        "tables.parts.mask.remark",
        PARTS + "CREATE UNIQUE INDEX one ON old.parts (remark)",
        PARTS_RULES,
        repair="DROP INDEX old.one",
    ),
    Case(
        "check_constraint",
        "tables.parts.mask.remark",
        PARTS + "ALTER TABLE old.parts ADD CONSTRAINT c CHECK (remark <> 'x')",
        PARTS_RULES,
        repair="ALTER TABLE old.parts DROP CONSTRAINT c",
    ),
    Case(
        "trigger",
        "tables.parts",
        PARTS + "CREATE FUNCTION crm.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; "
        "CREATE TRIGGER tr BEFORE UPDATE ON old.parts FOR EACH ROW EXECUTE FUNCTION crm.f()",
        PARTS_RULES,
    ),
    Case(
        "foreign_key",
        "tables.parts.mask.remark",
        PARTS + "ALTER TABLE old.parts ADD FOREIGN KEY (remark) REFERENCES crm.countries",
        PARTS_RULES,
        repair="ALTER TABLE old.parts DROP CONSTRAINT parts_remark_fkey",
    ),
    Case(
        "not_null",
        "tables.parts.mask.remark",
        PARTS + "ALTER TABLE old.parts ALTER remark SET NOT NULL",
        ("  notes:", PARTS_RULES[1].replace("{static: x}", "set_null")),
        repair="ALTER TABLE old.parts ALTER remark DROP NOT NULL",
    ),
    Case("trigger", "tables.notes", "CREATE RULE r AS ON DELETE TO crm.notes DO INSTEAD NOTHING"),
    Case(
        "unmapped_table",
        "tables",
        "CREATE TABLE crm.t (c bigint REFERENCES crm.orders)",
        repair=("[countries]", "[countries, t]"),
    ),
    Case(
        "unmapped_table",
        "tables",
        "CREATE SCHEMA other; CREATE TABLE other.t (c bigint REFERENCES crm.customers)",
        repair=("[countries]", "[countries, other.t]"),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.code}-{CASES.index(case)}")
def test_preflight_names_the_problem_and_is_clean_after_its_repair(database: Database, case: Case) -> None:
    check(database, case)


def test_transitive_reference_over_an_ignored_table_is_found(database: Database) -> None:
    database.store()
    database.run("CREATE TABLE crm.a (id int PRIMARY KEY, c bigint REFERENCES crm.customers)")
    database.run("CREATE TABLE crm.b (a int REFERENCES crm.a)")

    found = preflight(database, RULES.replace("[countries]", "[countries, a]"))

    assert [(one.code, one.message) for one in found] == [("unmapped_table", "b refers to a customer through crm.a.")]


def test_row_security_is_found_for_a_role_it_binds(database: Database) -> None:
    database.store()
    role = "reader_" + database.rows("SELECT md5(current_database())")[0][0]
    database.run(f"CREATE ROLE {role} LOGIN PASSWORD '{role}'; ALTER TABLE crm.customers ENABLE ROW LEVEL SECURITY")
    database.run(f"GRANT USAGE ON SCHEMA crm, lapse TO {role}")
    try:
        store = database.opened(SqlStore(database.rules(RULES, CRM_URL=database.url_as(role))))
        assert "row_security" in {one.code for one in store.preflight()}
    finally:
        database.run(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_preflight_touches_nothing_and_needs_few_statements(database: Database) -> None:
    store = database.store()
    before = database.rows("SELECT count(*) FROM pg_class")

    store.preflight()

    assert database.rows("SELECT count(*) FROM pg_class") == before
