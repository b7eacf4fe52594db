"""Documents in json and jsonb columns: some paths go, some are set, all others stay or stop that customer."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.sql_store import RULES, Database, PostgresServer, new_database, task

pytestmark = pytest.mark.integration
MASK = (
    "{json: {remove: [$.address, $.contact.email], set: {$.name: Anonymized, $.age: 0}, "
    'keep: {"statistics, not personal": [$.segment, $.flags.beta]}, other_paths: refuse}}'
)
CELLS = f"""{RULES[: RULES.index("customer:")]}
customer: {{type: text}}
ledger: {{schema: lapse}}
tables:
  cells: {{key: [id], flag: done, mask: {{profile: {MASK}}}}}
"""
LENIENT = CELLS.replace("refuse", "keep")
FULL = {
    "address": {"street": "CANARY", "numbers": [1, 2]},
    "contact": {"email": "CANARY", "verified": {}},
    "name": "CANARY Ærø \U0001f600",
    "age": 41,
    "segment": ["north", {"a": 1.50}],
    "flags": {"beta": None},
}
MASKED = {key: value for key, value in FULL.items() if key != "address"} | {
    "contact": {"verified": {}},
    "name": "Anonymized",
    "age": 0,
}


@pytest.fixture(params=["json", "jsonb"])
def database(request: pytest.FixtureRequest, postgres: PostgresServer, tmp_path: Path) -> Iterator[Database]:
    schema = f"""CREATE SCHEMA crm;
        CREATE TABLE crm.cells (id text PRIMARY KEY, profile {request.param}, done boolean NOT NULL DEFAULT false)"""
    with new_database(postgres, tmp_path, schema) as made:
        yield made


def add(database: Database, documents: dict[str, str]) -> None:
    for customer, document in documents.items():
        database.run(f"INSERT INTO crm.cells VALUES ('{customer}', '{document}')")


def found(database: Database) -> dict[str, Any]:
    return dict(database.rows("SELECT id, profile FROM crm.cells"))


def test_paths_are_removed_and_set_where_they_are_and_all_else_stays(database: Database) -> None:
    store = database.store(CELLS)
    assert store.preflight() == []
    documents = {"full": FULL, "bare": {"name": "CANARY"}, "nothing": {}, "null": None}
    add(database, {customer: json.dumps(document) for customer, document in documents.items()})
    database.run("INSERT INTO crm.cells VALUES ('absent', NULL)")
    add(database, {"twice": '{"address": "CANARY", "name": "CANARY", "address": {"street": 1}, "name": 2}'})
    tasks = [task(customer) for customer in (*documents, "absent", "twice")]

    assert {answer.outcome for answer in store.anonymize(tasks)} == {"DONE"}
    expected = {"full": MASKED, "bare": {"name": "Anonymized"}, "nothing": {}, "null": None, "absent": None}
    assert found(database) == expected | {"twice": {"name": "Anonymized"}}
    assert database.rows("SELECT count(*) FROM crm.cells WHERE CAST(profile AS text) LIKE '%CANARY%'") == [(0,)]
    assert database.rows("SELECT profile IS NULL FROM crm.cells WHERE id IN ('absent', 'null') ORDER BY id") == [
        (True,),
        (False,),
    ]
    before = found(database)
    assert [answer.outcome for answer in store.anonymize([task("full"), task("full", "again")])] == [
        "ALREADY_DONE",
        "NOTHING_FOUND",
    ]
    assert found(database) == before


REFUSED = {
    "a new member": ('{"name": "x", "shoe_size": 44}', "not_verified:cells.profile.other_paths"),
    "a new member within": ('{"contact": {"phone": "CANARY"}}', "not_verified:cells.profile.other_paths"),
    "a value in place of an object": ('{"contact": "CANARY"}', "not_verified:cells.profile.other_paths"),
    "a new list": ('{"friends": []}', "not_verified:cells.profile.other_paths"),
    "a new null": ('{"friends": null}', "not_verified:cells.profile.other_paths"),
    "a list on a path": ('{"contact": [{"email": "CANARY"}]}', "22P02"),
    "a list": ('[{"name": "CANARY"}]', "22P02"),
    "no object": ('"CANARY"', "22023"),
}


@pytest.mark.parametrize(("document", "code"), REFUSED.values(), ids=REFUSED)
def test_document_with_another_path_stops_that_customer_alone(database: Database, document: str, code: str) -> None:
    store = database.store(CELLS)
    add(database, {"good": '{"name": "CANARY"}', "odd": document})

    answers = store.anonymize([task("good"), task("odd")])

    assert [(each.outcome, each.error_code) for each in answers] == [("DONE", None), ("FAILED", code)]
    assert found(database) == {"good": {"name": "Anonymized"}, "odd": json.loads(document)}


def test_other_paths_may_be_kept(database: Database) -> None:
    store = database.store(LENIENT)
    add(database, {"odd": '{"name": "CANARY", "shoe_size": 44, "contact": {"email": 1, "list": [null]}}'})

    assert store.anonymize([task("odd")])[0].outcome == "DONE"
    assert found(database) == {"odd": {"name": "Anonymized", "shoe_size": 44, "contact": {"list": [None]}}}


MEDDLING = {
    "a removed path stays": (
        "jsonb_set(NEW.profile::jsonb, '{contact,email}', OLD.profile::jsonb #> '{contact,email}')",
        "profile",
    ),
    "a set path stays": ("jsonb_set(NEW.profile::jsonb, '{name}', OLD.profile::jsonb -> 'name')", "profile"),
    "all stays": ("OLD.profile", "profile"),
    "another path is changed": ("jsonb_set(NEW.profile::jsonb, '{segment}', OLD.profile::jsonb -> 'name')", "*"),
    "another path is gone": ("NEW.profile::jsonb - 'flags'", "*"),
    "a path comes": ("NEW.profile::jsonb || jsonb_build_object('copy', OLD.profile::jsonb -> 'name')", "*"),
}


@pytest.mark.parametrize(("value", "place"), MEDDLING.values(), ids=MEDDLING)
def test_what_a_trigger_makes_of_a_document_is_found(database: Database, value: str, place: str) -> None:
    store = database.store(CELLS)
    assert store.preflight() == []
    add(database, {"one": json.dumps(FULL)})
    database.run(f"""
        CREATE FUNCTION crm.meddle() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN NEW.profile := {value}; RETURN NEW; END $$;
        CREATE TRIGGER meddle BEFORE UPDATE ON crm.cells FOR EACH ROW EXECUTE FUNCTION crm.meddle();
    """)

    [answer] = store.anonymize([task("one")])

    assert (answer.outcome, answer.error_code) == ("FAILED", f"not_verified:cells.{place}")
    assert found(database) == {"one": FULL}
