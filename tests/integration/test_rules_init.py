"""`lapse rules init`: a draft from a live schema that loads, and that needs no more than `lapse rules ddl` adds."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consumers.stores import Rules, SqlStore, migration
from consumers.stores.sql.drafting.tables import COMPUTED, NOTHING_FITS, UNDECIDED
from consumers.yaml_text import read_yaml
from tests.support.command_line import Answer, refused, run
from tests.support.other_databases import OtherDatabase, add_customers, new_other
from tests.support.sql_store import Database, PostgresServer, new_database, task

pytestmark = pytest.mark.integration

HARD = """
CREATE SCHEMA crm;
CREATE TYPE crm.title AS ENUM ('Mr', 'Ms');
CREATE TABLE crm.countries (code text PRIMARY KEY, country_name text);
CREATE TABLE crm.people (
    id bigint PRIMARY KEY, customer_id uuid NOT NULL UNIQUE, email varchar(80) UNIQUE, work_email varchar(20) NOT NULL,
    phone varchar(20) NOT NULL UNIQUE, mobile bigint NOT NULL, first_name varchar(5) NOT NULL,
    nick_name text NOT NULL UNIQUE, login varchar(30) NOT NULL CHECK (login <> ''),
    personal_number varchar(12) NOT NULL UNIQUE, ssn text UNIQUE, birth_date date NOT NULL, contact_title crm.title,
    photo bytea NOT NULL, contact_country text REFERENCES crm.countries, segment text,
    full_name text GENERATED ALWAYS AS (first_name || nick_name) STORED);
"""

# mixed case, reserved words, quotes, line breaks, composite keys, a view, partitions, another schema, no schema at all
ODD = """
CREATE SCHEMA crm; CREATE SCHEMA other;
CREATE TABLE crm."Customer" (
    "Branch" int, "Order" int, "customer_ID" text NOT NULL UNIQUE, "First\tName: [ü] #" text, "no" text,
    "${HOME}" text, PRIMARY KEY ("Branch", "Order"));
CREATE TABLE crm."a user's ""Notes"" x" (
    "in" int NOT NULL, "of" int NOT NULL, "select" date NOT NULL, "free Text" text NOT NULL,
    FOREIGN KEY ("in", "of") REFERENCES crm."Customer", PRIMARY KEY ("in", "of", "select"))
    PARTITION BY RANGE ("select");
CREATE TABLE crm.notes_2026 PARTITION OF crm."a user's ""Notes"" x" FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE crm.replies (id int PRIMARY KEY, "in" int, "of" int, "select" date, message text,
    FOREIGN KEY ("in", "of", "select") REFERENCES crm."a user's ""Notes"" x");
