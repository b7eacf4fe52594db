"""The register of a rules file: everything it says, every link that stays, and no database."""

import json
from pathlib import Path
from typing import Any

import pytest

from consumers.stores import Rules, RulesError, load_rules, register
from tests.support.command_line import Answer, refused, run
from tests.support.s3_store import RULES as S3_RULES
from tests.support.sql_store import COMPOUND, RULES

COARSE = "The cell keeps its coarse part: `to` for dates, the first `characters` for text."


def report(folder: Path, text: str, *words: str) -> Answer:
    (folder / "crm.yaml").write_text(text, encoding="utf-8")
    return run("rules", "report", str(folder / "crm.yaml"), *words)


def registered(folder: Path, text: str) -> dict[str, Any]:
    [found] = json.loads(report(folder, text, "--json").out)
    assert isinstance(found, dict)
    return found


def test_rules_report_lists_every_table_and_column_of_the_rules(tmp_path: Path) -> None:
    path = tmp_path / "crm.yaml"
    path.write_text(RULES, encoding="utf-8")
    rules = load_rules(path, {}, offline=True)
    assert isinstance(rules, Rules)
    found = register(rules)
    assert [each["table"] for each in found["tables"]] == list(rules.tables)
    for told, table in zip(found["tables"], rules.tables.values(), strict=True):
        assert [each["column"] for each in told["masked"]] == list(table.mask)
        assert [each["column"] for each in told["kept"]] == list(table.kept)
        assert all(each["becomes"] and each["meaning"] for each in told["masked"])
    assert found["ignored"] == [{"table": "countries", "why": "reference data"}]


def test_rules_report_says_how_why_and_for_what(tmp_path: Path) -> None:
    found = report(tmp_path, RULES)
    assert found.code == 0
    for line in (
        "## crm: marketing",
        "Schema crm. A customer is customers.customer_id (text).",
        "| email | masked: unique_email anonymized.invalid | The cell becomes a fresh address at `domain`. |",
        f"| birth_date | masked: truncate year | {COARSE} |",
        "| segment | kept | statistics, not personal |",
        "| token | set | a fresh UUID, so that personal_number may repeat |",
        "| anonymized | set | true, once the row is anonymized |",
        "Its rows are masked.",
        "Found through customers. Its rows are deleted.",
        f"| remark | masked: truncate 3 | {COARSE} |",
        "| countries | reference data |",
    ):
        assert line in found.out.splitlines()


def test_rules_report_tells_what_can_be_reversed_apart_with_its_reason(tmp_path: Path) -> None:
    heading = "### Not anonymized: masked in a way that can be reversed"
    assert heading not in report(tmp_path, RULES).out
    accepted = RULES.replace("phone: set_null", "phone: {hash: {accept_reversible: joined by the old core}}")

    told = report(tmp_path, accepted).out.splitlines()

    below = told[told.index(heading) :]
    assert "| customers | phone | hash | joined by the old core |" in below
    assert any(line.startswith("| phone | masked, can be reversed: hash |") for line in told)
    [masked] = [each for each in registered(tmp_path, accepted)["tables"][0]["masked"] if each["column"] == "phone"]
    assert masked["reversible"] == "joined by the old core"


def test_rules_report_lists_every_link_that_is_kept(tmp_path: Path) -> None:
    assert registered(tmp_path, RULES)["links"] == [
        {"table": table, "column": column, "role": role}
        for table, column, role in (
            ("customers", "customer_id", "customer id"),
            ("customers", "id", "key"),
            ("orders", "id", "key"),
            ("orders", None, "refers to customers"),
            ("order_lines", "id", "key"),
            ("order_lines", None, "refers to orders"),
            ("lapse.lapse_ledger", "customer_id", "proof of what was carried out"),
        )
    ]


def test_rules_report_lists_no_link_that_is_masked_and_no_ledger_that_is_not_kept(tmp_path: Path) -> None:
    links = registered(tmp_path, COMPOUND)["links"]
    assert isinstance(links, list)
    assert {(each["table"], each["column"]) for each in links} == {
        ("people", "branch"),
        ("cards", "id"),
        ("cards", "branch"),
        ("cards", "owner"),
    }


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("keep", "Its rows are masked, but those that somebody else who is still there refers to."),
        ("refuse", "Its rows are masked; a customer fails if somebody else who is still there refers to one."),
    ],
)
def test_rules_report_says_what_becomes_of_shared_rows(tmp_path: Path, word: str, told: str) -> None:
    text = RULES.replace(
        "orders: {parent: customers,", f"orders: {{parent: customers, shared: {word}, join: {{id: o}},"
    )
    found = report(tmp_path, text)
    assert f"Found through customers. {told}" in found.out.splitlines()
    assert "| customers | o | refers to orders |" in found.out.splitlines()
    assert "| orders | id | customers refers to it |" in found.out.splitlines()


