"""The hand-written Avro is byte for byte what a general writer makes of the schemas, and the consumers read it."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from importlib import resources
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer_client import InvalidEventError, PersonalDataError, Postpone, Schedule, encode
from producer_client.encoding import POSTPONE, SCHEDULE, event_id_in, frame, schema, timestamp
from producer_client.event_ids import new_event_id, uuid_text
from schemas import codec

WHEN = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
EVENT_ID = UUID("f47ac10b-58cc-4372-a567-0e02b2c3d479")
TRACE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"

moments = st.datetimes(datetime(1901, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds of the strategy
customers = st.text(st.characters(codec="utf-8", exclude_characters="#"), min_size=1, max_size=256).filter(
    str.isprintable
)
products = st.from_regex(r"[a-z0-9._-]{1,32}(/[A-Za-z0-9._-]{1,64})?", fullmatch=True)
sources = st.from_regex(r"[a-z-]{1,256}", fullmatch=True)
NOTHING = re.compile(r"(?!)")


def schedule(**changes: Any) -> Schedule:
    fields: dict[str, Any] = {
        "customer_id": "c1",
        "product": "loan/1",
        "retention_starts_at": WHEN,
        "source": "loans",
        "occurred_at": WHEN,
        "event_id": EVENT_ID,
    }
    return Schedule(**fields | changes)


def by_fastavro(name: str, fields: Mapping[str, object]) -> bytes:
    out = BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema(name)), fields)
    return frame(name) + out.getvalue()


def fields_of(event: Schedule | Postpone) -> dict[str, object]:
    return {name: getattr(event, name) for name in event.__slots__ if name != "traceparent"}


@given(customers, products, moments, moments, st.none() | moments, st.uuids(), sources)
def test_schedule_is_byte_identical_to_fastavro(
    customer: str,
    product: str,
    occurred: datetime,
    starts: datetime,
    not_before: datetime | None,
    event_id: UUID,
    source: str,
) -> None:
    event = Schedule(
        customer_id=customer,
        product=product,
        retention_starts_at=starts,
        source=source,
        occurred_at=occurred,
        not_before=not_before,
        event_id=event_id,
    )
    assert encode(event, personal_data=NOTHING).value == by_fastavro(SCHEDULE, fields_of(event))


@given(customers, products, moments, st.none() | moments, st.uuids(), sources)
def test_postpone_is_byte_identical_to_fastavro(
    customer: str, product: str, occurred: datetime, until: datetime | None, event_id: UUID, source: str
) -> None:
    event = Postpone(
        customer_id=customer, product=product, source=source, until=until, occurred_at=occurred, event_id=event_id
    )
    assert encode(event, personal_data=NOTHING).value == by_fastavro(POSTPONE, fields_of(event))


longs = (
    st.integers(-(2**62), 2**62) | st.integers(2**48, 2**55 - 1) | st.sampled_from([2**48 - 1, 2**48, 2**55 - 1, 2**55])
)


@given(longs)
def test_timestamp_is_an_avro_long(micros: int) -> None:
    assert timestamp(micros) == long_by_fastavro(micros)


def long_by_fastavro(number: int) -> bytes:
    out = BytesIO()
    fastavro.schemaless_writer(out, "long", number)
    return out.getvalue()


@pytest.mark.parametrize("name", [SCHEDULE, POSTPONE])
def test_bundled_schema_is_the_consumers_own(name: str) -> None:
    file = f"{name}.v1.avsc"
    ours = resources.files("producer_client").joinpath("avro").joinpath(file).read_bytes()
    assert ours == resources.files("schemas").joinpath("avro").joinpath(file).read_bytes()


def test_frame_is_the_released_fingerprint() -> None:
    assert frame(SCHEDULE).hex() == "c30157e9b29e9184f613"
    assert frame(POSTPONE).hex() == "c301fd68d30601d758c8"


def test_consumers_read_a_schedule() -> None:
    decoded = codec.decode(encode(schedule(not_before=WHEN)).value, [SCHEDULE, POSTPONE])
    micros = 1_767_323_045_678_901
    assert decoded.name == SCHEDULE
    assert decoded.fields == {
        "event_id": str(EVENT_ID),
        "customer_id": "c1",
        "product": "loan/1",
        "occurred_at": micros,
        "retention_starts_at": micros,
        "not_before": micros,
        "source": "loans",
    }


def test_consumers_read_a_postpone() -> None:
    event = Postpone(customer_id="c1", product="legal-hold/7", source="legal", occurred_at=WHEN, event_id=EVENT_ID)
    decoded = codec.decode(encode(event).value, [SCHEDULE, POSTPONE])
    assert (decoded.name, decoded.fields["until"], decoded.fields["product"]) == (POSTPONE, None, "legal-hold/7")


def test_encoded_event_has_topic_key_and_trace() -> None:
    encoded = encode(schedule(traceparent=TRACE), "dev.events")
    assert encoded[:2] == ("dev.events", b"c1")
    assert encoded.headers == [("traceparent", TRACE.encode())]
    assert encode(schedule()).headers == []


def test_same_event_gives_the_same_bytes() -> None:
    event = Schedule(customer_id="c1", product="loan/1", retention_starts_at=WHEN, source="loans")
    assert encode(event) == encode(event)


def test_same_moment_in_another_zone_gives_the_same_bytes() -> None:
    local = WHEN.astimezone(timezone(timedelta(hours=5, minutes=45)))
    assert encode(schedule(occurred_at=local, retention_starts_at=local)) == encode(schedule())


def test_encode_refuses_what_a_producer_refuses() -> None:
    with pytest.raises(PersonalDataError):
        encode(schedule(customer_id="850101-1234"))
    for field, value in {"product": "Loan", "source": "", "occurred_at": None, "event_id": "x"}.items():
        with pytest.raises(InvalidEventError, match=field):
            encode(schedule(**{field: value}))


def test_event_shows_no_customer() -> None:
    assert "c-secret" not in repr(schedule(customer_id="c-secret"))
    assert "c-secret" not in repr(Postpone(customer_id="c-secret", product="loan/1", source="loans"))


def test_event_id_is_found_without_decoding() -> None:
    assert event_id_in(encode(schedule()).value) == str(EVENT_ID)


def test_new_event_id_is_a_random_uuid_like_any_other() -> None:
    made = [new_event_id() for _ in range(1_000)]
    assert len(set(made)) == 1_000
    for event_id in made:
        assert (event_id, event_id.version, event_id.variant) == (UUID(str(event_id)), 4, uuid4().variant)
        assert uuid_text(event_id).decode() == str(event_id)
    assert {bit for event_id in made for bit in range(128) if event_id.int >> bit & 1} >= {0, 61, 80, 127}
