"""Retention periods against a table worked out by hand, and what holds for every instant."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consumers.domain.retention import LATEST, Retention, after, micros, moment, up_to_day
from tests.support.build import DAY, at
from tests.support.oracle import day_kept_to, day_start

STOCKHOLM = "Europe/Stockholm"
# a midnight that is skipped (São Paulo), met twice (Azores), half an hour of summer time, a day that never was (Apia)
ZONES = ["UTC", STOCKHOLM, "America/New_York", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kolkata"]
ODD_ZONES = [*ZONES, "Atlantic/Azores", "America/Havana", "Pacific/Apia"]
INSTANTS = st.integers(at("1900-01-02"), at("2250-01-01"))
YEAR = Retention(years=1)


def days(number: int, zone: str = STOCKHOLM) -> Retention:
    return Retention(days=number, timezone=zone)


@pytest.mark.parametrize(
    ("retention", "starts", "ends"),
    [
        (YEAR, "2024-02-29", "2025-03-01"),
        (YEAR, "2024-02-28", "2025-02-28"),
        (YEAR, "2023-03-01", "2024-03-01"),
        (Retention(years=4), "2024-02-29", "2028-02-29"),
        (Retention(years=76), "2024-02-29", "2100-03-01"),
        (Retention(months=1), "2025-01-31", "2025-03-01"),
        (Retention(months=1), "2024-01-31", "2024-03-01"),
        (Retention(months=1), "2024-01-29", "2024-02-29"),
        (Retention(months=1), "2025-12-31", "2026-01-31"),
        (Retention(months=6), "2025-08-31", "2026-03-01"),
        (Retention(months=12), "2024-02-29", "2025-03-01"),
        (Retention(years=1, months=1, days=1), "2024-12-31", "2026-02-01"),
        (Retention(months=1, days=1), "2025-01-31", "2025-03-02"),
        (Retention(days=30), "2024-02-15", "2024-03-16"),
        (Retention(days=365), "2024-02-29", "2025-02-28"),
        (Retention(), "2024-02-29T13:14:15.000016", "2024-02-29T13:14:15.000016"),
        (Retention(years=7), "1965-06-01T12:00", "1972-06-01T12:00"),
        (Retention(days=1), "1969-12-31T23:59:59.999999", "1970-01-01T23:59:59.999999"),
        (Retention(years=1, counted_from="end_of_year"), "2024-02-29", "2026-01-01"),
        (Retention(years=7, counted_from="end_of_year"), "2024-01-01", "2032-01-01"),
        (Retention(counted_from="end_of_year"), "2024-12-31T23:59:59.999999", "2025-01-01"),
        (Retention(days=59, counted_from="end_of_year"), "2023-07-01", "2024-02-29"),
    ],
)
def test_retention_in_utc_ends_as_counted_by_hand(retention: Retention, starts: str, ends: str) -> None:
    assert moment(after(retention, at(starts))) == moment(at(ends))


@pytest.mark.parametrize(
    ("retention", "starts", "ends"),
    [
        # an instant of the winter, kept for days that reach into the summer, keeps the hour on the wall
        (days(1), "2024-03-30T12:00+01:00", "2024-03-31T12:00+02:00"),
        (days(1), "2024-10-26T12:00+02:00", "2024-10-27T12:00+01:00"),
        # 02:30 does not exist on 31 March 2024: half an hour past the gap
        (days(1), "2024-03-30T02:30+01:00", "2024-03-31T03:30+02:00"),
        # 02:30 exists twice on 27 October 2024: the first one
        (days(1), "2024-10-26T02:30+02:00", "2024-10-27T02:30+02:00"),
        (Retention(years=1, timezone=STOCKHOLM), "2024-02-29T00:30+01:00", "2025-03-01T00:30+01:00"),
        # New Year's Eve by UTC, New Year's Day on the wall
        (Retention(counted_from="end_of_year", timezone=STOCKHOLM), "2024-12-31T23:30+00:00", "2026-01-01T00:00+01:00"),
        (Retention(counted_from="end_of_year", timezone=STOCKHOLM), "2024-12-31T22:30+00:00", "2025-01-01T00:00+01:00"),
    ],
)
def test_retention_in_stockholm_keeps_the_wall_clock(retention: Retention, starts: str, ends: str) -> None:
    assert moment(after(retention, at(starts))) == moment(at(ends))


@pytest.mark.parametrize(
    ("zone", "instant", "rounded"),
    [
        ("UTC", "2024-02-28", "2024-02-28"),
        ("UTC", "2024-02-28T00:00:00.000001", "2024-02-29"),
        ("UTC", "2024-02-29T23:59:59.999999", "2024-03-01"),
        ("UTC", "1969-12-31T23:59:59.999999", "1970-01-01"),
        (STOCKHOLM, "2024-03-31T00:30+01:00", "2024-04-01T00:00+02:00"),
        (STOCKHOLM, "2024-10-27T02:30+02:00", "2024-10-28T00:00+01:00"),
        (STOCKHOLM, "2024-06-01T22:00+00:00", "2024-06-02T00:00+02:00"),
        (STOCKHOLM, "2024-01-01T22:00+00:00", "2024-01-02T00:00+01:00"),
        # midnight of 4 November 2018 was skipped: the day begins at 01:00
        ("America/Sao_Paulo", "2018-11-03T12:00-03:00", "2018-11-04T01:00-02:00"),
        ("America/Sao_Paulo", "2018-11-04T01:00-02:00", "2018-11-04T01:00-02:00"),
        ("Pacific/Apia", "2011-12-29T12:00-10:00", "2011-12-31T00:00+14:00"),
    ],
)
def test_rounding_gives_the_first_local_midnight(zone: str, instant: str, rounded: str) -> None:
    assert moment(up_to_day(days(0, zone), at(instant))) == moment(at(rounded))


@given(INSTANTS, st.sampled_from(ODD_ZONES))
@example(at("2024-10-27T01:00"), "Atlantic/Azores")
def test_rounding_is_idempotent_and_never_early(instant: int, zone: str) -> None:
    rounded = up_to_day(days(0, zone), instant)
    assert instant <= rounded
    assert up_to_day(days(0, zone), rounded) == rounded


@given(INSTANTS, st.sampled_from(ZONES))
def test_rounding_is_minimal(instant: int, zone: str) -> None:
    local = ZoneInfo(zone)
    rounded = moment(up_to_day(days(0, zone), instant))
    assert rounded == day_start(rounded.astimezone(local).date(), local)
    assert rounded == moment(instant) or day_start(moment(instant).astimezone(local).date(), local) < moment(instant)
    assert (rounded.astimezone(local).date() - moment(instant).astimezone(local).date()).days <= 1


def test_rounding_in_an_hour_met_again_behind_midnight_is_never_early() -> None:
    # clocks in St. John's went from 00:01 back to 23:01: midnight of 2 November 2008 came twice
    instant = at("2008-11-01T23:30-03:30")
    assert up_to_day(days(0, "America/St_Johns"), instant) >= instant


@pytest.mark.parametrize(
    ("zone", "starts"),
    [(STOCKHOLM, "2024-10-27T02:30+01:00"), ("Atlantic/Azores", "2024-10-27T00:00-01:00")],
)
def test_no_retention_from_an_hour_met_again_is_never_early(zone: str, starts: str) -> None:
    assert after(days(0, zone), at(starts)) >= at(starts)


@given(
    INSTANTS,
    st.builds(
        Retention,
        years=st.integers(0, 15),
        months=st.integers(0, 30),
        days=st.integers(0, 800),
        counted_from=st.sampled_from(["event", "end_of_year"]),
        timezone=st.sampled_from(ZONES),
    ),
)
@example(at("2024-02-29T12:00"), YEAR)
@example(at("2024-10-27T00:30"), days(0))
@example(at("2018-11-03T02:00"), days(1, "America/Sao_Paulo"))
def test_retention_rounded_to_a_day_equals_the_oracle(starts: int, retention: Retention) -> None:
    assert moment(up_to_day(retention, after(retention, starts))) == day_kept_to(moment(starts), retention)


@given(st.integers(at("1900-01-02"), 2**62), st.integers(0, 10**6), st.integers(0, 10**9))
@example(LATEST - 1, 0, 1)
@example(at("9998-12-31T23:59"), 1, 0)
@example(2**62, 10**6, 10**9)
def test_retention_beyond_the_calendar_ends_in_its_last_month(starts: int, years: int, number: int) -> None:
    for counted_from in ("event", "end_of_year"):
        for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
            retention = Retention(years, 0, number, "event" if counted_from == "event" else "end_of_year", zone)
            assert min(starts, LATEST) <= up_to_day(retention, after(retention, starts)) <= LATEST + 2 * DAY


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999), timezones=st.just(UTC)))  # noqa: DTZ001  # bounds are naive by its interface
def test_moments_are_exact_to_the_microsecond(instant: datetime) -> None:
    assert moment(micros(instant)) == instant
