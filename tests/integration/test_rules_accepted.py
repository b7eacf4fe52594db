"""Findings that somebody answers for: they hold for one shape of rules and table, and are back when it changes."""

import json
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from consumers.domain.work import Finding
from consumers.stores import RulesError, SqlStore
from consumers.yaml_text import read_yaml
from tests.support.command_line import run
from tests.support.other_databases import RULES as OTHER_RULES
from tests.support.other_databases import OtherDatabase, new_other
from tests.support.other_databases import add_customers as add_others
from tests.support.sql_preflight import preflight
from tests.support.sql_store import RULES, Database, PostgresServer, add_customers, new_database, task

pytestmark = pytest.mark.integration

COUNTED = """
CREATE TABLE crm.changes (at timestamptz);
CREATE FUNCTION crm.counted() RETURNS trigger LANGUAGE plpgsql AS
  $$BEGIN INSERT INTO crm.changes VALUES (now()); RETURN NULL; END$$;
CREATE TRIGGER counted AFTER UPDATE ON crm.customers FOR EACH ROW EXECUTE FUNCTION crm.counted()
"""
CHECKED = "ALTER TABLE crm.customers ADD CONSTRAINT known CHECK (status <> 'UNHEARD OF')"
LOWERED = "CREATE UNIQUE INDEX lowered ON crm.customers (lower(email))"
PARTIAL = "CREATE UNIQUE INDEX living ON crm.customers (status) WHERE NOT anonymized"


@pytest.fixture
def database(postgres: PostgresServer, tmp_path: Path) -> Iterator[Database]:
    with new_database(postgres, tmp_path) as made:
        made.store()
        yield made


@pytest.fixture(params=["mariadb", "sqlite"])
def other(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OtherDatabase]:
    with new_other(request, tmp_path) as made:
        made.store()
        yield made


def accepting(text: str, *found: Finding, why: str = "read by A. Person") -> str:
    """The rules with these findings accepted, as `rules check` prints it, and the reason filled in."""
    entries = [{"code": each.code, "at": each.place, "shape": each.shape, "why": why} for each in found]
    return f"{text}\naccepted: {json.dumps(entries)}\n"


def the(found: list[Finding]) -> Finding:
    [only] = found
    return only


@pytest.mark.parametrize(
    ("breaks", "code", "place"),
    [
        (COUNTED, "trigger", "tables.customers"),
        (CHECKED, "check_constraint", "tables.customers.mask.status"),
        (LOWERED, "unique", "tables.customers.mask.email"),
        (PARTIAL, "unique", "tables.customers.mask.status"),
    ],
)
def test_accepted_finding_stops_nothing_and_customers_are_anonymized(
    database: Database, breaks: str, code: str, place: str
) -> None:
    database.run(breaks)
    found = the(preflight(database, RULES))
    assert (found.code, found.place) == (code, place)
    add_customers(database, [1])
    store = database.store(accepting(RULES, found))
    assert store.preflight() == []
    assert [each.outcome for each in store.anonymize([task("c1")])] == ["DONE"]


@pytest.mark.parametrize(
    ("breaks", "changes"),
    [
        (COUNTED, COUNTED.partition(";")[2].replace("CREATE F", "CREATE OR REPLACE F").replace("now()", "NULL")),
        (COUNTED, "ALTER TABLE crm.customers ALTER status TYPE varchar(40)"),
        (COUNTED, "CREATE UNIQUE INDEX ON crm.customers (id, status)"),
        (CHECKED, f"ALTER TABLE crm.customers DROP CONSTRAINT known; {CHECKED.replace('UNHEARD', 'NEVER HEARD')}"),
        (LOWERED, f"DROP INDEX crm.lowered; {LOWERED.replace('lower(email)', 'upper(email)')}"),
        (PARTIAL, f"DROP INDEX crm.living; {PARTIAL.replace('NOT anonymized', 'anonymized')}"),
    ],
)
def test_finding_is_back_when_what_it_was_said_about_changes(database: Database, breaks: str, changes: str) -> None:
    database.run(breaks)
    found = the(preflight(database, RULES))
    text = accepting(RULES, found)
    store = database.opened(SqlStore(database.rules(text)))
    assert store.preflight() == []
    database.run(changes.partition("CREATE TRIGGER")[0])
    back = the(store.preflight())
    assert (back.code, back.place) == (found.code, found.place)
    assert back.message.endswith("It was accepted once, and what it was said about has changed since.")
    assert back.shape != found.shape


def test_finding_is_back_when_the_rules_write_something_else(database: Database) -> None:
    database.run(CHECKED)
    text = accepting(RULES, the(preflight(database, RULES)))
    assert preflight(database, text) == []
    assert the(preflight(database, text.replace("{static: OTHER}", "empty"))).code == "check_constraint"
    assert preflight(database, text.replace("statistics, not personal", "no person's")) == []


def test_what_bears_not_on_a_finding_does_not_bring_it_back(database: Database) -> None:
    database.run(COUNTED)
    database.run("ALTER TABLE crm.customers DROP anonymized, DROP token")
    found = next(each for each in preflight(database, RULES) if each.code == "trigger")
    database.run("CREATE INDEX ON crm.customers (segment)")
    for each in preflight(database, RULES):
        database.run(each.ddl.replace("CONCURRENTLY ", "") or "SELECT 1")
    assert preflight(database, accepting(RULES, found)) == []


