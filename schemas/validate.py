"""Whether an event may be folded: the check of the hot path, on plain values as the codec gives them.

| code | meaning |
|---|---|
| invalid_customer_id | empty, over 256 characters, with a `#`, white space or what cannot be printed |
| personal_data_in_id | the customer id looks like a personal number, an e-mail address or a name |
| invalid_product | not `kind` or `kind/id` |
| invalid_event_id | not a UUID as text |
| invalid_time | no whole microseconds, or outside the years 1900 to 9999 |
| wrong_type | not an event, or a field is missing or of another type |

An error says the code only, never the value.
"""

import re
from collections.abc import Mapping
from typing import Any

from consumers.domain.errors import InvalidRecordError

PRODUCT = re.compile(r"[a-z0-9._-]{1,32}(/[A-Za-z0-9._-]{1,64})?")
UUID_TEXT = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
CUSTOMER_ID_LENGTH = 256

EARLIEST = -2_208_988_800_000_000  # 1900-01-01T00:00:00Z in microseconds
LATEST = 253_402_300_799_999_999  # 9999-12-31T23:59:59.999999Z

PERSONAL_DATA = re.compile(
    # a UUID is never refused: one in a few thousand has a group that reads as a personal number
    rf"\A(?!{UUID_TEXT.pattern}\Z)"
    r"(?s:.*)"
    r"(?:"
    r"[@\s]"
    # (YY)YYMMDD-NNNN with any separator or none, day + 60 in a coordination number; letters may stand before it (SE…),
    # digits and further letters may not, so that long hexadecimal ids stay allowed
    r"|(?<![^\W_])[^\W\d_]*(?:18|19|20)?\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]|6[1-9]|[78]\d|9[01])[\W_]?\d{4}(?![^\W_])"
    r")"
)

# event -> times it must have, times it may leave open
_TIMES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "ScheduleAnonymization": (("occurred_at", "retention_starts_at"), ("not_before",)),
    "PostponeAnonymization": (("occurred_at",), ("until",)),
}


def check_event(name: str, fields: Mapping[str, Any], personal_data: re.Pattern[str] = PERSONAL_DATA) -> None:
    """Refuse an event that must not be folded.

    Args:
        name: Record name as decoded.
        fields: Its fields as decoded.
        personal_data: An id in which this pattern is found is refused.

    Raises:
        InvalidRecordError: See the table above; of several faults the first in the order of that table.
    """
    try:
        required, optional = _TIMES[name]
        check_customer_id(fields["customer_id"], personal_data)
        check_product(fields["product"])
        check_event_id(fields["event_id"])
        for field in required:
            check_time(fields[field])
        for field in optional:
            if fields[field] is not None:
                check_time(fields[field])
    except (KeyError, TypeError):
        raise InvalidRecordError("wrong_type") from None


def check_customer_id(customer_id: str, personal_data: re.Pattern[str] | None = PERSONAL_DATA) -> None:
    """Raise `invalid_customer_id` or `personal_data_in_id`; with no pattern only the former."""
    if not customer_id or len(customer_id) > CUSTOMER_ID_LENGTH:
        raise InvalidRecordError("invalid_customer_id")
    if personal_data is not None and personal_data.search(customer_id):
        raise InvalidRecordError("personal_data_in_id")
    if "#" in customer_id or " " in customer_id or not customer_id.isprintable():
        raise InvalidRecordError("invalid_customer_id")


def check_product(product: str) -> None:
    """Raise `invalid_product`."""
    if not PRODUCT.fullmatch(product):
        raise InvalidRecordError("invalid_product")


def check_event_id(event_id: str) -> None:
    """Raise `invalid_event_id`."""
    if not UUID_TEXT.fullmatch(event_id):
        raise InvalidRecordError("invalid_event_id")


def check_uuid(text: str) -> None:
    """Raise `wrong_type`: no UUID as text."""
    if not UUID_TEXT.fullmatch(text):
        raise InvalidRecordError("wrong_type")


def check_time(micros: int) -> None:
    """Raise `invalid_time`."""
    if type(micros) is not int or not EARLIEST <= micros <= LATEST:
        raise InvalidRecordError("invalid_time")
