"""Pre-flight on MariaDB and SQLite: each code with what triggers it, and the repair after which the rules are clean."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool

from consumers.domain.errors import PermanentError
from consumers.domain.work import Finding
from consumers.stores import RulesError, SqlStore, ledger_ddl, migration
from consumers.stores.sql.dialects import mariadb as dialect
from tests.support.other_databases import RULES, OtherDatabase, add_customers, new_mariadb, new_other, new_sqlite
from tests.support.sql_store import task

pytestmark = pytest.mark.integration
ADD = "ALTER TABLE customers ADD COLUMN x "
BARE = """
CREATE TABLE customers (
    id bigint PRIMARY KEY, customer_id varchar(64) NOT NULL, personal_number varchar(12) NOT NULL,
    email varchar(80), phone text, birth_date date, balance int, status varchar(20), segment varchar(20),
    changed timestamp NULL);
CREATE UNIQUE INDEX persons ON customers (personal_number);
CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint NOT NULL, address text);
CREATE TABLE order_lines (id bigint PRIMARY KEY, order_id bigint, remark text);
CREATE TABLE notes (id integer AUTO_INCREMENT PRIMARY KEY, customer bigint, body text);
CREATE TABLE countries (code varchar(2) PRIMARY KEY)
"""
JOINED = (
    RULES.replace("orders: {parent: customers,", "orders: {parent: customers, join: {customer: id},")
    .replace("lines: {parent: orders,", "lines: {parent: orders, join: {order_id: id},")
    .replace("notes: {parent: customers,", "notes: {parent: customers, join: {customer: id},")
)


class Case(NamedTuple):
    """`breaks` is DDL, `x` what is done to a column of that name; `repair` is DDL, else what the finding says."""

    code: str
    place: str
    breaks: str
    x: str = ""
    repair: str | None = None


@pytest.fixture
def mariadb_database(mariadb: str, tmp_path: Path) -> Iterator[OtherDatabase]:
    with new_mariadb(mariadb, tmp_path) as made:
        yield made


@pytest.fixture
def sqlite_database(tmp_path: Path) -> Iterator[OtherDatabase]:
    with new_sqlite(tmp_path) as made:
        yield made


@pytest.fixture(params=["mariadb", "sqlite"])
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OtherDatabase]:
    with new_other(request, tmp_path, BARE, BARE.replace("AUTO_INCREMENT ", "")) as made:
        yield made


X = "tables.customers.mask.x"
CASES = [
    Case("not_null", X, ADD + "varchar(40) NOT NULL DEFAULT 'a'", "set_null"),
    Case("type_mismatch", X, ADD + "int", "empty", "ALTER TABLE customers MODIFY x text"),
    Case("type_mismatch", X, ADD + "timestamp NULL", "zeros", "ALTER TABLE customers MODIFY x datetime"),
    Case("type_mismatch", X, ADD + "tinyint unsigned", "{static: 256}", "ALTER TABLE customers MODIFY x smallint"),
    Case("too_long", X, ADD + "varchar(30) CHARACTER SET latin1", "unique_token"),
    Case("enum_member", X, ADD + "enum('a', 'it''s')", "{static: b}", "ALTER TABLE customers MODIFY x enum('a', 'b')"),
    Case(
        "unique",
        X,
        ADD + "varchar(40) UNIQUE",
        "zeros",
        "ALTER TABLE customers DROP INDEX x, ADD UNIQUE (x, token)",
    ),
    Case(
        "unique",
        X,
        ADD + "varchar(40), ADD UNIQUE (x(5), segment)",
        "{truncate: {characters: 2}}",
        "ALTER TABLE customers DROP INDEX x",
    ),
    Case("check_constraint", X, ADD + "varchar(40) CHECK (x <> 'b')", "{static: a}"),
    Case("check_constraint", X, ADD + "varchar(40), ADD CONSTRAINT short CHECK (length(x) < 9)", "{static: a}"),
    Case(
        "foreign_key",
        X,
        ADD + "varchar(2) REFERENCES countries (code)",
        "{static: SE}",
        "ALTER TABLE customers DROP FOREIGN KEY customers_ibfk_1",
    ),
    Case(
        "generated_column",
        X,
        ADD + "varchar(80) AS (segment) STORED",
        "{static: a}",
        "ALTER TABLE customers MODIFY x varchar(80)",
    ),
    Case(
        "generated_column",
        X,
        ADD + "varchar(80), ADD COLUMN y varchar(20) AS (upper(x)) STORED",
        "unique_token",
        "ALTER TABLE customers MODIFY y text AS (upper(x)) STORED",
    ),
    Case(
        "unique",
        X,
        ADD + "varchar(80), ADD COLUMN y varchar(80) AS (upper(x)) STORED, ADD UNIQUE (y)",
        "zeros",
        "ALTER TABLE customers DROP INDEX y",
    ),
    Case("trigger", "tables.customers", "CREATE TRIGGER t BEFORE UPDATE ON customers FOR EACH ROW SET @a = 1"),
    Case("not_a_table", "tables.notes", "RENAME TABLE notes TO n; CREATE VIEW notes AS SELECT * FROM n",
         repair="DROP VIEW notes; RENAME TABLE n TO notes"),
    Case("trigger", "tables.notes", "CREATE TRIGGER t AFTER DELETE ON notes FOR EACH ROW SET @a = 1"),
    Case("missing_index", "tables.customers", "DROP INDEX customer_id ON customers"),
    Case("engine", "tables.notes", "ALTER TABLE notes DROP FOREIGN KEY notes_ibfk_1; ALTER TABLE notes ENGINE=MyISAM",
         repair="ALTER TABLE notes ENGINE=InnoDB, ADD FOREIGN KEY (customer) REFERENCES customers (id)"),
    Case("versioned", "tables.notes", "ALTER TABLE notes ADD SYSTEM VERSIONING"),
    Case("row_key", "tables.notes", "ALTER TABLE notes MODIFY id bigint, DROP PRIMARY KEY",
         repair="ALTER TABLE notes ADD PRIMARY KEY (id)"),
    Case("type_mismatch", X, ADD + "json", "{static: a}", "ALTER TABLE customers MODIFY x text"),
    Case("token_type", "tables.customers.token.column", "ALTER TABLE customers MODIFY token char(36) NULL",
         repair="ALTER TABLE customers MODIFY token char(36) NOT NULL DEFAULT ''"),
    Case("flag_type", "tables.customers.flag", "ALTER TABLE customers MODIFY anonymized int",
         repair="ALTER TABLE customers MODIFY anonymized boolean NOT NULL"),
    Case("unmapped_table", "tables", "CREATE TABLE cards (id int PRIMARY KEY, owner bigint REFERENCES customers (id))",
         repair="DROP TABLE cards"),
    Case("customer_type", "customer.type", "ALTER TABLE customers MODIFY customer_id int",
         repair="ALTER TABLE customers MODIFY customer_id varchar(64) NOT NULL"),
]  # fmt: skip

SQLITE_CASES = [
    Case("not_null", X, ADD + "text NOT NULL DEFAULT 'a'", "set_null",
         "ALTER TABLE customers DROP COLUMN x; " + ADD + "text"),
    Case("type_mismatch", X, ADD + "integer", "empty", "ALTER TABLE customers DROP COLUMN x; " + ADD + "text"),
    Case("type_mismatch", X, ADD + "decimal(9, 2)", "{bucket: {size: 10}}",
         "ALTER TABLE customers DROP COLUMN x; " + ADD + "integer"),
    Case("unique", X, ADD + "text; CREATE UNIQUE INDEX xs ON customers (x)", "zeros", "DROP INDEX xs"),
    Case("unique", X, ADD + "text; CREATE UNIQUE INDEX xs ON customers (x) WHERE x <> ''", "zeros", "DROP INDEX xs"),
    Case("check_constraint", X, ADD + "text CHECK (x <> 'b')", "{static: a}",
         "ALTER TABLE customers DROP COLUMN x; " + ADD + "text"),
    Case("foreign_key", X, ADD + "text REFERENCES COUNTRIES", "{static: SE}",
         "ALTER TABLE customers DROP COLUMN x; " + ADD + "text"),
    Case("generated_column", X, ADD + "text AS (segment)", "{static: a}",
         "ALTER TABLE customers DROP COLUMN x; " + ADD + "text"),
    Case("generated_column", X, ADD + "text; ALTER TABLE customers ADD COLUMN y text NOT NULL AS (upper(x))",
         "set_null", "ALTER TABLE customers DROP COLUMN y; ALTER TABLE customers ADD COLUMN y text AS (upper(x))"),
    Case("unique", X, ADD + "text; ALTER TABLE customers ADD COLUMN y text AS (upper(x)); "
         "CREATE UNIQUE INDEX ys ON customers (y)", "zeros", "DROP INDEX ys"),
    Case("trigger", "tables.customers", "CREATE TRIGGER t AFTER UPDATE OF status ON customers BEGIN SELECT 1; END"),
    Case("trigger", "tables.notes", 'CREATE TRIGGER "update on" BEFORE DELETE ON notes BEGIN SELECT 1; END',
         repair='DROP TRIGGER "update on"'),
    Case("missing_index", "tables.notes", "DROP INDEX notes_by_customer"),
    Case("not_a_table", "tables.notes", "ALTER TABLE notes RENAME TO n; CREATE VIEW notes AS SELECT * FROM n",
         repair="DROP VIEW notes; ALTER TABLE n RENAME TO notes"),
    Case("unique", X, ADD + "text; CREATE UNIQUE INDEX both ON customers (x, segment)", "redact", "DROP INDEX both"),
    Case("unmapped_table", "tables", "CREATE TABLE cards (id integer PRIMARY KEY, owner integer REFERENCES customers)",
         repair="DROP TABLE cards"),
]  # fmt: skip


def ids(cases: list[Case]) -> list[str]:
    return [f"{number}-{each.code}" for number, each in enumerate(cases)]


@pytest.mark.parametrize("case", CASES, ids=ids(CASES))
def test_mariadb_schema_is_refused_with_the_repair(mariadb_database: OtherDatabase, case: Case) -> None:
    check(mariadb_database, case)


@pytest.mark.parametrize("case", SQLITE_CASES, ids=ids(SQLITE_CASES))
def test_sqlite_schema_is_refused_with_the_repair(sqlite_database: OtherDatabase, case: Case) -> None:
    check(sqlite_database, case)


def check(database: OtherDatabase, case: Case) -> None:
    database.store()
    text = RULES.replace("phone: set_null", f"phone: set_null\n      x: {case.x}") if case.x else RULES
    text = text.replace("[segment]", "[segment, y]") if " y " in case.breaks else text
    split(database, case.breaks)

    found = preflight(database, text)

    assert (case.code, case.place) in {(one.code, one.place) for one in found}
    assert all(one.message and one.repair for one in found)
    own = next(one.repair for one in found if one.code == case.code).split(" or index:")[0]
    split(database, case.repair or own.removeprefix("keep the column, or "))
    assert preflight(database, text) == []


def split(database: OtherDatabase, sql: str) -> None:
    database.run(*([sql] if "TRIGGER" in sql else sql.split("; ")))


def preflight(database: OtherDatabase, text: str) -> list[Finding]:
    return database.opened(SqlStore(database.rules(text))).preflight()


def test_what_rules_ddl_prints_makes_a_bare_schema_fit(bare: OtherDatabase) -> None:
    database = bare
    rules = database.rules(JOINED)
    store = database.opened(SqlStore(rules))
    printed = migration([rules], [("crm", store.preflight())])
    assert ledger_ddl(rules) in printed

    database.run(*(each for each in plain(printed).split(";\n") if each.strip()))

    assert [(each.code, each.place) for each in store.preflight()] == []
    add_customers(database, [1, 2])
    with pytest.raises(Exception, match=r"(?i)unique|duplicate"):
        database.run("UPDATE customers SET personal_number = '777777777771'")  # the living stay unique
    assert [each.outcome for each in store.anonymize([task("c1"), task("c2")])] == ["DONE", "DONE"]
    assert database.rows("SELECT DISTINCT personal_number FROM customers") == [("000000000000",)]


def test_a_masked_column_that_places_rows_in_partitions_is_refused_on_mariadb(mariadb_database: OtherDatabase) -> None:
    mariadb_database.store()
    mariadb_database.run("ALTER TABLE order_lines DROP FOREIGN KEY order_lines_ibfk_1")
    mariadb_database.run(
        "ALTER TABLE order_lines MODIFY remark varchar(20) NOT NULL, DROP PRIMARY KEY, ADD PRIMARY KEY (id, remark) "
        "PARTITION BY LIST COLUMNS (remark) (PARTITION a VALUES IN ('a'))"
    )
    place = "tables.order_lines.mask.remark"
    assert ("partition", place) in {(each.code, each.place) for each in preflight(mariadb_database, JOINED)}
    kept = JOINED.replace("mask: {remark: {truncate: {characters: 3}}}", 'keep: {"it is needed": [remark]}')
    assert preflight(mariadb_database, kept) == []


def plain(printed: str) -> str:
    return "\n".join(line for line in printed.splitlines() if not line.startswith("--")) + "\n"


def test_what_rules_ddl_prints_for_mariadb_can_be_run_again(mariadb: str, tmp_path: Path) -> None:
    with new_mariadb(mariadb, tmp_path, BARE) as database:
        rules = database.rules(JOINED)
        printed = plain(migration([rules], [("crm", database.opened(SqlStore(rules)).preflight())]))
        for _ in range(2):
            database.run(*(each for each in printed.split(";\n") if each.strip()))
        assert preflight(database, JOINED) == []


def test_a_schema_sqlite_does_not_have_is_refused_by_name(sqlite_database: OtherDatabase) -> None:
    with pytest.raises(RulesError) as refused:
        sqlite_database.rules(RULES.replace('schema: "${CRM_SCHEMA}"', "schema: crm"))
    assert [each.place for each in refused.value.findings] == ["store.schema", "ledger.schema"]


def test_a_server_that_is_no_mariadb_is_refused(
    mariadb_database: OtherDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialect, "_OLDEST", (99, 0))
    with pytest.raises(PermanentError, match=r"not MariaDB 99\.0 or newer"):
        preflight(mariadb_database, RULES)


def test_a_role_that_lacks_a_grant_is_refused_with_the_repair(mariadb_database: OtherDatabase, mariadb: str) -> None:
    database = mariadb_database
    database.store()
    role = f"u{database.name[-12:]}"
    with create_engine(mariadb, isolation_level="AUTOCOMMIT", poolclass=NullPool).connect() as administrator:
        administrator.exec_driver_sql(f"CREATE USER {role} IDENTIFIED BY '{role}'")
        administrator.exec_driver_sql(f"GRANT SELECT, UPDATE, DELETE, INSERT ON {database.name}.* TO {role}")
        administrator.exec_driver_sql(f"GRANT TRIGGER ON {database.name}.notes TO {role}")
        try:
            database.url = (
                make_url(database.url).set(username=role, password=role).render_as_string(hide_password=False)
            )
            found = preflight(database, RULES)
            assert [(each.code, each.place) for each in found] == [
                ("temporary", "store.url"),
                *(("hidden_triggers", f"tables.{table}") for table in ("customers", "orders", "order_lines")),
            ]
            for each in found:
                assert each.repair.startswith("GRANT ")
                administrator.exec_driver_sql(f"{each.repair.partition(' TO ')[0]} TO {role}")
            assert preflight(database, RULES) == []
        finally:
            administrator.exec_driver_sql(f"DROP USER {role}")


def test_foreign_keys_are_told_apart_where_mariadb_cuts_their_names(mariadb_database: OtherDatabase) -> None:
    cards = "cards_" + "x" * 54  # with what the database appends longer than a name may be
    mariadb_database.run(
        f"CREATE TABLE {cards} (id int, of int, owner bigint, first_id int, first_of int, PRIMARY KEY (id, of))",
        f"ALTER TABLE {cards} ADD FOREIGN KEY (first_id, first_of) REFERENCES {cards} (id, of), "
        "ADD FOREIGN KEY (owner) REFERENCES customers (id)",
    )
    mapped = f"  {cards}: {{parent: customers, key: [id, of], keep: {{reference: [first_id, first_of]}}}}\n"
    rules = RULES.replace("  notes:", f"{mapped}  notes:")
    store = mariadb_database.store(rules)
    assert store.preflight() == []
    assert store.resolved().tables[cards].join == {"owner": "id"}
