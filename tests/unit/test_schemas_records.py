"""The models: exact times, refused values, and the way to the codec and back."""

import traceback
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from consumers.domain.errors import InvalidRecordError
from schemas.codec import decode, encode
from schemas.edge import from_micros, to_micros
from schemas.library import newest
from schemas.records import (
    AnonymizationResult,
    AnonymizeCustomer,
    CheckCustomer,
    Outcome,
    PostponeAnonymization,
    Record,
    ScheduleAnonymization,
    TickRequested,
)
from schemas.validate import EARLIEST, LATEST

ID = UUID("8d3c3f0e-58f2-4c8e-9b55-0a1f8e0a7c11")
MOMENT = datetime(2026, 2, 28, 23, 59, 59, 999_999, UTC)
MODELS = [
    ScheduleAnonymization,
    PostponeAnonymization,
    TickRequested,
    CheckCustomer,
    AnonymizeCustomer,
    AnonymizationResult,
]


def schedule(**changes: Any) -> ScheduleAnonymization:
    times = {"occurred_at": MOMENT, "retention_starts_at": MOMENT}
    given_fields = {"event_id": ID, "customer_id": "c-41", "product": "loan/8812", "source": "loans", **times}
    return ScheduleAnonymization.model_validate({**given_fields, **changes})


def records() -> list[Record]:
    command: dict[str, Any] = {"command_id": ID, "attempt": 1, "customer_id": "c-41", "purpose": "marketing"}
    answer = {"service": "crm", "outcome": "DONE", "rows_by_table": {"customers": 2}, "finished_at": MOMENT}
    event = {"event_id": ID, "customer_id": "c-41", "product": "activity", "occurred_at": MOMENT, "source": "crm"}
    return [
        schedule(not_before=MOMENT),
        PostponeAnonymization.model_validate({**event, "until": MOMENT}),
        PostponeAnonymization.model_validate(event),
        TickRequested(tick_id=ID, as_of=MOMENT, dry_run=True, requested_by="cron"),
        CheckCustomer(**command, sent_at=MOMENT),
        AnonymizeCustomer(**command, sent_at=MOMENT, only_service="crm"),
        AnonymizationResult.model_validate({**command, **answer}),
        AnonymizationResult.model_validate({**command, **answer, "table_version": 2**40, "command_partition": 11}),
    ]


@pytest.mark.parametrize("record", records(), ids=lambda record: type(record).__name__)
def test_record_survives_the_codec(record: Record) -> None:
    name = type(record).__name__
    decoded = decode(encode(name, record.fields()), {name})
    assert decoded.fields == record.fields()
    assert type(record).from_fields(decoded.fields) == record


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_model_has_the_fields_of_its_schema(model: type[Record]) -> None:
    assert list(model.model_fields) == [field["name"] for field in newest()[model.__name__].source["fields"]]


def test_models_cover_every_record_but_the_state() -> None:
    assert {model.__name__ for model in MODELS} == set(newest()) - {"CustomerState"}


def test_outcome_has_the_symbols_of_its_schema() -> None:
    fields = {field["name"]: field["type"] for field in newest()["AnonymizationResult"].source["fields"]}
    assert fields["outcome"]["symbols"] == list(Outcome)


@given(st.integers(EARLIEST, LATEST))
def test_micros_survive_exactly(micros: int) -> None:
    assert to_micros(from_micros(micros)) == micros


def test_times_begin_with_1900_and_end_with_9999() -> None:
    assert from_micros(EARLIEST) == datetime(1900, 1, 1, tzinfo=UTC)
    assert from_micros(LATEST) == datetime.max.replace(tzinfo=UTC)


def test_fields_hold_the_exact_microsecond() -> None:
    assert schedule().fields()["occurred_at"] == 1_772_323_199_999_999


def test_moment_becomes_utc() -> None:
    record = schedule(occurred_at=MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30))))
    assert record.occurred_at.tzinfo is UTC
    assert record.occurred_at == MOMENT


@pytest.mark.parametrize(
    "moment",
    [
        MOMENT.replace(tzinfo=None),
        1_764_000_000,
        "2026-02-28T23:59:59Z",
        None,
        datetime(1899, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-5))),
    ],
    ids=["naive", "number", "text", "none", "too-early", "too-late"],
)
def test_record_refuses_moments(moment: object) -> None:
    with pytest.raises(ValidationError, match="a time is") as refused:
        schedule(occurred_at=moment)
    assert [error["type"] for error in refused.value.errors()] == ["invalid_time"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"customer_id": "can#ary"}, "invalid_customer_id"),
        ({"customer_id": "can ary"}, "invalid_customer_id"),
        ({"customer_id": ""}, "invalid_customer_id"),
        ({"product": "CANARY"}, "invalid_product"),
        ({"event_id": "canary"}, "invalid_event_id"),
        ({"event_id": ID.bytes}, "invalid_event_id"),
        ({"occurred_at": LATEST + 1}, "invalid_time"),
        ({"occurred_at": True}, "invalid_time"),
        ({"source": ""}, "wrong_type"),
        ({"source": 7}, "wrong_type"),
        ({"unheard_of": "canary"}, "wrong_type"),
    ],
    ids=str,
)
def test_from_fields_refuses_with_a_code(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidRecordError) as refused:
        ScheduleAnonymization.from_fields({**schedule().fields(), **changes})
    assert refused.value.code == code
    assert "canary" not in "".join(traceback.format_exception(refused.value)).lower()


def test_validation_error_shows_no_value() -> None:
    with pytest.raises(ValidationError) as refused:
        schedule(customer_id="canary#", product="CANARY", event_id="canary", occurred_at="canary", unheard_of="canary")
    assert "canary" not in str(refused.value).lower()


def test_repr_shows_no_customer() -> None:
    assert "c-41" not in repr(schedule())


def test_record_cannot_be_changed() -> None:
    record = schedule()
    with pytest.raises(ValidationError, match="frozen"):
        record.product = "loan/1"  # type: ignore[misc] # the point of the test


def test_command_refuses_an_attempt_that_is_no_count() -> None:
    fields = {"command_id": str(ID), "attempt": -1, "customer_id": "c", "purpose": "p", "sent_at": 0}
    with pytest.raises(InvalidRecordError, match="wrong_type"):
        CheckCustomer.from_fields(fields)
    with pytest.raises(InvalidRecordError, match="wrong_type"):
        CheckCustomer.from_fields({**fields, "attempt": 1, "command_id": "1"})
