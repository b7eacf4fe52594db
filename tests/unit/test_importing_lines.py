"""Lines of an import: which are schedules, and why others are none."""

import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.importing.lines import LONGEST_LINE, HeaderError, columns_of, lines_of
from consumers.importing.schedules import Reading, Refused
from producer_client import DEFAULT_PERSONAL_DATA, Schedule

HEADER = b"customer_id,product,occurred_at,retention_starts_at,not_before\n"
CLOSED = "2024-02-29T00:00+01:00"
TODAY = datetime(2026, 6, 15, 12, tzinfo=UTC)


def reading(first: bytes = HEADER, source: str = "old") -> Reading:
    columns = columns_of(next(lines_of(io.BytesIO(first))))
    return Reading(columns, source, DEFAULT_PERSONAL_DATA, TODAY)


def verdict(content: bytes, by: Reading | None = None) -> Schedule | Refused | None:
    return (by or reading()).schedule(next(lines_of(io.BytesIO(content))))


def schedule(content: bytes, by: Reading | None = None) -> Schedule:
    found = verdict(content, by)
    assert isinstance(found, Schedule), found
    return found


@pytest.mark.parametrize(
    ("content", "column", "code"),
    [
        (b"anna@example.com,loan/1,%s,,", "customer_id", "personal_data"),
        (b"19121212-1212,loan/1,%s,,", "customer_id", "personal_data"),
        (b" c,loan/1,%s,,", "customer_id", "personal_data"),
        (b",loan/1,%s,,", "customer_id", "missing"),
        (b"c#1,loan/1,%s,,", "customer_id", "invalid"),
        (b"c\x001,loan/1,%s,,", "customer_id", "invalid"),
        (b"c,,%s,,", "product", "missing"),
        (b"c,Loan 1,%s,,", "product", "invalid"),
        (b"c,loan/1,,,", "occurred_at", "missing"),
        (b"c,loan/1,2024-02-30T00:00Z,,", "occurred_at", "invalid_time"),
        (b"c,loan/1,0001-01-01T00:00+14:00,,", "occurred_at", "invalid_time"),
        (b"c,loan/1,1899-12-31T00:00Z,,", "occurred_at", "invalid"),
        (b"c,loan/1,2024-02-29,,", "occurred_at", "no_zone"),
        (b"c,loan/1,%s,2024-02-29T12:00,", "retention_starts_at", "no_zone"),
        (b"c,loan/1,%s,,tomorrow", "not_before", "invalid_time"),
        (b"c,loan/1,2026-06-15T12:06Z,,", "occurred_at", "future"),
        (b"c,loan/1", "", "wrong_columns"),
        (b"c,loan/1,%s,,,", "", "wrong_columns"),
        (b",,,,", "customer_id", "missing"),
        (b'"c,loan/1,%s,,', "", "not_csv"),
        (b'"c"1,loan/1,%s,,', "", "not_csv"),
        (b"c\rd,loan/1,%s,,", "", "not_csv"),
        ("c,å/1,%s,,".encode("latin-1"), "", "not_utf8"),
        (b"c" * LONGEST_LINE + b",loan/1,%s,,", "", "too_long"),
    ],
)
def test_line_is_refused_by_column_and_code(content: bytes, column: str, code: str) -> None:
    found = verdict(content.replace(b"%s", CLOSED.encode()))
    assert isinstance(found, Refused), found
    assert (found.line, found.column, found.code) == (1, column, code)


@pytest.mark.parametrize(
    "content",
    [
        b"c-1,loan/1,2024-02-29T00:00+01:00,,",
        b"c-1,loan/1,2024-02-29T00:00+01:00,,\r\n",
        b'"c-1","loan/1","2024-02-29T00:00+01:00","",""\n',
        b"c-1,loan/1,,2024-02-28T23:00Z,\n",
        b"c-1,loan/1,2024-02-28T23:00:00.000000Z,2024-02-29T01:00+02:00,",
    ],
)
def test_line_says_the_same_and_has_the_same_id_however_it_is_written(content: bytes) -> None:
    plain = schedule(b"c-1,loan/1,2024-02-28T23:00Z,2024-02-28T23:00Z,")
    assert schedule(content) == plain
    assert (plain.customer_id, plain.product, plain.source) == ("c-1", "loan/1", "old")
    assert plain.occurred_at == plain.retention_starts_at == datetime.fromisoformat(CLOSED)


def test_event_id_is_another_one_where_anything_differs() -> None:
    lines = [
        b"c,loan/1,2024-01-01T00:00Z,,",
        b"d,loan/1,2024-01-01T00:00Z,,",
        b"c,loan/2,2024-01-01T00:00Z,,",
        b"c,loan/1,2024-01-02T00:00Z,,",
        b"c,loan/1,2024-01-01T00:00Z,2024-01-02T00:00Z,",
        b"c,loan/1,2024-01-01T00:00Z,,2024-01-01T00:00Z",
    ]
    ids = {schedule(line).event_id for line in lines} | {schedule(lines[0], reading(source="new")).event_id}
    assert len(ids) == len(lines) + 1


@pytest.mark.parametrize("content", [b"\n", b"\r\n", b"  \n"])
def test_empty_line_is_neither_good_nor_refused(content: bytes) -> None:
    assert verdict(content) is None


def test_columns_may_stand_in_any_order_behind_a_byte_order_mark() -> None:
    by = reading(b"\xef\xbb\xbfoccurred_at,customer_id,product\r\n")
    assert schedule(b"2024-02-29T00:00+01:00,c-1,loan/1", by) == schedule(b"c-1,loan/1,2024-02-29T00:00+01:00,,")


@pytest.mark.parametrize(
    ("first", "said"),
    [
        (b"", "empty"),
        (b"\n", "empty"),
        (b"customer_id;product;occurred_at\n", "with commas"),
        (b"customer_id,product\n", "at least one of the two"),
        (b"customer_id,occurred_at\n", "product is missing"),
        (b"customer_id,product,occurred_at,product\n", "product is there twice"),
        (b"customer_id,product,occured_at\n", "column 3 is none"),
        ("customer_id,product,occurred_at\n".encode("utf-16"), "CSV UTF-8"),
        (b"anna@example.com,loan/1,2024-01-01T00:00Z\n", "column 1 is none"),
    ],
)
def test_header_is_refused_with_the_repair(first: bytes, said: str) -> None:
    with pytest.raises(HeaderError) as refused:
        columns_of(next(lines_of(io.BytesIO(first)), None))
    assert said in str(refused.value)
    assert "anna" not in str(refused.value)


@given(st.binary(max_size=3 * LONGEST_LINE), st.integers(0, 50))
def test_lines_read_from_the_end_of_any_line_are_the_rest(content: bytes, at: int) -> None:
    lines = list(lines_of(io.BytesIO(content)))
    assert (lines[-1].end if lines else 0) == len(content)
    if lines:
        line = lines[at % len(lines)]
        file = io.BytesIO(content)
        file.seek(line.end)
        assert list(lines_of(file, line.number)) == lines[line.number :]


@given(st.binary(max_size=200))
def test_any_bytes_are_a_schedule_or_refused_without_repeating_them(content: bytes) -> None:
    by = reading()
    for line in lines_of(io.BytesIO(b"secretly," + content)):
        found = by.schedule(line)
        if isinstance(found, Refused):
            assert "secretly" not in "".join(found[1:])


def test_a_line_without_end_is_not_kept_in_memory() -> None:
    lines = list(lines_of(io.BytesIO(b"x" * 10 * LONGEST_LINE + b"\nshort\n")))
    assert [line.content for line in lines] == [None, b"short"]
