"""Drafts of rules: what looks personal, which way leads to a customer, and YAML that reads back as it was meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.domain.errors import PermanentError
from consumers.stores.sql.catalog import Catalog, Column, ForeignKey, Relation
from consumers.stores.sql.drafting.customers import customer_column, customer_table
from consumers.stores.sql.drafting.personal import Kind, looks_personal
from consumers.stores.sql.drafting.reach import parents
from consumers.stores.sql.drafting.written import comment, written
from consumers.yaml_text import read_yaml


def column(name: str, base: str = "text", *, not_null: bool = True) -> Column:
    category = "S" if base in {"text", "varchar"} else ""
    return Column(name, base, base, category, None, not_null, generated=False, labels=frozenset(), checked=False)


def relation(name: str, *columns: Column, kind: str = "r", partition: bool = False) -> Relation:
    there = {each.name: each for each in columns}
    return Relation("s", name, kind, False, there, [], frozenset(), [], [], partition=partition)  # noqa: FBT003


def key(table: str, to: str, of: str = "id") -> ForeignKey:
    return ForeignKey(f"{table}_{of}", ("s", table), (of,), ("s", to), ("id",))


def catalog(*relations: Relation, keys: tuple[ForeignKey, ...] = ()) -> Catalog:
    return Catalog({("s", each.name): each for each in relations}, keys)


@pytest.mark.parametrize(
    ("name", "base", "kind"),
    [
        ("email", "varchar", "email"),
        ("EMailAddress", "text", "email"),
        ("home_phone", "text", "phone"),
        ("MobileNo", "int8", "phone"),
        ("fax", "text", "phone"),
        ("birth_date", "date", "birth"),
        ("DOB", "timestamp", "birth"),
        ("personnummer", "text", "identity"),
        ("personal_number", "varchar", "identity"),
        ("SSN", "int8", "identity"),
        ("iban", "text", "identity"),
        ("first_name", "text", "name"),
        ("companyName", "text", "name"),
        ("firstname", "text", "name"),
        ("förnamn", "text", "name"),
        ("ship_city", "text", "text"),
        ("postalCode", "text", "text"),
        ("contact_title", "text", "text"),
        ("internal_notes", "text", "text"),
        ("photo", "bytea", "text"),
        ("ip", "inet", "text"),
    ],
)
def test_column_looks_personal_by_name_and_type(name: str, base: str, kind: Kind) -> None:
    assert looks_personal(column(name, base)) == kind


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("email_confirmed", "bool"),
        ("name_changed_at", "timestamptz"),
        ("product_name", "text"),
        ("categoryName", "text"),
        ("capacity_note_count", "int4"),
        ("velocity", "int4"),
        ("balance", "numeric"),
        ("segment", "text"),
        ("renamed", "text"),
        ("username_hash_rounds", "int4"),
    ],
)
def test_column_of_another_name_or_type_does_not_look_personal(name: str, base: str) -> None:
    assert looks_personal(column(name, base)) is None


def test_table_is_reached_over_keys_that_are_never_null_before_shorter_ways() -> None:
    people = relation("people", column("id"))
    orders = relation("orders", column("person"))
    notes = relation("notes", column("person", not_null=False), column("in_order"))
    keys = (key("orders", "people", "person"), key("notes", "people", "person"), key("notes", "orders", "in_order"))
    found = parents(catalog(people, orders, notes, keys=keys), ("s", "people"))
    assert found == {("s", "orders"): ("s", "people"), ("s", "notes"): ("s", "orders")}
    direct = relation("notes", column("person"), column("in_order"))
    found = parents(catalog(people, orders, direct, keys=keys), ("s", "people"))
    assert found["s", "notes"] == ("s", "people")


def test_tables_that_refer_to_one_another_are_each_reached_once() -> None:
    people, cards = relation("people", column("boss"), column("card")), relation("cards", column("owner"))
    keys = (key("people", "people", "boss"), key("cards", "people", "owner"), key("people", "cards", "card"))
    assert parents(catalog(people, cards, keys=keys), ("s", "people")) == {("s", "cards"): ("s", "people")}


def test_customers_table_is_the_one_called_so_that_most_refer_to() -> None:
    tables = [relation(name, column("id")) for name in ("Customers", "customer_types", "users", "orders", "products")]
    tables.append(relation("customers_2024", column("id"), partition=True))
    keys = (key("orders", "Customers"), key("orders", "products"))
    found, others = customer_table(catalog(*tables, keys=keys), "s", None)
    assert (found.name, others) == ("Customers", ["users", "customer_types"])


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("clients", "users"), "--customer-table: clients, users"),
        (("accounts", "deals"), r"no table is called as customers are.*accounts \(referred to by 1\), deals"),
        ((), "sees no table in the schema s"),
    ],
)
def test_customers_table_that_is_not_clear_is_asked_for_with_candidates(names: tuple[str, ...], said: str) -> None:
    keys = (key("deals", "accounts"),) if "deals" in names else ()
    with pytest.raises(PermanentError, match=said):
        customer_table(catalog(*(relation(name, column("id")) for name in names), keys=keys), "s", None)


def test_customer_column_that_is_not_clear_is_asked_for_with_candidates() -> None:
    with pytest.raises(PermanentError, match="--customer-column: branch, number"):
        customer_column(relation("people", column("branch"), column("number"), column("born", "date")), None)


# no database has a name with a NUL or half a letter, and no draft has an empty section
names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=63)


@given(st.dictionaries(names, names | st.lists(names, max_size=30), min_size=1, max_size=4))
def test_whatever_names_hold_reads_back_as_it_was(values: dict[str, str | list[str]]) -> None:
    document = {"version": 1, "tables": {"ta\nble": {"key": ["a", *values], "mask": values, "keep": values}}}
    remarks = comment(values)
    assert read_yaml(written(document) + remarks) == document
