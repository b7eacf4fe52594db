"""Field types of the record models: what a person or a command line may write, and what it becomes on the wire.

At this edge a time is an aware datetime and an id a UUID; on the wire they are microseconds and text. Conversion is
integer arithmetic, so not a microsecond is lost. A refusal carries the code of `schemas.validate`, never the value.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from consumers.domain.errors import InvalidRecordError
from schemas.validate import UUID_TEXT, check_customer_id, check_product, check_time

CODES = frozenset({"invalid_customer_id", "invalid_product", "invalid_event_id", "invalid_time"})
# validation context of values that come from the codec
ON_THE_WIRE = object()

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_micros(moment: datetime) -> int:
    """Microseconds since the epoch of an aware datetime, exact."""
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The moment in UTC, exact.

    Raises:
        InvalidRecordError: `invalid_time`, outside the years 1900 to 9999.
    """
    check_time(micros)
    return _EPOCH + micros * _MICROSECOND


def to_wire(value: Any) -> Any:
    """A field's value as the codec takes it."""
    if isinstance(value, datetime):
        return to_micros(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, UUID):
        return str(value)
    return dict(value) if isinstance(value, dict) else value


def _moment(value: object, info: ValidationInfo) -> datetime:
    try:
        if info.context is ON_THE_WIRE and isinstance(value, int):
            return from_micros(value)
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise _refusal("invalid_time", "a time is a datetime with a time zone")
        check_time(to_micros(value))
        return value.astimezone(UTC)
    except (InvalidRecordError, OverflowError):
        raise _refusal("invalid_time", "a time is between the years 1900 and 9999") from None


def _uuid(code: str) -> Callable[[object], UUID]:
    def uuid(value: object) -> UUID:
        if isinstance(value, UUID):
            return value
        if isinstance(value, str) and UUID_TEXT.fullmatch(value):
            return UUID(value)
        raise _refusal(code, "an id is a UUID, as text 8-4-4-4-12 hexadecimal digits")

    return uuid


def _checked(check: Callable[[str], None], repair: str) -> Callable[[str], str]:
    def checked(value: str) -> str:
        try:
            check(value)
        except InvalidRecordError as refused:
            raise _refusal(refused.code, repair) from None
        return value

    return checked


def _refusal(code: str, repair: str) -> PydanticCustomError:
    return PydanticCustomError(code, repair)


def _well_formed(customer_id: str) -> None:
    check_customer_id(customer_id, personal_data=None)


Moment = Annotated[datetime, BeforeValidator(_moment)]
Id = Annotated[UUID, BeforeValidator(_uuid("wrong_type"))]
EventId = Annotated[UUID, BeforeValidator(_uuid("invalid_event_id"))]
CustomerId = Annotated[
    str,
    AfterValidator(_checked(_well_formed, "a customer id has 1 to 256 printable characters, no white space and no #")),
    # kept out of repr, which finds its way into logs
    Field(repr=False),
]
Product = Annotated[str, AfterValidator(_checked(check_product, "a product is kind or kind/id, as in loan/8812"))]
Name = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=0, strict=True)]
