"""How rows are reached: what a rules file may say of lookups and shared rows, before any database is asked."""

from pathlib import Path

import pytest

from consumers.stores import Rules, RulesError, load_sql_rules
from tests.support.sql_store import RULES

COLUMN = "column: customer_id}"
FLAG = "    flag: anonymized\n"
ORDERS = "key: [id], mask: {address: set_null}"
BELOW_P = "  q: {parent: p, since: a, rows: delete}"
NOTES = "notes: {parent: customers, rows: delete}"
SHARED = "orders: {parent: customers, shared: keep, key"


def load(folder: Path, text: str) -> Rules:
    (folder / "crm.yaml").write_text(text, encoding="utf-8")
    return load_sql_rules(folder / "crm.yaml", {"CRM_URL": "postgresql://db/crm"})


@pytest.mark.parametrize(
    ("old", "new", "code", "place"),
    [
        ("rows: delete}", "rows: delete, shared: keep}", "shared", "tables.notes.shared"),
        ("rows: delete}", "shared: mask}", "literal_error", "tables.notes.shared"),
        (FLAG, f"{FLAG}    shared: keep\n", "shared", "tables.customers.shared"),
        (FLAG, "    shared: keep\n", "shared", "tables.customers.shared"),
        (COLUMN, "lookup: {table: t, gives: {id: b}}}", "missing", "customer.lookup.match"),
        (COLUMN, "lookup: {table: countries, match: a, gives: {}}}", "too_short", "customer.lookup.gives"),
        (COLUMN, "lookup: {table: nowhere, match: a, gives: {id: b}}}", "unmapped_table", "customer.lookup.table"),
        (COLUMN, "lookup: {table: customers, match: a, gives: {id: b}}}", "lookup", "customer.lookup.table"),
        (
            COLUMN,
            "column: id, lookup: {table: countries, match: a, gives: {id: b}}}",
            "customer_column",
            "customer.column",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(tmp_path: Path, old: str, new: str, code: str, place: str) -> None:
    assert old in RULES
    with pytest.raises(RulesError) as caught:
        load(tmp_path, RULES.replace(old, new, 1))
    assert [(found.code, found.place) for found in caught.value.findings] == [(code, place)]
    assert all(found.message and found.repair for found in caught.value.findings)


def test_shared_rows_need_a_flag_that_tells_who_is_anonymized(tmp_path: Path) -> None:
    shared = RULES.replace(ORDERS, "key: [id], shared: keep, mask: {address: set_null}")

    assert load(tmp_path, shared).tables["orders"].shared == "keep"
    with pytest.raises(RulesError) as caught:
        load(tmp_path, shared.replace(FLAG, ""))
    assert [(found.code, found.place) for found in caught.value.findings] == [("flag", "tables.orders.shared")]


@pytest.mark.parametrize(
    ("notes", "place"),
    [
        ("{parent: customers, rows: delete}\n  pages: {parent: notes, rows: delete, since: a}", "pages.since"),
        ("{parent: customers, rows: delete}\n  p: {parent: notes, keep: {why not: [a]}}\n" + BELOW_P, "q.since"),
        ("{parent: customers, since: a, keep: {statistics: [body]}}", "notes.since"),
        ("{parent: customers, since: a, mask: {a: {static: 2020-01-01}}}", "notes.mask.a"),
    ],
)
def test_rows_are_not_left_alone_where_that_could_not_last(tmp_path: Path, notes: str, place: str) -> None:
    assert NOTES in RULES
    with pytest.raises(RulesError) as caught:
        load(tmp_path, RULES.replace(NOTES, f"notes: {notes}"))
    assert [(found.code, found.place) for found in caught.value.findings] == [("since", f"tables.{place}")]
    assert all(found.message and found.repair for found in caught.value.findings)


def test_with_shared_rows_newer_ones_are_told_at_the_root_only(tmp_path: Path) -> None:
    text = RULES.replace("orders: {parent: customers, key", SHARED)

    root = text.replace(FLAG, f"{FLAG}    since: created_at\n")
    assert load(tmp_path, root).tables["customers"].since == "created_at"
    with pytest.raises(RulesError) as caught:
        load(tmp_path, text.replace("rows: delete}", "rows: delete, since: a}"))
    assert [(found.code, found.place) for found in caught.value.findings] == [("since", "tables.notes.since")]


def test_a_lookup_needs_no_column_that_is_the_customer_id(tmp_path: Path) -> None:
    text = RULES.replace(COLUMN, "lookup: {table: countries, match: a, gives: {branch: b, number: c}}}")
    rules = load(tmp_path, text.replace("key: [id]\n", "key: [branch, number]\n"))

    assert (rules.customer_table, rules.customer_column) == ("countries", "a")
    assert rules.customer_columns == ("branch", "number")
