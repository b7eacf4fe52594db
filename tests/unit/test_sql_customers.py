"""Customer ids as a column reads them, and array literals as PostgreSQL does."""

import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.stores.sql.customers import converted, customers_of
from consumers.stores.sql.names import array, quote


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_bigint_converts_to_itself(number: int) -> None:
    assert converted(str(number), "integer") == str(number)


@given(st.text())
def test_text_that_converts_to_integer_is_that_integer(written: str) -> None:
    value = converted(written, "integer")
    assert value is None or (value == str(int(written)) and -(2**63) <= int(value) < 2**63)


@pytest.mark.parametrize(
    "written", ["007", "+7", " 7", "7 ", "7.0", "1e3", "-0", "\u0667", "9223372036854775808", "", "\n7"]
)
def test_other_spellings_of_integers_do_not_convert(written: str) -> None:
    assert converted(written, "integer") is None


@given(st.uuids())
def test_uuid_converts_in_either_case(value: uuid.UUID) -> None:
    assert converted(str(value).upper(), "uuid") == str(value)


@pytest.mark.parametrize(
    "written", ["", "x", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", "a0eebc999c0b4ef8bb6d6bb9bd380a11"]
)
def test_other_spellings_of_uuids_do_not_convert(written: str) -> None:
    assert converted(written, "uuid") is None


def test_two_spellings_of_one_value_share_a_number() -> None:
    spelled = "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"

    customers = customers_of([spelled, spelled.lower(), "x"], "uuid")

    assert customers.ids == [spelled.lower()]
    assert customers.ordinals == {spelled: 1, spelled.lower(): 1}


@given(st.lists(st.text(alphabet=st.sampled_from('ab,"\\\\{} é')) | st.text()))
def test_array_literal_reads_back(values: list[str]) -> None:
    assert read_array(array(values)) == values


def read_array(literal: str) -> list[str]:
    """PostgreSQL's array input, for quoted elements."""
    quoted = re.findall(r'"((?:[^"\\]|\\.)*)"', literal, re.DOTALL)
    assert literal == "{" + ",".join(f'"{token}"' for token in quoted) + "}"
    return [re.sub(r"\\(.)", r"\1", token, flags=re.DOTALL) for token in quoted]


@pytest.mark.parametrize(
    ("name", "quoted"), [("email", "email"), ("user", '"user"'), ("E", '"E"'), ('a"b', '"a""b"'), ("1a", '"1a"')]
)
def test_names_are_quoted_where_needed(name: str, quoted: str) -> None:
    assert quote(name) == quoted
