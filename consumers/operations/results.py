"""Answers on the trail, as operations read them."""

from collections.abc import Mapping
from typing import Any

from consumers.domain.errors import InvalidRecordError
from consumers.ports import Record
from schemas.codec import decode
from schemas.validate import check_time

RESULT = frozenset({"AnonymizationResult"})


def result_of(record: Record) -> Mapping[str, Any] | None:
    """The fields of an answer; None where the record is none: anybody with access may have written it."""
    try:
        fields = decode(record.value, RESULT).fields
        check_time(fields["finished_at"])
    except InvalidRecordError:
        return None
    return fields
