"""What would happen to a customer's rows, by the rules and the numbers of rows found."""

from pathlib import Path

import pytest

from consumers.stores import Rules, load_sql_rules, outlook
from consumers.stores.rules.links import Link, links
from tests.support.command_line import refused, run
from tests.support.sql_store import COMPOUND, RULES


def load(folder: Path, text: str) -> Rules:
    (folder / "core.yaml").write_text(text, encoding="utf-8")
    return load_sql_rules(folder / "core.yaml", {"CRM_URL": "postgresql://db/crm"})


def test_outlook_says_for_each_table_what_happens_to_rows_and_columns(tmp_path: Path) -> None:
    people, cards, notes = outlook(load(tmp_path, COMPOUND), {"people": 2})
    assert people == ("people", "masked", 2, ["name", "number"], ["gone"], ["branch", "segment"])
    assert cards == ("cards", "kept", None, [], [], ["id", "branch", "owner", "amount"])
    assert notes == ("notes", "deleted", 0, [], [], [])


def test_outlook_names_the_token_as_lapses_own(tmp_path: Path) -> None:
    assert outlook(load(tmp_path, RULES), {})[0].own == ["anonymized", "token"]


def test_links_are_customer_id_keys_and_joins_that_are_kept(tmp_path: Path) -> None:
    rules = load(tmp_path, COMPOUND)
    assert links(rules, "people") == [("people", "branch", "key"), ("people", "branch", "cards refers to it")]
    assert links(rules, "cards") == [
        ("cards", "id", "key"),
        ("cards", "branch", "refers to people"),
        ("cards", "owner", "refers to people"),
    ]
    assert links(rules, "notes") == []


def test_join_left_to_a_foreign_key_is_a_link_without_a_column(tmp_path: Path) -> None:
    rules = load(tmp_path, RULES)
    assert Link("orders", None, "refers to customers") in links(rules, "orders")


@pytest.mark.parametrize("customer", ["CANARY", "007", "9" * 20, ""])
def test_rules_plan_refuses_an_id_that_is_not_of_the_type_and_does_not_repeat_it(tmp_path: Path, customer: str) -> None:
    load(tmp_path, COMPOUND)
    answer = run("rules", "plan", str(tmp_path / "core.yaml"), "--customer", customer)
    refused(answer, "error: no customer of this service can have the id given (customer.type, or a segment of a key)")
    assert not customer or customer not in answer.out + answer.err


def test_rules_plan_with_the_database_away_says_so(tmp_path: Path) -> None:
    load(tmp_path, COMPOUND)
    answer = run("rules", "plan", str(tmp_path / "core.yaml"), "--customer", "4711")
    refused(answer, "error: the database is away", "store.url")
    assert not {"CANARY", "4711"} & set(answer.err.replace(":", " ").replace("@", " ").split())


@pytest.mark.parametrize(("command", "words"), [("plan", ("--customer", "c1")), ("ddl", ())])
def test_rules_command_without_its_file_or_variable_says_which(
    tmp_path: Path, command: str, words: tuple[str, ...]
) -> None:
    refused(run("rules", command, str(tmp_path / "absent.yaml"), *words), "absent.yaml: file: the file cannot be read")
    load(tmp_path, RULES)
    answer = run("rules", command, str(tmp_path / "core.yaml"), *words)
    refused(answer, "store.url: the variable CRM_URL is not set.")
    assert len(answer.err.splitlines()) == 1


@pytest.mark.parametrize("words", [("--customer", "c1"), ("core.yaml",), ("a.yaml", "b.yaml", "--customer", "c1")])
def test_rules_plan_takes_one_file_and_one_customer(words: tuple[str, ...]) -> None:
    assert run("rules", "plan", *words).code == 2