CREATE VIEW crm.names AS SELECT "First\tName: [ü] #" AS name FROM crm."Customer";
CREATE MATERIALIZED VIEW crm.copies AS SELECT * FROM crm.names;
CREATE TABLE crm.countries (code text PRIMARY KEY, country_name text);
CREATE TABLE crm.shops (id int PRIMARY KEY, country text REFERENCES crm.countries);
CREATE TABLE crm."old letters" (customer_id text, name text, address text);
"""
NOTES = 'a user\'s "Notes" x'


@pytest.fixture(params=["mariadb", "sqlite"])
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OtherDatabase]:
    with new_other(request, tmp_path) as made:
        yield made


def init(url: str, *words: str) -> Answer:
    return run("rules", "init", "--url", url, "--service", "crm", "--purpose", "care", *words)


def drafted(database: Database | OtherDatabase, *words: str) -> str:
    answer = init(database.url, *words)
    assert (answer.code, answer.err) == (0, ""), answer
    return answer.out


def tables(text: str) -> Any:
    return read_yaml(text)["tables"]


def checked(database: Database, folder: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CRM_URL", database.url)
    (folder / "crm.yaml").write_text(text, encoding="utf-8")
    return run("rules", "check", str(folder / "crm.yaml")).out


def repaired(database: Database, rules: Rules) -> SqlStore:
    """The store, once what `rules ddl` only has to add has been added."""
    store = database.opened(SqlStore(rules))
    for each in store.preflight():
        if each.ddl:
            database.run(each.ddl.replace("CONCURRENTLY ", ""))
    return store


def remarks(text: str) -> list[str]:
    return [line.removeprefix("# - ") for line in text.splitlines() if line.startswith("# - ")]


def test_draft_masks_what_looks_personal_as_its_column_allows_and_leaves_the_rest_to_a_person(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    with new_database(postgres, tmp_path, HARD) as database:
        text = drafted(database, "--schema", "crm")
        assert tables(text)["people"] == {
            "key": ["id"],
            "flag": "anonymized",
            "token": {"column": "anonymization_token", "unique_with": ["personal_number"]},
            "mask": {
                "email": {"unique_email": {"domain": "anonymized.invalid"}},
                "work_email": "empty",
                "phone": "unique_phone",
                "mobile": "zeros",
                "first_name": "empty",
                "nick_name": {"template": "Customer {token}"},
                "personal_number": "zeros",
                "ssn": "set_null",
                "birth_date": {"truncate": "year"},
            },
            "keep": {
                NOTHING_FITS: ["login", "photo"],
                UNDECIDED: ["contact_title", "contact_country", "segment"],
                COMPUTED: ["full_name"],
            },
        }
        assert read_yaml(text)["customer"] == {"type": "uuid", "column": "customer_id"}
        assert repaired(database, database.rules(text)).preflight() == []
        database.run(
            "INSERT INTO crm.people SELECT n, gen_random_uuid(), n || '@x.y', 'w', n, n, 'Ann', n, 'a', n, n,"
            " '1980-05-17', 'Mr', '', NULL, 'north' FROM generate_series(1, 3) AS n"
        )
        (customer,) = next(iter(database.rows("SELECT CAST(customer_id AS text) FROM crm.people WHERE id = 1")))
        assert database.store(text).anonymize([task(customer)])[0].outcome == "DONE"


def test_draft_of_names_of_any_kind_loads_and_is_told_as_it_is(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "${HOME}")
    with new_database(postgres, tmp_path, ODD) as database:
        database.run('CREATE TABLE other.calls (number text REFERENCES crm."Customer" ("customer_ID"))')
        text = drafted(database, "--schema", "crm")
        made = tables(text)
        assert list(made) == ["Customer", NOTES, "replies"]
        assert made["Customer"] == {
            "key": ["Branch", "Order"],
            "flag": "anonymized",
            "mask": {"First\tName: [ü] #": {"static": "Anonymized"}},
            "keep": {UNDECIDED: ["no", "${HOME}"]},
        }
        assert made[NOTES] == {
            "parent": "Customer",
            "key": ["in", "of", "select"],
            "mask": {"free Text": {"static": "Anonymized"}},
        }
        assert made["replies"]["parent"] == NOTES
        told = remarks(text)
        assert "copies (a materialized view: it holds copies): 1 column of 1 looks personal" in told
        assert "old letters: 2 columns of 3 look personal; customer_id is called as the customer id is" in told
        assert any(each.startswith("tables: unmapped_table: other.calls refers to a customer") for each in told)
        assert not [each for each in told if each.startswith(("names", "notes_2026", "countries"))]
        found = repaired(database, database.rules(text, HOME="${HOME}")).preflight()
        assert [(each.code, each.place) for each in found] == [("unmapped_table", "tables")]


def test_rows_that_may_belong_to_two_customers_are_a_persons_to_decide(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = """
        CREATE TABLE customers (id int PRIMARY KEY, name text);
        CREATE TABLE transfers (id int PRIMARY KEY, giver int NOT NULL REFERENCES customers,
            taker int NOT NULL REFERENCES customers, note text);
        CREATE TABLE orders (id int PRIMARY KEY, buyer int NOT NULL REFERENCES customers);
        CREATE TABLE letters (id int PRIMARY KEY, reader int REFERENCES customers, about int NOT NULL REFERENCES orders)
        """
    with new_database(postgres, tmp_path, schema) as database:
        text = drafted(database)
        assert tables(text)["transfers"] == {
            "parent": "customers",
            "key": ["id"],
            "mask": {"note": "set_null"},
            "keep": {UNDECIDED: ["giver", "taker"]},
        }
        assert tables(text)["letters"]["parent"] == "orders"
        assert "letters.reader refers to customers: rows are found through orders alone." in remarks(text)
        assert "shop: tables.transfers: join:" in checked(
            database, tmp_path, text.replace("service: crm", "service: shop"), monkeypatch
        )


def test_draft_of_the_crm_schema_fits_mariadb_and_sqlite(other: OtherDatabase) -> None:
    text = drafted(other)
    made = tables(text)
    assert list(made) == ["customers", "orders", "notes", "order_lines"]
    # SQLite lets texts of any length into varchar(n)
    token = None if other.is_sqlite else {"column": "token", "unique_with": ["personal_number"]}
    assert made["customers"].get("token") == token
    assert set(made["customers"]["mask"]) == {"personal_number", "email", "phone", "birth_date"}
    assert made["order_lines"]["mask"] == {"remark": "set_null"}
    assert other.is_sqlite or made["customers"]["keep"][COMPUTED] == ["changed"]
    store = other.opened(SqlStore(other.rules(text)))
    assert {each.code for each in store.preflight()} <= {"missing_ledger", "missing_index"}
    store.create_ledger()
    for each in store.preflight():
        other.run(each.ddl)
    assert store.preflight() == []
    add_customers(other, [1, 2])
    assert [each.outcome for each in store.anonymize([task("c1")])] == ["DONE"]


def test_no_row_is_read_and_no_secret_printed(postgres: PostgresServer, tmp_path: Path) -> None:
    with new_database(postgres, tmp_path, HARD) as database:
        as_owner = drafted(database, "--schema", "crm")
        role = f"u{uuid.uuid4().hex[:12]}"
        database.run(f"CREATE ROLE {role} LOGIN PASSWORD '{role}'; GRANT USAGE ON SCHEMA crm TO {role}")
        try:
            assert init(database.url_as(role), "--schema", "crm").out == as_owner
        finally:
            database.run(f"DROP OWNED BY {role}; DROP ROLE {role}")
        assert role not in as_owner
        assert 'url: "${CRM_URL}"' in as_owner


def test_url_is_taken_from_the_variable_the_draft_names(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with new_database(postgres, tmp_path, HARD) as database:
        monkeypatch.setenv("OLD_CRM_URL", database.url)
        words = ("rules", "init", "--service", "old-crm", "--purpose", "care")
        answer = run(*words, "--schema", "crm")
        assert answer.code == 0
        assert 'url: "${OLD_CRM_URL}"' in answer.out
        monkeypatch.delenv("OLD_CRM_URL")
        refused(run(*words), "give --url, or OLD_CRM_URL in the environment")


def test_table_and_column_are_the_ones_named_and_unknown_ones_refused(postgres: PostgresServer, tmp_path: Path) -> None:
    with new_database(postgres, tmp_path, ODD) as database:
        words = ("--schema", "crm", "--customer-table", "old letters", "--customer-column")
        text = drafted(database, *words, "name")
        assert list(tables(text)) == ["old letters"]
        assert "old letters.name looks personal, and stays: rows are found by it." in remarks(text)
        refused(init(database.url, *words, "nobody"), "no column nobody in old letters, but customer_id, name, address")
        refused(init(database.url, "--schema", "crm", "--customer-table", "x"), "no table x in the schema crm, but")
        refused(init(database.url, "--schema", "none"), "sees no table in the schema none")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--url", "nonsense CANARY"), "store.url: not a database URL"),
        (("--url", "oracle://u:CANARY@db/x"), "this kind of database is not available yet"),
        (("--url", "mariadb://u:CANARY@db"), "it names no database"),
        (("--url", "postgresql://u:CANARY@127.0.0.1:1/crm"), "the database is away"),
        (("--url", "sqlite:////nowhere/CANARY.db"), "the database is away"),
        (("--url", "postgresql://u:CANARY@db/x", "--service", "No Service"), "service: String should match pattern"),
        (("--url", "postgresql://u:CANARY@db/x", "--purpose", "?"), "purpose: String should match pattern"),
    ],
)
def test_what_cannot_be_drafted_is_refused_by_name_and_without_the_secret(words: tuple[str, ...], said: str) -> None:
    answer = run("rules", "init", "--service", "crm", "--purpose", "care", *words)
    refused(answer, said)
    assert "CANARY" not in answer.out + answer.err


def test_printed_draft_is_repaired_by_the_printed_migration(postgres: PostgresServer, tmp_path: Path) -> None:
    with new_database(postgres, tmp_path, HARD) as database:
        text = drafted(database, "--schema", "crm")
        rules = database.rules(text)
        store = database.opened(SqlStore(rules))
        told = [each for each in remarks(text) if each.endswith("`lapse rules ddl` adds it.")]
        assert len(told) == len(store.preflight())
        assert "left to you" not in migration([rules], [("crm", store.preflight())])


OTHER_ODD = """
CREATE TABLE `Order` (
    `Select` int NOT NULL, `from` int NOT NULL, `customer_ID` varchar(64) NOT NULL UNIQUE, `First Name` varchar(40),
    PRIMARY KEY (`Select`, `from`));
