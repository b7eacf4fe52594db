"""The fast check of an event: each code, and what must stay allowed."""

import random
import re
import traceback
from typing import Any
from uuid import UUID

import pytest

from consumers.domain.errors import InvalidRecordError
from schemas.validate import EARLIEST, LATEST, PERSONAL_DATA, check_event

ID = "8d3c3f0e-58f2-4c8e-9b55-0a1f8e0a7c11"
CANARY = "canary " * 2  # never in one piece in a line a traceback shows


def schedule(**changes: Any) -> dict[str, Any]:
    times = {"occurred_at": 1, "retention_starts_at": 2, "not_before": None}
    return {"event_id": ID, "customer_id": "c-41", "product": "loan/8812", "source": "loans", **times, **changes}


def postpone(**changes: Any) -> dict[str, Any]:
    times = {"occurred_at": 1, "until": None}
    return {"event_id": ID, "customer_id": "c-41", "product": "loan/8812", "source": "loans", **times, **changes}


def code(name: str, fields: dict[str, Any]) -> str | None:
    try:
        check_event(name, fields)
    except InvalidRecordError as refused:
        return refused.code
    return None


@pytest.mark.parametrize(
    "customer_id",
    [
        "c-41",
        "C_41.x:y/z",
        "41",
        "å" * 256,
        ID,
        "80010112-3456-4c8e-9b55-0a1f8e0a7c11",
        "8d3c3f0e-58f2-4c8e-9b55-198001011234",
        "8001011234567",
        "1234567890",
        "800101123",
        "198013011234",
        "5f8001011234a9c1d2e3f4a5",
        "٤١",
    ],
)
def test_check_event_accepts_opaque_ids(customer_id: str) -> None:
    assert code("ScheduleAnonymization", schedule(customer_id=customer_id)) is None


@pytest.mark.parametrize(
    "customer_id",
    [
        "19800101-1234",
        "800101-1234",
        "198001011234",
        "8001011234",
        "800101+1234",
        "800101.1234",
        "198001611234",
        "SE198001011234",
        "cust-8001011234",
        "cust_800101-1234",
        "8001011234-x",
        "someone@example.org",
        "Some One",
        "some\tone",
    ],
)
def test_check_event_refuses_personal_data(customer_id: str) -> None:
    assert code("ScheduleAnonymization", schedule(customer_id=customer_id)) == "personal_data_in_id"


def test_check_event_accepts_every_uuid() -> None:
    chance = random.Random(1)
    ids = (str(UUID(int=chance.getrandbits(128))) for _ in range(5_000))
    assert not [found for found in ids if PERSONAL_DATA.search(found)]


@pytest.mark.parametrize("customer_id", ["", "x" * 257, "c#41", "c\x0041", "c\u200b41", "c\ud800"])
def test_check_event_refuses_malformed_ids(customer_id: str) -> None:
    assert code("PostponeAnonymization", postpone(customer_id=customer_id)) == "invalid_customer_id"


def test_check_event_refuses_white_space_under_any_pattern() -> None:
    with pytest.raises(InvalidRecordError, match="invalid_customer_id"):
        check_event("ScheduleAnonymization", schedule(customer_id="a b"), re.compile("never"))


def test_check_event_takes_another_pattern() -> None:
    check_event("ScheduleAnonymization", schedule(customer_id="800101-1234"), re.compile("^x"))
    with pytest.raises(InvalidRecordError, match="personal_data_in_id"):
        check_event("ScheduleAnonymization", schedule(customer_id="x-1"), re.compile("^x"))


@pytest.mark.parametrize("product", ["activity", "loan/8812", "legal-hold/77", "a" * 32 + "/" + "B" * 64])
def test_check_event_accepts_products(product: str) -> None:
    assert code("PostponeAnonymization", postpone(product=product)) is None


@pytest.mark.parametrize(
    "product", ["", "/1", "loan/", "Loan/1", "loan/1/2", "loan\n", "loan/1\n", "a" * 33, "a/" + "B" * 65, "lån", "a b"]
)
def test_check_event_refuses_products(product: str) -> None:
    assert code("PostponeAnonymization", postpone(product=product)) == "invalid_product"


@pytest.mark.parametrize("event_id", ["", "1", ID + "\n", ID.replace("-", ""), f"{{{ID}}}", ID[:-1] + "g"])
def test_check_event_refuses_event_ids(event_id: str) -> None:
    assert code("ScheduleAnonymization", schedule(event_id=event_id)) == "invalid_event_id"


@pytest.mark.parametrize("time", [EARLIEST, LATEST, 0])
def test_check_event_accepts_times(time: int) -> None:
    fields = schedule(occurred_at=time, retention_starts_at=time, not_before=time)
    assert code("ScheduleAnonymization", fields) is None
    assert code("PostponeAnonymization", postpone(occurred_at=time, until=time)) is None


@pytest.mark.parametrize("time", [EARLIEST - 1, LATEST + 1, 2**63 - 1, 1.0, True, "1"])
@pytest.mark.parametrize("field", ["occurred_at", "retention_starts_at", "not_before"])
def test_check_event_refuses_times_of_a_schedule(field: str, time: object) -> None:
    assert code("ScheduleAnonymization", schedule(**{field: time})) == "invalid_time"


@pytest.mark.parametrize("field", ["occurred_at", "until"])
def test_check_event_refuses_times_of_a_postpone(field: str) -> None:
    assert code("PostponeAnonymization", postpone(**{field: LATEST + 1})) == "invalid_time"


@pytest.mark.parametrize("field", [name for name in schedule() if name != "source"])
def test_check_event_refuses_a_missing_field(field: str) -> None:
    fields = schedule()
    del fields[field]
    assert code("ScheduleAnonymization", fields) == "wrong_type"


def test_check_event_refuses_what_is_no_event() -> None:
    assert code("CheckCustomer", schedule()) == "wrong_type"
    assert code("ScheduleAnonymization", schedule(customer_id=41)) == "wrong_type"
    assert code("ScheduleAnonymization", schedule(product=None)) == "wrong_type"


@pytest.mark.parametrize("field", ["customer_id", "product", "event_id"])
def test_check_event_shows_no_value(field: str) -> None:
    with pytest.raises(InvalidRecordError) as refused:
        check_event("ScheduleAnonymization", schedule(**{field: CANARY}))
    assert CANARY not in "".join(traceback.format_exception(refused.value))
