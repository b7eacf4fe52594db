"""What a product service can say about a customer: one method for each statement, shared by every producer."""

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from producer_client.checks import customer_key, given_event_id, microseconds, product_name, source_name, trace_header
from producer_client.delivery import DeliveryCallback
from producer_client.encoding import postpone_value, schedule_value, text
from producer_client.errors import InvalidEventError
from producer_client.event_ids import new_event_id, uuid_text
from producer_client.events import optional_time

Clock = Callable[[], datetime]
Headers = list[tuple[str, str | bytes | None]]

# Lapse refuses an event that claims to be further in the future than this.
_CLOCK_TOLERANCE = 5 * 60 * 1_000_000


def _system_clock() -> int:
    return time.time_ns() // 1_000


class Statements(ABC):
    """Turns statements into events and hands them on; every method returns the event id and never waits.

    All of them take:
        customer_id: Opaque id; never a personal number, an e-mail address or a name.
        occurred_at: When it happened, aware; default now. Of two statements on a product the later one counts.
        event_id: To send an event again; default a new one.
        on_delivery: Called with this event's report instead of the producer's own callback.
        traceparent: W3C trace context.

    All of them raise:
        InvalidEventError: A field is malformed; the text names it and the repair.
        PersonalDataError: The customer id looks like personal data.
        QueueFullError: The event was not accepted; nothing was sent.
        ClosedProducerError, ForkedProducerError: The producer cannot be used (here).
    """

    def __init__(self, source: str, personal_data: re.Pattern[str], clock: Clock | None) -> None:
        self._source = text(source_name(source))
        self._personal_data = personal_data
        self._now = _system_clock if clock is None else lambda: microseconds("clock", clock())

    @abstractmethod
    def _emit(
        self, event_id: UUID, key: bytes, value: bytes, headers: Headers | None, on_delivery: DeliveryCallback | None
    ) -> None:
        """Takes one encoded event."""

    def _occurred(self, occurred_at: datetime | None) -> int:
        now = self._now()
        if occurred_at is None:
            return now
        moment = microseconds("occurred_at", occurred_at)
        if moment > now + _CLOCK_TOLERANCE:
            raise InvalidEventError(
                "occurred_at", "lies more than 5 minutes in the future: it is when the event happened"
            )
        return moment

    def schedule(
        self,
        customer_id: str,
        product: str,
        *,
        retention_starts_at: datetime,
        occurred_at: datetime | None = None,
        not_before: datetime | None = None,
        event_id: UUID | str | None = None,
        on_delivery: DeliveryCallback | None = None,
        traceparent: str | None = None,
    ) -> UUID:
        """Says that the reason for this product's data has ended; its retention runs from `retention_starts_at`.

        `not_before` can only lengthen the retention. Errors: see the class.
        """
        identity = new_event_id() if event_id is None else given_event_id(event_id)
        key = customer_key(customer_id, self._personal_data)
        value = schedule_value(
            uuid_text(identity),
            key,
            product_name(product),
            self._occurred(occurred_at),
            microseconds("retention_starts_at", retention_starts_at),
            None if not_before is None else microseconds("not_before", not_before),
            self._source,
        )
        self._emit(identity, key, value, _headers(traceparent), on_delivery)
        return identity

    def postpone(
        self,
        customer_id: str,
        product: str,
        *,
        until: datetime | None = None,
        occurred_at: datetime | None = None,
        event_id: UUID | str | None = None,
        on_delivery: DeliveryCallback | None = None,
        traceparent: str | None = None,
    ) -> UUID:
        """Says "not before `until`" or, with None, "not until a later statement on this product".

        Errors: see the class.
        """
        identity = new_event_id() if event_id is None else given_event_id(event_id)
        key = customer_key(customer_id, self._personal_data)
        moment = self._occurred(occurred_at)
        value = postpone_value(
            uuid_text(identity), key, product_name(product), moment, optional_time("until", until), self._source
        )
        self._emit(identity, key, value, _headers(traceparent), on_delivery)
        return identity

    def product_opened(
        self,
        customer_id: str,
        product: str,
        *,
        occurred_at: datetime | None = None,
        event_id: UUID | str | None = None,
        on_delivery: DeliveryCallback | None = None,
        traceparent: str | None = None,
    ) -> UUID:
        """Says that the customer has this product: an open-ended postpone, until `product_closed`.

        Wait for its acknowledgement before you commit the row that makes the customer active. Errors: see the class.
        """
        return self.postpone(
            customer_id,
            product,
            occurred_at=occurred_at,
            event_id=event_id,
            on_delivery=on_delivery,
            traceparent=traceparent,
        )

    def product_closed(
        self,
        customer_id: str,
        product: str,
        *,
        closed_at: datetime | None = None,
        retention_starts_at: datetime | None = None,
        not_before: datetime | None = None,
        event_id: UUID | str | None = None,
        on_delivery: DeliveryCallback | None = None,
        traceparent: str | None = None,
    ) -> UUID:
        """Says that the product ended at `closed_at` (default now): a schedule.

        Its retention runs from `retention_starts_at`, default `closed_at`. Errors: see the class.
        """
        closed = self._moment() if closed_at is None else closed_at
        return self.schedule(
            customer_id,
            product,
            retention_starts_at=closed if retention_starts_at is None else retention_starts_at,
            occurred_at=closed,
            not_before=not_before,
            event_id=event_id,
            on_delivery=on_delivery,
            traceparent=traceparent,
        )

    def legal_hold(
        self,
        customer_id: str,
        hold_id: str,
        *,
        until: datetime | None = None,
        occurred_at: datetime | None = None,
        event_id: UUID | str | None = None,
        on_delivery: DeliveryCallback | None = None,
        traceparent: str | None = None,
    ) -> UUID:
        """Says that nothing of this customer may be anonymized, for any purpose: a postpone on `legal-hold/HOLD_ID`.

        Holds with different ids stand side by side. Errors: see the class.
        """
        return self.postpone(
            customer_id,
            _hold(hold_id),
            until=until,
            occurred_at=occurred_at,
            event_id=event_id,
            on_delivery=on_delivery,
            traceparent=traceparent,
        )

    def legal_hold_released(
        self,
        customer_id: str,
        hold_id: str,
        *,
        occurred_at: datetime | None = None,
        event_id: UUID | str | None = None,
        on_delivery: DeliveryCallback | None = None,
        traceparent: str | None = None,
    ) -> UUID:
        """Says that this hold is over: a postpone until the moment it happened. Errors: see the class."""
        released = self._moment() if occurred_at is None else occurred_at
        return self.postpone(
            customer_id,
            _hold(hold_id),
            until=released,
            occurred_at=released,
            event_id=event_id,
            on_delivery=on_delivery,
            traceparent=traceparent,
        )

    def _moment(self) -> datetime:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=self._now())


def _headers(traceparent: str | None) -> Headers | None:
    return None if traceparent is None else [("traceparent", trace_header(traceparent))]


def _hold(hold_id: str) -> str:
    product = f"legal-hold/{hold_id}"
    try:
        product_name(product)
    except InvalidEventError:
        hold_id = ""
    if not isinstance(hold_id, str) or not hold_id:
        raise InvalidEventError("hold_id", "must be 1-64 characters A-Z a-z 0-9 . _ -")
    return product
