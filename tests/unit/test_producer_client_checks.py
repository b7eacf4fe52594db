"""What the producer refuses, and that no refusal repeats what was refused."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer_client import DEFAULT_PERSONAL_DATA, InvalidEventError, PersonalDataError
from producer_client import checks as client
from producer_client.testing import InMemoryProducer
from schemas.validate import PERSONAL_DATA

SECRET = "zyx-secret"
WHEN = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)

PERSONAL = [
    "anna@example.test",
    "19850101-1234",
    "198501011234",
    "850101-1234",
    "8501011234",
    "850101+1234",
    "850161-1234",
    "SE198501011234",
    "customer:850101-1234",
    "Anna Svensson",
    "c1\t",
    "c1\n",
    "c\N{NO-BREAK SPACE}1",
]
OPAQUE = [
    "1",
    "cust-000123",
    "0123456789",  # month 23
    "8599991234",
    "19850101",
    "19850101-1234-4abc-8def-0123456789ab",  # a UUID that starts like a personal number
    "f47ac10b-58cc-4372-a567-198501011234",
    "F47AC10B-58CC-4372-A567-0E02B2C3D479",
    "9f86d081884c7d659a2feaa0c55ad015",
    "kund_ö",
    "c" * 256,
]


def key(customer_id: Any, pattern: re.Pattern[str] = DEFAULT_PERSONAL_DATA) -> bytes:
    return client.customer_key(customer_id, pattern)


@pytest.mark.parametrize("customer_id", PERSONAL)
def test_personal_data_is_refused_without_being_repeated(customer_id: str) -> None:
    with pytest.raises(PersonalDataError) as refused:
        key(customer_id)
    assert customer_id.strip() not in str(refused.value)
    assert refused.value.field == "customer_id"
    assert refused.value.__context__ is None


@pytest.mark.parametrize("customer_id", OPAQUE)
def test_opaque_id_is_the_key(customer_id: str) -> None:
    assert key(customer_id) == customer_id.encode()


def test_personal_data_is_what_the_consumer_refuses_too() -> None:
    assert (DEFAULT_PERSONAL_DATA.pattern, DEFAULT_PERSONAL_DATA.flags) == (PERSONAL_DATA.pattern, PERSONAL_DATA.flags)


@given(st.from_regex(r"[A-Za-z0-9_.:@ #\-]{0,40}", fullmatch=True) | st.text(max_size=300) | st.uuids().map(str))
def test_short_cut_for_opaque_ids_never_changes_the_answer(customer_id: str) -> None:
    same_rule = re.compile("(?:" + DEFAULT_PERSONAL_DATA.pattern + ")")  # not the default object: no short cut
    assert outcome(customer_id, DEFAULT_PERSONAL_DATA) == outcome(customer_id, same_rule)


def outcome(customer_id: str, pattern: re.Pattern[str]) -> bytes | str:
    try:
        return key(customer_id, pattern)
    except InvalidEventError as refused:
        return str(refused)


def test_own_pattern_replaces_the_default() -> None:
    pattern = re.compile("^X")
    assert key("8501011234", pattern) == b"8501011234"
    with pytest.raises(PersonalDataError):
        key("X1", pattern)


@pytest.mark.parametrize(
    ("customer_id", "repair"),
    [
        ("", "empty"),
        ("c" * 257, "256"),
        (f"{SECRET}#1", "'#'"),
        (f"{SECRET}\x07", "unprintable"),
        (f"{SECRET}\ud800", "unprintable"),
        (None, "text"),
        (b"c1", "text"),
        (7, "text"),
    ],
)
def test_malformed_customer_id_is_refused_by_field_and_repair(customer_id: object, repair: str) -> None:
    with pytest.raises(InvalidEventError, match=repair) as refused:
        key(customer_id)
    assert refused.value.field == "customer_id"
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("product", ["loan", "loan/8812", "a.b_c-1/A.b_C-9", "k" * 32 + "/" + "i" * 64])
def test_product_is_taken(product: str) -> None:
    assert client.product_name(product) == product.encode()


@pytest.mark.parametrize(
    "product",
    [
        "",
        "/",
        "loan/",
        "/1",
        "Loan",
        "loan/1/2",
        "loan#1",
        "k" * 33,
        "loan/" + "i" * 65,
        "loan\n",
        "lån",
        None,
        b"loan",
    ],
)
def test_malformed_product_is_refused(product: Any) -> None:
    with pytest.raises(InvalidEventError, match="KIND/ID") as refused:
        client.product_name(product)
    assert refused.value.field == "product"


@given(st.datetimes(datetime(1901, 1, 1), datetime(9998, 1, 1), timezones=st.timezones()))  # noqa: DTZ001 - the bounds are taken in each zone
def test_microseconds_are_exact_in_any_zone(moment: datetime) -> None:
    micros = client.microseconds("until", moment)
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros) == moment.astimezone(UTC)


def test_microseconds_respect_the_repeated_hour_of_autumn() -> None:
    first = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Stockholm"))
    second = first.replace(fold=1)
    assert client.microseconds("until", second) - client.microseconds("until", first) == 3_600_000_000


@pytest.mark.parametrize("moment", [datetime(2026, 1, 1), date(2026, 1, 1), "2026-01-01", 1_700_000_000, timedelta(1)])  # noqa: DTZ001 - naive on purpose
def test_naive_or_other_time_is_refused(moment: Any) -> None:
    with pytest.raises(InvalidEventError, match="until: must be a datetime with a time zone") as refused:
        client.microseconds("until", moment)
    assert "2026" not in str(refused.value)


@pytest.mark.parametrize(
    "moment",
    [
        datetime(1899, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-2))),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
    ],
)
def test_time_outside_the_years_lapse_takes_is_refused(moment: datetime) -> None:
    with pytest.raises(InvalidEventError, match="1900-9999"):
        client.microseconds("until", moment)


@pytest.mark.parametrize("event_id", ["", "no", 7, b"x" * 16, None])
def test_event_id_that_is_no_uuid_is_refused(event_id: Any) -> None:
    with pytest.raises(InvalidEventError, match="event_id: must be a UUID"):
        client.given_event_id(event_id)


@pytest.mark.parametrize(
    "traceparent", ["", "x", "00-" + "0" * 32 + "-" + "b" * 16 + "-01", "00-" + "A" * 32 + "-" + "b" * 16 + "-01", 7]
)
def test_malformed_traceparent_is_refused(traceparent: Any) -> None:
    with pytest.raises(InvalidEventError, match="traceparent"):
        client.trace_header(traceparent)


@pytest.mark.parametrize("source", ["", "a#b", "s" * 257, "s\x00", None])
def test_malformed_source_is_refused_when_the_producer_is_made(source: Any) -> None:
    with pytest.raises(InvalidEventError, match="source"):
        InMemoryProducer(source=source)


@pytest.mark.parametrize("hold_id", ["", "a b", "a/b", "h" * 65, None, 7])
def test_malformed_hold_is_named_as_the_caller_knows_it(hold_id: Any) -> None:
    with pytest.raises(InvalidEventError) as refused:
        InMemoryProducer().legal_hold("c1", hold_id)
    assert refused.value.field == "hold_id"


def test_event_from_the_future_is_refused() -> None:
    producer = InMemoryProducer(clock=lambda: WHEN)
    producer.postpone("c1", "loan/1", occurred_at=WHEN + timedelta(minutes=5))
    with pytest.raises(InvalidEventError, match=r"occurred_at: .*future"):
        producer.postpone("c1", "loan/1", occurred_at=WHEN + timedelta(minutes=5, microseconds=1))


def test_event_id_may_be_text_or_uuid() -> None:
    event_id = uuid4()
    assert client.given_event_id(event_id) == client.given_event_id(str(event_id).upper()) == event_id
