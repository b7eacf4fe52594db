"""What a record on the events topic says, or why it cannot be handled and whom that must hold."""

import hashlib
import re
from typing import Any, NamedTuple

from consumers.domain.errors import InvalidRecordError
from consumers.domain.registers import Event, Register
from consumers.ports import Record
from consumers.runtime.records import position_of, trace_of
from schemas.codec import decode
from schemas.library import EVENTS, SCHEDULE
from schemas.validate import check_customer_id, check_event

AHEAD_MICROS = 5 * 60 * 1_000_000
NO_CUSTOMER = frozenset({"personal_data_in_id", "invalid_customer_id"})


class Understood(NamedTuple):
    """An event of a customer."""

    customer_id: str
    event: Event


class Refused(NamedTuple):
    """A record that goes to the dead letters.

    `holds` are the customers it may have been meant for. `halts`: it may have been meant for anybody, so nobody may
    be anonymized. `personal`: its id is a person's data, so no copy of its content is kept.
    """

    code: str
    holds: tuple[str, ...] = ()
    halts: bool = False
    personal: bool = False


def read_record(record: Record, personal_data: re.Pattern[str]) -> Understood | Refused:
    """Understand a record, or say why not.

    An undecodable record holds the customer of its key; where key and value disagree both are held; without a key, the
    value's customer. An id that is refused can name nobody: it holds nobody and halts nothing.
    """
    try:
        name, fields = decode(record.value, EVENTS)
    except InvalidRecordError as error:
        return _refused(error.code, _key_of(record, personal_data))
    try:
        check_event(name, fields, personal_data)
    except InvalidRecordError as error:
        key = _key_of(record, personal_data)
        named = _named(fields.get("customer_id"), personal_data)
        if error.code in NO_CUSTOMER:
            return _refused(error.code, key)._replace(halts=False)
        return _refused(error.code, key, named)
    return _agreeing(record, fields, name, personal_data)


def refused_as(record: Record, code: str, personal_data: re.Pattern[str]) -> Refused:
    """What a record is refused as that can be read or not, and that keeps failing with this code."""
    try:
        read = read_record(record, personal_data)
    except Exception:  # noqa: BLE001 - reading it may be what fails
        return _refused(code, _key_of(record, personal_data))
    return Refused(code, (read.customer_id,)) if isinstance(read, Understood) else read._replace(code=code)


def _agreeing(
    record: Record, fields: dict[str, Any], name: str, personal_data: re.Pattern[str]
) -> Understood | Refused:
    customer = fields["customer_id"]
    if record.key != customer.encode():  # an equal one was checked with the value
        key = _key_of(record, personal_data)
        return _refused("missing_key" if key is None else "key_mismatch", key, customer)
    if fields["occurred_at"] > record.timestamp + AHEAD_MICROS:
        return Refused("too_far_in_the_future", (customer,))
    return Understood(customer, _event(record, fields, name))


class _Unusable(NamedTuple):
    """A key that is no customer id; `code` says why."""

    code: str


def _key_of(record: Record, personal_data: re.Pattern[str]) -> str | _Unusable | None:
    if record.key is None:
        return None
    try:
        customer = record.key.decode()
        check_customer_id(customer, personal_data)
    except UnicodeDecodeError:
        return _Unusable("invalid_customer_id")
    except InvalidRecordError as error:
        return _Unusable(error.code)
    return customer


def _named(customer: object, personal_data: re.Pattern[str]) -> str | None:
    try:
        check_customer_id(str(customer), personal_data)
    except InvalidRecordError:
        return None
    return str(customer)


def _refused(code: str, key: str | _Unusable | None, value: str | None = None) -> Refused:
    personal = code == "personal_data_in_id" or (isinstance(key, _Unusable) and key.code == "personal_data_in_id")
    holds = tuple(dict.fromkeys(each for each in (key, value) if isinstance(each, str)))
    return Refused(code, holds, halts=key is None and not holds, personal=personal)


def _event(record: Record, fields: dict[str, Any], name: str) -> Event:
    schedule = name == SCHEDULE
    register = Register(
        occurred_at=fields["occurred_at"],
        event_id=fields["event_id"],
        digest=hashlib.blake2b(record.value or b"", digest_size=8).hexdigest(),
        date=fields["retention_starts_at"] if schedule else fields["until"],
        not_before=fields["not_before"] if schedule else None,
        traceparent=trace_of(record.headers),
    )
    return Event("schedule" if schedule else "postpone", fields["product"], register, position_of(record))
