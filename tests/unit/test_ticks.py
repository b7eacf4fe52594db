"""Ticks: planned once, capped over a rolling day, and the budget taken before anybody is claimed."""

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.domain.errors import PermanentError
from consumers.domain.rows import history as read_history
from consumers.domain.rows import tick_plan, to_json
from consumers.domain.ticks import (
    HISTORY_KEPT,
    Plan,
    Report,
    Used,
    allowance,
    approve,
    end,
    plan,
    reserve,
    settle,
    take,
)
from tests.support.build import DAY, HOUR, NOW, policy

RULES = policy(cap=100)


def report(due: int = 40, allowed: int = 100) -> Report:
    return Report(due, {"marketing": due}, allowed, ("crm is stopped",))


def planned(due: int = 40, allowed: int = 100, *, dry_run: bool = False) -> Plan:
    return plan("t-1", NOW, "cron", report(due, allowed), NOW, dry_run=dry_run)


def test_a_tick_within_the_caps_goes_with_what_they_leave() -> None:
    going = planned(40, 60)
    assert (going.state, going.budget, going.taken) == ("GOING", 60, 0)
    assert planned(60, 60).state == "GOING"


@pytest.mark.parametrize(("due", "allowed"), [(61, 60), (1, 0)])
def test_a_tick_over_the_caps_is_halted_before_anyone_is_touched(due: int, allowed: int) -> None:
    halted = planned(due, allowed)
    assert (halted.state, halted.budget) == ("HALTED", 0)
    assert take(halted, 1).taken == 0


def test_a_dry_run_claims_nobody() -> None:
    for due in (1, 500):
        dry = planned(due, dry_run=True)
        assert dry.state == "DRY_RUN"
        assert take(dry, 1).taken == 0


def test_approval_lets_go_as_many_as_were_reported_and_keeps_who_when_and_what() -> None:
    halted = planned(500)
    approved = approve(halted, "ann", NOW + HOUR)
    assert (approved.state, approved.budget) == ("APPROVED", 500)
    assert (approved.approved_by, approved.approved_at) == ("ann", NOW + HOUR)
    assert approved.approved_digest == halted.report.digest()
    assert (approved.tick_id, approved.as_of, approved.report) == (halted.tick_id, halted.as_of, halted.report)


def test_a_digest_names_one_report_and_survives_the_row() -> None:
    halted = planned(500)
    others = [report(501), report(500, 99), halted.report._replace(blockers=()), report()._replace(by_purpose={})]
    assert halted.report.digest() not in {other.digest() for other in others}
    assert tick_plan(to_json(halted)).report.digest() == halted.report.digest()


def test_taking_gives_what_is_left_and_counts_it_as_used() -> None:
    first = take(planned(40, 60), 50)
    assert (first.budget, first.taken) == (10, 50)
    second = take(first, 50)
    assert (second.budget, second.taken) == (0, 60)
    assert take(second, 50) == second


@given(st.lists(st.integers(0, 50), max_size=8))
def test_no_sequence_of_batches_takes_more_than_the_budget_history_6(batches: list[int]) -> None:
    taken = reduce(take, batches, planned(40, 60))
    assert taken.taken + taken.budget == 60
    assert taken.taken == min(sum(batches), 60)


def test_a_ticker_paused_since_an_ended_tick_takes_nothing_history_28() -> None:
    over = end(take(planned(40, 60), 40))
    assert (over.state, over.budget, over.taken) == ("ENDED", 0, 40)
    assert take(over, 20).taken == over.taken


def test_the_caps_leave_what_other_ticks_of_the_last_day_did_not_use() -> None:
    used = {"a": Used(NOW - DAY + 1, 30), "b": Used(NOW, 20), "old": Used(NOW - DAY, 99), "t-1": Used(NOW, 99)}
    assert allowance(used, RULES, "t-1", NOW) == 50
    assert allowance(used, RULES, "t-2", NOW) == 0
    assert allowance({}, RULES, "t-2", NOW) == 100


def test_a_reservation_holds_the_whole_budget_until_the_tick_ends() -> None:
    going = take(planned(40, 60), 25)
    reserved = reserve({}, going, NOW)
    assert reserved == {"t-1": Used(NOW, 60, going=True)}
    assert allowance(reserved, RULES, "t-2", NOW) == 40
    settled = settle(reserved, end(going), NOW)
    assert settled == {"t-1": Used(NOW, 25)}
    assert allowance(settled, RULES, "t-2", NOW) == 75