def test_rules_report_says_by_which_time_rows_are_left_alone(tmp_path: Path) -> None:
    found = report(tmp_path, RULES.replace("rows: delete}", "rows: delete, since: created_at}"))
    told = (
        "Found through customers. Its rows are deleted, but those that are newer than the command by their created_at."
    )
    assert told in found.out.splitlines()


LOOKUP = "lookup: {table: countries, match: lapse_id, gives: {id: number}}}"


def test_rules_report_names_the_links_of_a_lookup(tmp_path: Path) -> None:
    found = report(tmp_path, RULES.replace("column: customer_id}", LOOKUP))
    assert "Schema crm. A customer is countries.lapse_id (text)." in found.out.splitlines()
    for line in (
        "| customers | id | countries leads to it |",
        "| countries | lapse_id | customer id |",
        "| countries | number | leads to customers |",
    ):
        assert line in found.out.splitlines()


def test_rules_report_names_no_link_of_a_lookup_table_that_is_deleted(tmp_path: Path) -> None:
    text = RULES.replace("column: customer_id}", LOOKUP.replace("countries", "notes"))
    links = registered(tmp_path, text)["links"]
    assert isinstance(links, list)
    assert "notes" not in {each["table"] for each in links}


def test_rules_report_says_that_a_service_votes(tmp_path: Path) -> None:
    guard = 'guard: "SELECT borrower FROM open_loans WHERE borrower IN :customers"'
    assert "It votes" in report(tmp_path, RULES.replace("ledger:", f"{guard}\nledger:")).out
    assert "It votes" not in report(tmp_path, RULES).out


def test_rules_report_keeps_a_cell_in_its_cell(tmp_path: Path) -> None:
    told = report(tmp_path, RULES.replace('"statistics, not personal"', '"a | b\\n\\n# c <b>"')).out
    assert "| segment | kept | a \\| b # c &lt;b> |" in told.splitlines()


def test_rules_report_needs_no_url_and_shows_none(tmp_path: Path) -> None:
    secret = report(tmp_path, RULES.replace("${CRM_URL}", "postgresql://u:CANARY@db.example/crm"))
    assert secret.out == report(tmp_path, RULES).out
    assert "CANARY" not in secret.out
    with pytest.raises(RulesError):
        load_rules(tmp_path / "crm.yaml", {})


def test_rules_report_still_needs_every_other_variable_and_a_store(tmp_path: Path) -> None:
    answer = report(tmp_path, RULES.replace("purpose: marketing", "purpose: ${PURPOSE_NAME}"))
    refused(answer, "purpose: the variable PURPOSE_NAME is not set.")
    assert len(answer.err.splitlines()) == 1
    refused(report(tmp_path, RULES.replace('url: "${CRM_URL}", ', "")), "store.url: Field required.")


def test_rules_report_of_a_folder_has_a_section_a_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "services").mkdir()
    refused(run("rules", "report"), "there are no rules files here")
    for name in ("crm", "books"):
        (tmp_path / "services" / f"{name}.yaml").write_text(RULES.replace("service: crm", f"service: {name}"), "utf-8")
    told = run("rules", "report")
    assert [line for line in told.out.splitlines() if line.startswith("## ")] == [
        "## books: marketing",
        "## crm: marketing",
    ]


def test_rules_report_of_a_missing_file_names_it(tmp_path: Path) -> None:
    answer = run("rules", "report", str(tmp_path / "absent.yaml"))
    refused(answer, "absent.yaml: file: the file cannot be read (FileNotFoundError).")
    assert len(answer.err.splitlines()) == 1
    assert run("rules", "report", "--nope").code == 2


def test_rules_report_tells_of_a_bucket(tmp_path: Path) -> None:
    text = S3_RULES.replace("${BUCKET}", "lapse-documents").replace('endpoint: "${S3_ENDPOINT}", ', "")
    (tmp_path / "archive.yaml").write_text(text, encoding="utf-8")
    answer = run("rules", "report", str(tmp_path / "archive.yaml"))
    assert answer.code == 0
    assert "Bucket lapse-documents. Every version of the objects below a customer's prefixes is deleted." in answer.out
    assert "| documents | customers/{customer_id}/ |" in answer.out
    assert "| lapse-ledger/ | customer_id | proof of what was carried out |" in answer.out
