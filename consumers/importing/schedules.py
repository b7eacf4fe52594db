"""A line of the file as a schedule, or why it is none.

| code | meaning |
|---|---|
| too_long | the line is longer than any schedule |
| not_utf8 | bytes that are no UTF-8 text: the file was saved in another encoding |
| not_csv | a quote is open, or stands inside a value |
| wrong_columns | more or fewer values than the first line has columns |
| missing | a value that must be there is empty |
| invalid_time | no ISO 8601 time |
| no_zone | a time, or a day, without a zone: nothing is guessed |
| future | `occurred_at` is more than 5 minutes ahead |
| personal_data | the customer id looks like a personal number, an e-mail address or a name |
| invalid | the value may not stand in this column |

Of several faults of a line the first counts, so that there are as many entries as refused lines. No entry repeats a
value.
"""

import csv
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID, uuid5

from consumers.domain.retention import micros
from consumers.importing.lines import COLUMNS, LONGEST_LINE, Line, cells_of
from producer_client import InvalidEventError, PersonalDataError, Schedule, encode

# As Lapse's state consumer and the producer client have it.
_AHEAD: Final = timedelta(minutes=5)
_EVENT_IDS: Final = UUID("5f1b3a0e-4f0b-5d0c-9f55-2b8f0c1f7d0a")
_EXAMPLE: Final = "write for example 2026-12-01T00:00+01:00"


class Refused(NamedTuple):
    """Why a line is no schedule; `column` empty: the whole line."""

    line: int
    column: str
    code: str
    message: str


class _Fault(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, column: str, code: str, message: str) -> None:
        super().__init__(code)
        self.column, self.code, self.message = column, code, message


class Reading(NamedTuple):
    """What a line is read by; the same values give every line the same verdict, in every run.

    Attributes:
        columns: As the first line names them.
        source: The service in whose name the schedules are published.
        personal_data: A customer id in which this pattern is found is refused.
        now: What the future is measured by.
    """

    columns: Sequence[str]
    source: str
    personal_data: re.Pattern[str]
    now: datetime

    def schedule(self, line: Line) -> Schedule | Refused | None:
        """The schedule of a line, why it is none, or None for an empty line."""
        if line.content is not None and not line.content.strip():
            return None
        try:
            return self._schedule(line.content)
        except _Fault as fault:
            return Refused(line.number, fault.column, fault.code, fault.message)

    def _schedule(self, content: bytes | None) -> Schedule:
        values = dict.fromkeys(COLUMNS, "") | dict(zip(self.columns, _values(content, len(self.columns)), strict=True))
        for column in ("customer_id", "product"):
            if not values[column]:
                raise _Fault(column, "missing", "a value must stand here")
        occurred, starts, not_before = (_time(values, column) for column in COLUMNS[2:])
        occurred, starts = occurred or starts, starts or occurred
        if occurred is None or starts is None:
            raise _Fault("occurred_at", "missing", "a time must stand here or in retention_starts_at")
        if occurred > self.now + _AHEAD:
            raise _Fault("occurred_at", "future", "lies in the future: it is when the product ended")
        return self._checked(values, occurred, starts, not_before)

    def _checked(
        self, values: dict[str, str], occurred: datetime, starts: datetime, not_before: datetime | None
    ) -> Schedule:
        schedule = Schedule(
            customer_id=values["customer_id"],
            product=values["product"],
            occurred_at=occurred,
            retention_starts_at=starts,
            not_before=not_before,
            source=self.source,
            event_id=event_id(values, occurred, starts, not_before, self.source),
        )
        try:
            encode(schedule, personal_data=self.personal_data)
        except InvalidEventError as error:
            code = "personal_data" if isinstance(error, PersonalDataError) else "invalid"
            raise _Fault(error.field, code, str(error).removeprefix(f"{error.field}: ")) from None
        return schedule


def event_id(
    values: dict[str, str], occurred: datetime, starts: datetime, not_before: datetime | None, source: str
) -> UUID:
    """The id of what a line says: however often it is published, and however its times are written, one event."""
    times = (occurred, starts, not_before)
    told = [values["customer_id"], values["product"], source, *(str(each and micros(each)) for each in times)]
    return uuid5(_EVENT_IDS, "\n".join(told).encode(errors="backslashreplace").decode())


def _values(content: bytes | None, count: int) -> Sequence[str]:
    if content is None:
        raise _Fault("", "too_long", f"longer than {LONGEST_LINE} bytes")
    try:
        values = cells_of(content.decode())
    except UnicodeDecodeError:
        raise _Fault("", "not_utf8", "save the file as UTF-8") from None
    except csv.Error:
        raise _Fault("", "not_csv", "a quote is open, or stands inside a value without being doubled") from None
    if len(values) != count:
        raise _Fault("", "wrong_columns", f"{len(values)} values where the first line has {count} columns")
    return values


def _time(values: dict[str, str], column: str) -> datetime | None:
    text = values[column]
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _Fault(column, "invalid_time", f"no ISO 8601 time; {_EXAMPLE}") from None
    raise _Fault(column, "no_zone", f"the time needs a zone; {_EXAMPLE}")
