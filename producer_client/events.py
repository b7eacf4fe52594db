"""The two events as values, and `encode`, which turns one into the bytes of a record without a broker."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from producer_client.checks import (
    DEFAULT_PERSONAL_DATA,
    customer_key,
    given_event_id,
    microseconds,
    product_name,
    source_name,
    trace_header,
)
from producer_client.encoding import postpone_value, schedule_value, text
from producer_client.event_ids import new_event_id, uuid_text

DEFAULT_TOPIC = "lapse.events"


def utc_now() -> datetime:
    """Returns the time of this machine's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """The reason for this product's data has ended: its retention runs from `retention_starts_at`.

    Attributes:
        customer_id: Opaque id of the customer.
        product: Why data was needed: `loan/8812`, `activity`.
        retention_starts_at: From when each purpose counts its retention.
        source: The service that says so.
        occurred_at: When it happened; of two statements on a product the later one counts.
        not_before: Keep at least until then; can only lengthen.
        event_id: Made once, kept over all retries.
        traceparent: W3C trace context, sent as a header.
    """

    customer_id: str = field(repr=False)
    product: str
    retention_starts_at: datetime
    source: str
    occurred_at: datetime = field(default_factory=utc_now)
    not_before: datetime | None = None
    event_id: UUID = field(default_factory=new_event_id)
    traceparent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Postpone:
    """Not before `until` or, with none, not while this stands.

    Attributes:
        customer_id: Opaque id of the customer.
        product: Why data is needed: `loan/8812`, `legal-hold/77`.
        source: The service that says so.
        until: Keep until then; None: until a later statement on the product.
        occurred_at: When it happened; of two statements on a product the later one counts.
        event_id: Made once, kept over all retries.
        traceparent: W3C trace context, sent as a header.
    """

    customer_id: str = field(repr=False)
    product: str
    source: str
    until: datetime | None = None
    occurred_at: datetime = field(default_factory=utc_now)
    event_id: UUID = field(default_factory=new_event_id)
    traceparent: str | None = None


Event = Schedule | Postpone


class EncodedEvent(NamedTuple):
    """A record, ready for any Kafka client or an outbox table.

    A client that sends it must use the partitioner `murmur2_random`, as the Java client does by default.

    Attributes:
        topic: Where it belongs.
        key: The customer id as UTF-8.
        value: The event in Avro single-object encoding.
        headers: Names and values; empty without a `traceparent`.
    """

    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def encode(
    event: Event, topic: str = DEFAULT_TOPIC, *, personal_data: re.Pattern[str] = DEFAULT_PERSONAL_DATA
) -> EncodedEvent:
    """Returns the record of an event; the same event always gives the same bytes.

    Args:
        event: What happened.
        topic: Where it is to be sent.
        personal_data: A customer id in which this pattern is found is refused.

    Raises:
        InvalidEventError: A field is malformed; the text names it.
        PersonalDataError: The customer id looks like personal data.
    """
    key = customer_key(event.customer_id, personal_data)
    headers = [] if event.traceparent is None else [("traceparent", trace_header(event.traceparent))]
    return EncodedEvent(topic, key, _value(event, key), headers)


def _value(event: Event, key: bytes) -> bytes:
    event_id = uuid_text(given_event_id(event.event_id))
    product, source = product_name(event.product), text(source_name(event.source))
    occurred_at = microseconds("occurred_at", event.occurred_at)
    if isinstance(event, Postpone):
        return postpone_value(event_id, key, product, occurred_at, optional_time("until", event.until), source)
    starts_at = microseconds("retention_starts_at", event.retention_starts_at)
    not_before = optional_time("not_before", event.not_before)
    return schedule_value(event_id, key, product, occurred_at, starts_at, not_before, source)


def optional_time(name: str, moment: datetime | None) -> int | None:
    """Returns microseconds since 1970 in UTC, or None for None; raises as `microseconds` does."""
    return None if moment is None else microseconds(name, moment)
