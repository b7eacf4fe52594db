"""Retention periods: calendar arithmetic in the controller's time zone, exact to the microsecond."""

import calendar
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

MICROSECONDS = 1_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
LATEST = (datetime(9999, 12, 1, tzinfo=UTC) - EPOCH) // MICROSECOND


class Retention(NamedTuple):
    """How long after its reason has ended data is kept."""

    years: int = 0
    months: int = 0
    days: int = 0
    counted_from: Literal["event", "end_of_year"] = "event"
    timezone: str = "UTC"
    rounding: Literal["day"] = "day"


def moment(micros: int) -> datetime:
    """The aware UTC datetime of a count of microseconds."""
    return EPOCH + timedelta(0, 0, micros)  # days, seconds, microseconds: by name it costs half as much again


def micros(at: datetime) -> int:
    """Microseconds since the epoch of an aware datetime."""
    return (at - EPOCH) // MICROSECOND


def after(retention: Retention, starts_at: int) -> int:
    """The end of a retention period that starts at `starts_at`, not yet rounded to a day.

    Years and months first, then days, on the local calendar; 29 February + 1 year is 1 March. What lies beyond the
    year 9999 is the last month of that year.
    """
    if starts_at >= LATEST:
        return LATEST
    local = _local(starts_at, retention.timezone)
    if retention.counted_from == "end_of_year":
        return _after_year(retention, local.year)
    # an hour that the clocks go through twice: arithmetic lands in the first
    return max(starts_at, _ends(retention, local))


@lru_cache(maxsize=1024)
def _after_year(retention: Retention, year: int) -> int:
    # kept: a year has one answer for everybody
    return LATEST if year >= 9999 else _ends(retention, datetime(year + 1, 1, 1, tzinfo=_zone(retention.timezone)))


def _ends(retention: Retention, local: datetime) -> int:
    try:
        return min(micros(_plus(local, retention)), LATEST)
    except OverflowError:
        return LATEST


def up_to_day(retention: Retention, at: int) -> int:
    """The first local midnight that is not before `at`."""
    if at >= LATEST:
        return at
    day = _local(at, retention.timezone).date()
    if _midnight(retention.timezone, day, 0) >= at:
        return at
    following = day + timedelta(days=1)
    first = _midnight(retention.timezone, following, 0)
    # where midnight comes twice, the first may be over already
    return first if first >= at else _midnight(retention.timezone, following, 1)


@lru_cache(maxsize=4096)  # ten years of days
def _midnight(timezone: str, day: date, fold: int) -> int:
    return micros(datetime(day.year, day.month, day.day, tzinfo=_zone(timezone), fold=fold))


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _local(at: int, timezone: str) -> datetime:
    return moment(at).astimezone(_zone(timezone))


def _plus(local: datetime, retention: Retention) -> datetime:
    if retention.years or retention.months:
        local = _plus_months(local, retention.years * 12 + retention.months)
    return local + timedelta(days=retention.days)


def _plus_months(local: datetime, months: int) -> datetime:
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    if year > 9999:
        raise OverflowError
    days = calendar.monthrange(year, month + 1)[1]
    if local.day <= days:
        return local.replace(year=year, month=month + 1)
    # a day the month does not have rolls over to the first of the next one: nothing is erased early
    return local.replace(year=year, month=month + 1, day=days) + timedelta(days=1)