CREATE TABLE `lines` (
    id int PRIMARY KEY, `Group` int NOT NULL, `By` int NOT NULL, `free text` text,
    FOREIGN KEY (`group`, `by`) REFERENCES `Order` (`SELECT`, `FROM`));
CREATE INDEX lookup ON `lines` (`Group`, `By`);
CREATE VIEW `names` AS SELECT `First Name` FROM `Order`
"""


@pytest.mark.parametrize("made", ["mariadb", "sqlite"], indirect=True)
def test_names_of_any_kind_and_composite_keys_fit_mariadb_and_sqlite_too(made: OtherDatabase) -> None:
    text = drafted(made, "--customer-table", "Order")
    assert tables(text) == {
        "Order": {"key": ["Select", "from"], "flag": "anonymized", "mask": {"First Name": {"static": "Anonymized"}}},
        "lines": {"parent": "Order", "key": ["id"], "mask": {"free text": "set_null"}},
    }
    assert not [each for each in remarks(text) if each.startswith("names")]
    store = made.opened(SqlStore(made.rules(text)))
    store.create_ledger()
    for each in store.preflight():
        made.run(*([] if made.is_sqlite else ["SET sql_mode = 'ANSI_QUOTES'"]), each.ddl)
    assert store.preflight() == []


@pytest.fixture
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OtherDatabase]:
    with new_other(request, tmp_path, OTHER_ODD, OTHER_ODD) as database:
        yield database
