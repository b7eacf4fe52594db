"""The records as models, for command lines and whoever makes one by hand. The hot path takes plain values instead.

A model is frozen and refuses what is not its own; its errors never show a value. CustomerState has no model: it is a
plain mapping between the state consumer and the table.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, StrictBool, ValidationError

from consumers.domain.errors import InvalidRecordError
from schemas.edge import CODES, ON_THE_WIRE, Count, CustomerId, EventId, Id, Moment, Name, Product, to_wire


class Record(BaseModel):
    """What all records have in common. Fields and their order are those of the Avro schema of the same name."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    def fields(self) -> dict[str, Any]:
        """Every field as the codec takes it: times in microseconds, ids as text."""
        return {name: to_wire(getattr(self, name)) for name in type(self).model_fields}

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """Make the record from what the codec read.

        Raises:
            InvalidRecordError: A code of `schemas.validate`.
        """
        try:
            return cls.model_validate(dict(fields), context=ON_THE_WIRE)
        except ValidationError as refused:
            code = refused.errors(include_input=False, include_context=False, include_url=False)[0]["type"]
        # outside the handler: a traceback would print pydantic's error with it
        raise InvalidRecordError(code if code in CODES else "wrong_type")


class ScheduleAnonymization(Record):
    """The reason for this product's data has ended: its retention runs from `retention_starts_at`."""

    event_id: EventId
    customer_id: CustomerId
    product: Product
    occurred_at: Moment
    retention_starts_at: Moment
    not_before: Moment | None = None
    source: Name


class PostponeAnonymization(Record):
    """Keep this product's data until a moment or, with `until` None, for as long as this stands."""

    event_id: EventId
    customer_id: CustomerId
    product: Product
    occurred_at: Moment
    until: Moment | None = None
    source: Name


class TickRequested(Record):
    """Ask the ticker to claim what is due at `as_of`; with `dry_run` only to count it."""

    tick_id: Id
    as_of: Moment
    dry_run: StrictBool
    requested_by: Name


class CheckCustomer(Record):
    """Ask the services with a guard whether this customer may be anonymized."""

    command_id: Id
    attempt: Count
    customer_id: CustomerId
    purpose: Name
    sent_at: Moment


class AnonymizeCustomer(Record):
    """Anonymize this customer for this purpose, in one service only where `only_service` names it."""

    command_id: Id
    attempt: Count
    customer_id: CustomerId
    purpose: Name
    sent_at: Moment
    only_service: Name | None = None


class Outcome(StrEnum):
    """How one service answered a command."""

    UNKNOWN = "UNKNOWN"  # a symbol this version does not know; never completes anything
    AGREED = "AGREED"  # vote: nothing here keeps the customer active
    REFUSED = "REFUSED"  # vote, or guard before the commit point: active here
    DONE = "DONE"  # rows changed and verified
    ALREADY_DONE = "ALREADY_DONE"  # the ledger had it; nothing touched
    NOTHING_FOUND = "NOTHING_FOUND"  # no row of this customer here
    SUPERSEDED = "SUPERSEDED"  # an answer to the message, never an outcome of the command
    DEFERRED = "DEFERRED"  # waits for a date of its own: an object lock
    DRY_RUN = "DRY_RUN"  # counted, rolled back
    FAILED = "FAILED"  # gave up after the commit point
    REFUSED_LATE = "REFUSED_LATE"  # guard after the commit point; nothing touched
    ABANDONED = "ABANDONED"  # a person decided, by name
    LATE = "LATE"  # new rows beside a ledger row; not touched


class AnonymizationResult(Record):
    """What one service answered to one command."""

    command_id: Id
    attempt: Count
    customer_id: CustomerId
    purpose: Name
    service: Name
    outcome: Outcome
    rows_by_table: dict[str, Count]
    rules_digest: Name | None = None
    table_version: Count | None = None
    command_partition: Count | None = None
    command_offset: Count | None = None
    committed_at: Moment | None = None
    started_at: Moment | None = None
    finished_at: Moment
    deferred_until: Moment | None = None
    error_code: Name | None = None