def test_old_ticks_are_dropped_and_others_kept() -> None:
    used = {"old": Used(NOW - HISTORY_KEPT, 1), "young": Used(NOW - HISTORY_KEPT + 1, 2)}
    assert set(reserve(used, planned(), NOW)) == {"young", "t-1"}
    assert set(settle(used, end(planned()), NOW)) == {"old", "young", "t-1"}


def test_a_tick_that_goes_on_for_days_keeps_its_reservation() -> None:
    reserved = reserve({}, planned(), NOW)
    assert allowance(reserved, RULES, "t-2", NOW + 3 * DAY) == RULES.cap - planned().budget
    ended = settle(reserved, end(take(planned(), 10)), NOW + 3 * DAY)
    assert ended == {"t-1": Used(NOW + 3 * DAY, 10)}
    assert settle(ended, end(planned()), NOW + 4 * DAY) == ended


def test_a_tick_that_has_ended_is_not_approved_again() -> None:
    with pytest.raises(PermanentError, match="ENDED"):
        approve(end(planned()), "Ann", NOW)


def test_a_tick_that_was_never_reserved_settles_at_its_end() -> None:
    assert settle({}, end(planned()), NOW) == {"t-1": Used(NOW, 0)}


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 20)), max_size=12))
def test_ticks_that_end_at_once_stay_within_the_cap_of_every_day(ticks: list[tuple[int, int]]) -> None:
    used: dict[str, Used] = {}
    claimed: list[tuple[int, int]] = []
    now = NOW
    for number, (due, hours) in enumerate(ticks):
        now += hours * HOUR
        left = allowance(used, RULES, str(number), now)
        going = plan(str(number), now, "cron", report(due, left), now, dry_run=False)
        used = reserve(used, going, now)
        over = end(take(going, due))
        used = settle(read_history(to_json(used)), over, now)
        claimed.append((now, over.taken))
        assert sum(taken for when, taken in claimed if when > now - DAY) <= RULES.cap


# ---- the relative cap ------------------------------------------------------------------------------------------------


def days_of(claims: int, days: int, *, until: int = NOW) -> dict[str, Used]:
    """A tick a day, each with so many claims; the last one a day before `until`."""
    return {f"day-{ago}": Used(until - ago * DAY, claims) for ago in range(1, days + 1)}


def test_the_relative_cap_begins_on_the_eighth_day() -> None:
    rules = policy(cap=10_000)._replace(growth=3, first_run=1)
    assert allowance(days_of(10, 6), rules, "t", NOW) == 10_000
    # claimed a day ago is a rolling day ago: nothing is spent
    assert allowance(days_of(10, 8), rules, "t", NOW) == 30


def test_an_outage_of_two_days_leaves_room_for_what_came_due_in_it() -> None:
    rules = policy(cap=10_000)._replace(growth=3, first_run=1)
    after = allowance(days_of(10, 20), rules, "t", NOW + 2 * DAY)
    assert after == int(3 * (200 / 22) * 3)


def test_the_relative_cap_never_exceeds_the_absolute_one_nor_falls_below_a_first_run() -> None:
    assert allowance(days_of(50, 10), policy(cap=100)._replace(first_run=1), "t", NOW) == 100
    assert allowance(days_of(0, 10), policy(cap=100)._replace(first_run=7), "t", NOW) == 7


def test_a_first_run_bounds_the_budget_without_halting() -> None:
    going = plan("t", NOW, "cron", report(40, 60), NOW, dry_run=False, first_run=5)
    assert (going.state, going.budget) == ("GOING", 5)
    halted = plan("t", NOW, "cron", report(61, 60), NOW, dry_run=False, first_run=5)
    assert approve(halted, "ann", NOW).budget == 61


def test_an_ended_tick_is_not_reserved_again_by_a_ticker_that_was_paused() -> None:
    going = Plan("t", 0, "x", 0, "GOING", Report(1, {}, 3), budget=3)
    settled = settle(reserve({}, going, NOW), end(take(going, 1)), NOW)
    assert reserve(settled, going, NOW) == settled