@pytest.mark.parametrize(
    "breaks",
    [
        # it decides what is written
        COUNTED.replace("AFTER", "BEFORE"),
        "CREATE RULE quiet AS ON UPDATE TO crm.customers DO INSTEAD NOTHING",
        # every row would become the same
        "CREATE UNIQUE INDEX ON crm.customers (status)",
        "CREATE UNIQUE INDEX ON crm.customers (lower(status))",
        # a neighbour's rows, rows that stay hidden, a change that fails
        "ALTER TABLE crm.orders ADD UNIQUE (address), ADD other bigint REFERENCES crm.customers",
        "ALTER TABLE crm.customers ALTER phone SET NOT NULL",
        "CREATE TABLE crm.cards (owner bigint REFERENCES crm.customers)",
    ],
)
def test_what_would_fail_or_leak_cannot_be_accepted(database: Database, breaks: str) -> None:
    database.run(breaks)
    found = preflight(database, RULES)
    assert found
    assert [each for each in found if each.shape] == []


@pytest.mark.parametrize("code", ["shared_rows", "row_security", "not_null", "unmapped_column", "anything"])
def test_finding_of_another_code_is_refused_where_the_file_is_read(database: Database, code: str) -> None:
    with pytest.raises(RulesError, match="nobody may accept this finding") as refused:
        database.rules(accepting(RULES, Finding(code, "tables.customers", "", "", shape="0" * 16)))
    assert [each.place for each in refused.value.findings] == ["accepted.0.code"]


def test_acceptance_without_a_reason_is_refused(database: Database) -> None:
    database.run(CHECKED)
    with pytest.raises(RulesError, match=r"accepted\.0\.why"):
        database.rules(accepting(RULES, the(preflight(database, RULES)), why=""))


def test_trigger_that_undoes_the_change_is_caught_though_it_was_accepted(database: Database) -> None:
    database.run("""
        CREATE FUNCTION crm.undone() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
          IF NEW.email <> OLD.email THEN UPDATE crm.customers SET email = OLD.email WHERE id = OLD.id; END IF;
          RETURN NULL; END$$;
        CREATE TRIGGER undone AFTER UPDATE OF phone ON crm.customers FOR EACH ROW EXECUTE FUNCTION crm.undone()""")
    add_customers(database, [1])
    store = database.store(accepting(RULES, the(preflight(database, RULES))))
    before = database.snapshot()
    [carried] = store.anonymize([task("c1")])
    assert (carried.outcome, carried.error_code) == ("FAILED", "not_verified:customers.row")
    assert database.snapshot() == before


def trigger_of(other: OtherDatabase, body: str) -> str:
    each = "BEGIN" if other.is_sqlite else "FOR EACH ROW BEGIN"
    return f"CREATE TRIGGER counted AFTER UPDATE ON orders {each} {body}; END"


def test_trigger_and_check_are_accepted_and_back_on_mariadb_and_sqlite(other: OtherDatabase) -> None:
    other.run("CREATE TABLE changes (number int)", "ALTER TABLE orders ADD COLUMN x varchar(9) CHECK (x <> 'b')")
    other.run(trigger_of(other, "INSERT INTO changes VALUES (1)"))
    text = OTHER_RULES.replace("mask: {address: set_null}", "mask: {address: set_null, x: {static: a}}")
    found = other.opened(SqlStore(other.rules(text))).preflight()
    assert {each.code: bool(each.shape) for each in found} == {"trigger": True, "check_constraint": True}
    store = other.opened(SqlStore(other.rules(accepting(text, *found))))
    assert store.preflight() == []
    other.run(
        "INSERT INTO customers (id, customer_id, personal_number) VALUES (1, 'c1', '1')",
        "INSERT INTO orders (id, customer, address) VALUES (10, 1, 'a'), (11, 1, 'b')",
    )
    assert [each.outcome for each in store.anonymize([task("c1")])] == ["DONE"]
    assert other.rows("SELECT count(*) FROM changes") == [(2,)]
    other.run("DROP TRIGGER counted", trigger_of(other, "INSERT INTO changes VALUES (2)"))
    assert {each.code for each in store.preflight()} == {"trigger", "check_constraint"}


@pytest.mark.parametrize("other", ["sqlite"], indirect=True)
def test_accepted_trigger_that_says_ignore_leaves_no_row_out(other: OtherDatabase) -> None:
    add_others(other, [1])
    other.run("INSERT INTO orders VALUES (11, 1, 'CANARY 2')", trigger_of(other, "SELECT RAISE(IGNORE)"))
    found = the(other.opened(SqlStore(other.rules())).preflight())
    [carried] = other.store(accepting(OTHER_RULES, found)).anonymize([task("c1")])
    left = other.rows("SELECT count(*) FROM orders WHERE address IS NOT NULL")
    assert (carried.outcome, left) == ("DONE", [(0,)])


def test_rules_check_prints_the_entry_that_accepts_and_the_register_names_it(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRM_URL", database.url)
    database.run(COUNTED)
    file = tmp_path / "crm.yaml"

    def check(text: str, *words: str) -> Any:
        file.write_text(text, encoding="utf-8")
        return run("rules", "check", str(file), *words)

    told = check(RULES)
    assert told.code == 1
    assert "    or, if you answer for it, in the rules file:\n    accepted:\n      - {code: trigger, at: " in told.out
    entry = dedent(told.out[told.out.index("    accepted:") : told.out.index("1 findings")])
    assert read_yaml(entry)["accepted"][0]["shape"] == json.loads(check(RULES, "--json").out)[0]["shape"]
    accepted = RULES + entry.strip().replace('why: ""', 'why: "counts, no data"') + "\n"
    assert check(accepted).out == "0 findings in 1 files\n"
    register = run("rules", "report", str(file)).out
    assert "### Findings that are accepted" in register
    assert "| trigger | tables.customers | counts, no data |" in register
