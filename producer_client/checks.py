"""Checks on what the caller passes: cheap ones first, and no message ever repeats what was passed."""

import re
from datetime import UTC, datetime
from uuid import UUID

from producer_client.errors import InvalidEventError, PersonalDataError

# The consumer's own rule, so that nothing is accepted here that it would refuse there; a test compares the two.
_UUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
DEFAULT_PERSONAL_DATA = re.compile(
    rf"\A(?!{_UUID}\Z)"  # one UUID in a few thousand has a group that reads as a personal number
    r"(?s:.*)"
    r"(?:"
    r"[@\s]"
    # (YY)YYMMDD-NNNN with any separator or none, day + 60 in a co-ordination number; letters may stand before it (SE),
    # digits and further letters may not
    r"|(?<![^\W_])[^\W\d_]*(?:18|19|20)?\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]|6[1-9]|[78]\d|9[01])[\W_]?\d{4}(?![^\W_])"
    r")"
)
"""E-mail addresses, whitespace, Swedish personal and co-ordination numbers (10 or 12 digits with a plausible date)."""

MAX_ID_CHARACTERS = 256

# Shapes the default pattern can never match: UUIDs, and a word followed by fewer digits than a personal number has.
# One such test replaces all others for the ids that nearly every service uses.
_CLEARLY_OPAQUE = re.compile(rf"{_UUID}|(?=.)[A-Za-z_.:-]{{0,200}}[0-9]{{0,9}}").fullmatch
_PRODUCT = re.compile(r"[a-z0-9._-]{1,32}(/[A-Za-z0-9._-]{1,64})?").fullmatch
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}").fullmatch

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def customer_key(customer_id: str, personal_data: re.Pattern[str]) -> bytes:
    """Returns the record key: the id as bare UTF-8.

    Raises:
        InvalidEventError: Not text, empty, longer than 256 characters, with a `#` or an unprintable character.
        PersonalDataError: `personal_data` is found in it.
    """
    try:
        if personal_data is DEFAULT_PERSONAL_DATA and _CLEARLY_OPAQUE(customer_id):
            return customer_id.encode()
    except TypeError:
        pass  # not text: the full check says so
    _check_id("customer_id", customer_id)
    if personal_data.search(customer_id):
        raise PersonalDataError("customer_id")
    return _printable("customer_id", customer_id)


def source_name(source: str) -> bytes:
    """Returns the name of the emitting service as UTF-8.

    Raises:
        InvalidEventError: Not text, empty, longer than 256 characters, with a `#` or an unprintable character.
    """
    _check_id("source", source)
    return _printable("source", source)


def _check_id(field: str, value: object) -> None:
    if not isinstance(value, str):
        raise InvalidEventError(field, "must be text (str)")
    if not value:
        raise InvalidEventError(field, "must not be empty")
    if len(value) > MAX_ID_CHARACTERS:
        raise InvalidEventError(field, f"must be at most {MAX_ID_CHARACTERS} characters")
    if "#" in value:
        raise InvalidEventError(field, "must not contain '#', which Lapse keeps for its own keys")


def _printable(field: str, value: str) -> bytes:
    if not value.isprintable():  # lone surrogates included: what is left can always be encoded
        raise InvalidEventError(field, "must not contain control or other unprintable characters")
    return value.encode()


def product_name(product: str) -> bytes:
    """Returns the product as UTF-8.

    Raises:
        InvalidEventError: Not `kind` or `kind/id` in the characters a product may have.
    """
    try:
        if _PRODUCT(product):
            return product.encode()
    except TypeError:
        pass
    raise InvalidEventError(
        "product",
        "must be KIND or KIND/ID: a kind of 1-32 characters a-z 0-9 . _ -, an id of 1-64 characters A-Z a-z 0-9 . _ -",
    )


# What an Avro reader of Lapse takes for a date: the years 1900 to 9999.
_EARLIEST = -2_208_988_800_000_000
_LATEST = 253_402_300_799_999_999


def microseconds(field: str, moment: datetime) -> int:
    """Returns an aware datetime of any zone as microseconds since 1970 in UTC, exactly.

    Raises:
        InvalidEventError: Not a datetime, naive, or outside the years 1900-9999.
    """
    try:
        since = moment - _EPOCH
        exact = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    except (TypeError, AttributeError):
        raise InvalidEventError(
            field, "must be a datetime with a time zone, such as datetime.now(timezone.utc)"
        ) from None
    if _EARLIEST <= exact <= _LATEST:
        return exact
    raise InvalidEventError(field, "must lie in the years 1900-9999 (UTC)")


def given_event_id(event_id: UUID | str) -> UUID:
    """Returns the caller's own event id.

    Raises:
        InvalidEventError: Not a UUID.
    """
    if isinstance(event_id, UUID):
        return event_id
    try:
        return UUID(event_id)
    except (ValueError, AttributeError, TypeError):
        raise InvalidEventError("event_id", "must be a UUID (uuid.UUID or its text)") from None


def trace_header(traceparent: str) -> bytes:
    """Returns the `traceparent` header's value.

    Raises:
        InvalidEventError: Not in the form of W3C Trace Context.
    """
    try:
        if _TRACEPARENT(traceparent):
            return traceparent.encode()
    except TypeError:
        pass
    raise InvalidEventError("traceparent", "must be a W3C traceparent: 00-TRACE_ID-PARENT_ID-FLAGS in lower-case hex")
