"""JSON documents on each kind of database: some paths go, some are set, all others stay or stop that customer."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consumers.stores import SqlStore
from tests.support.other_databases import OtherDatabase, new_mariadb, new_sqlite
from tests.support.sql_store import RULES, Database, new_database, task

pytestmark = pytest.mark.integration
MASK = (
    "{json: {remove: [$.address, $.contact.email], set: {$.name: Anonymized, $.age: 0, $.first-name: Ö}, "
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
    "first-name": "CANARY",
    "segment": ["north", {"a": 1.50}],
    "flags": {"beta": None},
}
MASKED = {key: value for key, value in FULL.items() if key != "address"} | {
    "contact": {"verified": {}},
    "name": "Anonymized",
    "first-name": "Ö",
    "age": 0,
}
KINDS = [("postgresql", "json"), ("postgresql", "jsonb"), ("mariadb", "JSON"), ("sqlite", "JSON")]
IN_TEXT = [
    ("mariadb", "longtext CHARACTER SET utf8mb4"),
    ("sqlite", "text"),
    ("sqlite", "text CHECK ((json_valid(profile) OR profile IS NULL))"),
]
NO_OBJECT = {"postgresql": "22023", "mariadb": "not_verified:cells.profile", "sqlite": "not_verified:cells.profile"}
NO_MEMBER = NO_OBJECT | {"postgresql": "22P02"}


class Documents:
    """A table `cells` of documents, and stores over it."""

    def __init__(self, kind: tuple[str, str], database: Database | OtherDatabase, schema: str) -> None:
        self.backend, column = kind
        self.checked = "CHECK" in column
        self._database = database
        self._schema = schema

    def store(self, rules: str) -> SqlStore:
        """A store over these rules, once they fit the table."""
        store = self._database.store(
            rules.replace("schema: crm", f"schema: {self._schema}").replace("lapse}", f"{self._schema}}}")
        )
        assert store.preflight() == []
        return store

    def add(self, documents: dict[str, str | None]) -> None:
        """Rows with these documents, by customer."""
        for customer, document in documents.items():
            value = "NULL" if document is None else f"'{document}'"
            if self.backend == "mariadb":
                value = value.replace("\\", "\\\\")  # this session takes one for the start of a sign
            self._database.run(f"INSERT INTO cells (id, profile) VALUES ('{customer}', {value})")

    def found(self) -> dict[str, Any]:
        """What the documents hold, by customer; NULL is the word itself."""
        rows = self._database.rows("SELECT id, CAST(profile AS char(10000)) FROM cells")
        return {customer: "NULL" if profile is None else json.loads(profile) for customer, profile in rows}

    def written(self, customer: str) -> str:
        """One document as it is written."""
        return str(
            self._database.rows(f"SELECT CAST(profile AS char(10000)) FROM cells WHERE id = '{customer}'")[0][0]
        ).strip()

    def meddle(self, value: str) -> None:
        """From now on each change of a row puts this value in place of the new one."""
        self._database.run(MEDDLE[self.backend].replace("VALUE", value))


@pytest.fixture(params=KINDS, ids=[" ".join(each) for each in KINDS])
def documents(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Documents]:
    backend, column = request.param
    table = f"CREATE TABLE cells (id varchar(64) PRIMARY KEY, profile {column}, done boolean NOT NULL DEFAULT false)"
    if backend == "postgresql":
        with new_database(request.getfixturevalue("postgres"), tmp_path, table) as database:
            yield Documents(request.param, database, "public")
    elif backend == "mariadb":
        with new_mariadb(request.getfixturevalue("mariadb"), tmp_path, table) as other:
            yield Documents(request.param, other, other.name)
    else:
        with new_sqlite(tmp_path, table) as file:
            yield Documents(request.param, file, "main")


def test_paths_are_removed_and_set_where_they_are_and_all_else_stays(documents: Documents) -> None:
    store = documents.store(CELLS)
    given = {"full": json.dumps(FULL), "bare": '{"name": "CANARY"}', "nothing": "{}", "null": "null", "absent": None}
    documents.add(given)

    assert {answer.outcome for answer in store.anonymize([task(each) for each in given])} == {"DONE"}
    expected = {"full": MASKED, "bare": {"name": "Anonymized"}, "nothing": {}, "null": None, "absent": "NULL"}
    assert documents.found() == expected
    assert "CANARY" not in documents.written("full")
    assert [answer.outcome for answer in store.anonymize([task("full"), task("full", "again")])] == [
        "ALREADY_DONE",
        "NOTHING_FOUND",
    ]
    assert documents.found() == expected


def test_what_stays_is_as_it_was_written(documents: Documents) -> None:
    kept = r'[1.50, -0.5, 12345678901234567890.123, "\u0001 \" \\ å", true, null, {}, []]'
    documents.add({"one": f'{{"name": "CANARY", "segment": {kept}}}'})

    assert documents.store(CELLS).anonymize([task("one")])[0].outcome == "DONE"
    assert "".join(documents.written("one").split()) == "".join(f'{{"name":"Anonymized","segment":{kept}}}'.split())


def test_no_member_given_twice_stays_behind(documents: Documents) -> None:
    store = documents.store(CELLS)
    twice = '{"address": "CANARY", "name": "CANARY", "address": {"street": "CANARY"}, "name": "CANARY"}'
    documents.add({"twice": twice, "within": '{"contact": {"a": 1}, "contact": {"email": "CANARY"}}'})

    answers = store.anonymize([task("twice")])
    if documents.backend == "mariadb":
        assert [(each.outcome, each.error_code) for each in answers] == [("FAILED", "not_verified:cells.profile")]
        assert documents.written("twice") == twice
    else:
        assert [each.outcome for each in answers] == ["DONE"]
        assert json.loads(documents.written("twice")) == {"name": "Anonymized"}
        assert "CANARY" not in documents.written("twice")
    assert documents.store(LENIENT).anonymize([task("within")])[0].outcome == answers[0].outcome


@pytest.mark.parametrize("documents", IN_TEXT, ids=[" ".join(each) for each in IN_TEXT], indirect=True)
def test_documents_may_be_in_text_and_what_is_no_document_stops_that_customer_alone(documents: Documents) -> None:
    store = documents.store(CELLS)
    odd = "[]" if documents.checked else '{"name": "CANARY"'
    documents.add({"full": json.dumps(FULL), "null": "null", "absent": None, "odd": odd})

    answers = store.anonymize([task(each) for each in ("full", "null", "absent", "odd")])

    assert [each.outcome for each in answers] == ["DONE", "DONE", "DONE", "FAILED"]
    assert answers[3].error_code == ("4037" if documents.backend == "mariadb" else "not_verified:cells.profile")
    assert (json.loads(documents.written("full")), documents.written("odd")) == (MASKED, odd)


REFUSED = {
    "a new member": '{"name": "x", "shoe_size": 44}',
    "a new member within": '{"contact": {"phone": "CANARY"}}',
    "a new member whose name holds signs": '{"contact": {"a\\":{}": "CANARY"}}',
    "a value in place of an object": '{"contact": "CANARY"}',
    "a new list": '{"friends": []}',
    "a new null": '{"friends": null}',
    "a new number": '{"friends": 0}',
}


@pytest.mark.parametrize("document", REFUSED.values(), ids=REFUSED)
def test_document_with_another_path_stops_that_customer_alone(documents: Documents, document: str) -> None:
    _stops_that_customer_alone(documents, document, "not_verified:cells.profile.other_paths")


UNFOLLOWED = {
    "a list on a path": ('{"contact": [{"email": "CANARY"}]}', NO_MEMBER),
    "a list": ('[{"name": "CANARY"}]', NO_MEMBER),
    "no object": ('"CANARY"', NO_OBJECT),
}


@pytest.mark.parametrize(("document", "codes"), UNFOLLOWED.values(), ids=UNFOLLOWED)
def test_document_that_cannot_be_followed_stops_that_customer_alone(
    documents: Documents, document: str, codes: dict[str, str]
) -> None:
    _stops_that_customer_alone(documents, document, codes[documents.backend])


def _stops_that_customer_alone(documents: Documents, document: str, code: str) -> None:
    store = documents.store(CELLS)
    documents.add({"good": '{"name": "CANARY"}', "odd": document})

    answers = store.anonymize([task("good"), task("odd")])

    assert [(each.outcome, each.error_code) for each in answers] == [("DONE", None), ("FAILED", code)]
    assert documents.found() == {"good": {"name": "Anonymized"}, "odd": json.loads(document)}


def test_objects_without_members_pass_however_many_there_are(documents: Documents) -> None:
    store = documents.store(CELLS)
    many: dict[str, Any] = {f'k"{number}:': {"å" * 20: {}} for number in range(500)}
    written = {"empty": json.dumps(many), "odd": json.dumps(many | {"z": {"z": 0}})}
    documents.add({name: each.replace("'", "''") for name, each in written.items()})

    answers = store.anonymize([task("empty"), task("odd")])

    assert [(each.outcome, each.error_code) for each in answers] == [
        ("DONE", None),
        ("FAILED", "not_verified:cells.profile.other_paths"),
    ]


def test_other_paths_may_be_kept(documents: Documents) -> None:
    store = documents.store(LENIENT)
    documents.add({"odd": '{"name": "CANARY", "shoe_size": 44, "contact": {"email": 1, "list": [null]}}'})

    assert store.anonymize([task("odd")])[0].outcome == "DONE"
    assert documents.found() == {"odd": {"name": "Anonymized", "shoe_size": 44, "contact": {"list": [None]}}}


MEDDLE = {
    "postgresql": """
        CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN NEW.profile := VALUE; RETURN NEW; END $$;
        CREATE TRIGGER meddle BEFORE UPDATE ON cells FOR EACH ROW EXECUTE FUNCTION meddle();""",
    "mariadb": "CREATE TRIGGER meddle BEFORE UPDATE ON cells FOR EACH ROW SET NEW.profile = VALUE",
    "sqlite": """
        CREATE TRIGGER meddle AFTER UPDATE ON cells BEGIN
            UPDATE cells SET profile = VALUE WHERE rowid = NEW.rowid; END""",
}
MEDDLING = {  # PostgreSQL's words, the others', the place that is wrong
    "a removed path stays": (
        "jsonb_set(NEW.profile::jsonb, '{contact,email}', OLD.profile::jsonb #> '{contact,email}')",
        "json_set(NEW.profile, '$.contact.email', json_extract(OLD.profile, '$.contact.email'))",
        "profile",
    ),
    "a set path stays": (
        "jsonb_set(NEW.profile::jsonb, '{name}', OLD.profile::jsonb -> 'name')",
        "json_set(NEW.profile, '$.name', json_extract(OLD.profile, '$.name'))",
        "profile",
    ),
    "all stays": ("OLD.profile", "OLD.profile", "profile"),
    "another path is changed": (
        "jsonb_set(NEW.profile::jsonb, '{segment}', OLD.profile::jsonb -> 'name')",
        "json_set(NEW.profile, '$.segment', json_extract(OLD.profile, '$.name'))",
        "*",
    ),
    "another path is gone": ("NEW.profile::jsonb - 'flags'", "json_remove(NEW.profile, '$.flags')", "*"),
    "a path comes": (
        "NEW.profile::jsonb || jsonb_build_object('copy', OLD.profile::jsonb -> 'name')",
        "json_set(NEW.profile, '$.copy', json_extract(OLD.profile, '$.name'))",
        "*",
    ),
}


@pytest.mark.parametrize(("postgres_value", "value", "place"), MEDDLING.values(), ids=MEDDLING)
def test_what_a_trigger_makes_of_a_document_is_found(
    documents: Documents, postgres_value: str, value: str, place: str
) -> None:
    store = documents.store(CELLS)
    documents.add({"one": json.dumps(FULL)})
    documents.meddle(postgres_value if documents.backend == "postgresql" else value)

    [answer] = store.anonymize([task("one")])

    assert (answer.outcome, answer.error_code) == ("FAILED", f"not_verified:cells.{place}")
    assert documents.found() == {"one": FULL}


@pytest.mark.parametrize(
    "documents", [("postgresql", "json"), ("sqlite", "JSON")], ids=["postgresql", "sqlite"], indirect=True
)
def test_a_member_that_comes_back_beside_its_mask_is_found(documents: Documents) -> None:
    store = documents.store(CELLS)
    documents.add({"one": json.dumps(FULL)})
    again = """('{"name": "CANARY",' || substr(CAST(NEW.profile AS text), 2))"""
    documents.meddle(f"CAST({again} AS json)" if documents.backend == "postgresql" else again)

    [answer] = store.anonymize([task("one")])

    assert (answer.outcome, answer.error_code) == ("FAILED", "not_verified:cells.profile")
