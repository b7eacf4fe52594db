"""The due date as design.md section 4 says it: slow, obvious, from the whole log and not from registers.

Written from the text alone, so that a mistake in `consumers.domain` is not repeated here. It works on datetimes of the
years 1900 to 2300 and on days, for time zones that never step back over midnight into the day before.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from consumers.domain.policy import Policy, Purpose
from consumers.domain.registers import Event
from consumers.domain.retention import Retention

NEVER: Final = "never"
NONE: Final = "none"
Due = datetime | Literal["never", "none"]
TICK = timedelta(microseconds=1)


class Commit(NamedTuple):
    """The purpose was committed at this point of the history."""

    purpose: str


Step = Event | Commit
Mark = tuple[str, Event]


def due(history: Sequence[Step], purpose: Purpose, policy: Policy, *, held: bool = False) -> Due:
    """When the customer is due for the purpose after this history."""
    seen, spent = _read(history, policy)
    rows = [_of(seen, product) for product in _listed({one.product for one in seen}, purpose, policy)]
    rows = [row for row in rows if any((purpose.name, event) not in spent for event in _newest_of_each(row))]
    says = [_product_says(row, purpose.retention) for row in rows]
    if held or NEVER in says:
        return NEVER
    if not any(event.kind == "schedule" for row in rows for event in row):
        return NONE
    return max(_rounded_up(one, purpose.retention) for one in says if isinstance(one, datetime))


def _read(history: Sequence[Step], policy: Policy) -> tuple[list[Event], set[Mark]]:
    """All events, and which of them a commit has used up: the newest of each kind as it stood then."""
    seen: list[Event] = []
    spent: set[Mark] = set()
    for step in history:
        if isinstance(step, Event):
            seen.append(step)
            continue
        for product in _listed({one.product for one in seen}, policy.purposes[step.purpose], policy):
            spent |= {(step.purpose, event) for event in _newest_of_each(_of(seen, product))}
    return seen, spent


def _listed(products: Iterable[str], purpose: Purpose, policy: Policy) -> list[str]:
    if purpose.products is None:
        return sorted(products)
    kinds = {*purpose.products, *policy.always, "legal-hold"}
    return sorted(product for product in products if product.split("/")[0] in kinds)


def _of(seen: Iterable[Event], product: str) -> list[Event]:
    return [event for event in seen if event.product == product]


def _newest(events: Collection[Event], kind: str) -> Event | None:
    of_kind = [event for event in events if event.kind == kind]
    return max(
        of_kind, key=lambda one: (one.register.occurred_at, one.register.event_id, one.register.digest), default=None
    )


def _newest_of_each(events: Collection[Event]) -> list[Event]:
    return [event for event in (_newest(events, "schedule"), _newest(events, "postpone")) if event]


def _product_says(events: Collection[Event], retention: Retention) -> Due:
    scheduled, postponed = _newest(events, "schedule"), _newest(events, "postpone")
    ends = [_schedule_ends(scheduled, retention)] if scheduled else []
    if postponed is None or (scheduled and scheduled.register.occurred_at > postponed.register.occurred_at):
        return ends[0]
    if postponed.register.date is None:
        return NEVER
    return max([*ends, _time(postponed.register.date)])


def _schedule_ends(event: Event, retention: Retention) -> datetime:
    starts = _time(event.register.date or 0)
    ends = day_kept_to(starts, retention)
    return ends if event.register.not_before is None else max(ends, _time(event.register.not_before))


def day_kept_to(starts: datetime, retention: Retention) -> datetime:
    """The first instant of the first local day on which the retention is over."""
    zone = ZoneInfo(retention.timezone)
    wall = starts.astimezone(zone).replace(tzinfo=None)
    if retention.counted_from == "end_of_year":
        wall = datetime.combine(date(wall.year + 1, 1, 1), time())
    ends = _months_later(wall, retention.years * 12 + retention.months) + timedelta(days=retention.days)
    whole = ends.date() if ends.time() == time() else ends.date() + timedelta(days=1)
    return max(day_start(whole, zone), _rounded_up(starts, retention))


def _months_later(wall: datetime, months: int) -> datetime:
    year, month = wall.year + (wall.month - 1 + months) // 12, (wall.month - 1 + months) % 12 + 1
    try:
        day = date(year, month, wall.day)
    except ValueError:  # 30 February: the first of March
        day = date(year + month // 12, month % 12 + 1, 1)
    return datetime.combine(day, wall.time())


def _time(micros: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


def _rounded_up(at: datetime, retention: Retention) -> datetime:
    zone = ZoneInfo(retention.timezone)
    today = at.astimezone(zone).date()
    begins = day_start(today, zone)
    return at if begins == at else day_start(today + timedelta(days=1), zone)


@cache
def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first instant whose local date is `day` (or later, where the zone skipped the day)."""
    low = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=30)
    high = low + timedelta(hours=60)
    while high - low > TICK:
        middle = low + (high - low) // 2
        low, high = (low, middle) if middle.astimezone(zone).date() >= day else (middle, high)
    return high
