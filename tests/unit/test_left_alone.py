"""What a decision leaves as it was, and the edges at which it changes its mind."""

import pytest

from consumers.domain.commands import Sent, claim, put_off, resume_deferred, serve_leases
from consumers.domain.due import command_id
from consumers.domain.errors import InvalidRecordError, PoisonError
from consumers.domain.folding import fold, prune
from consumers.domain.item import Discarded, Item, Last, PurposeState
from consumers.domain.outcomes import abandon, record_outcome
from consumers.domain.owed import Owed, owed
from consumers.domain.policy import Policy
from consumers.domain.rebuilding import backfilled, is_open
from consumers.domain.registers import Event
from consumers.domain.resetting import HOUR as AN_HOUR
from consumers.domain.resetting import Log, shifted, to_backup_by_trail
from consumers.domain.retention import LATEST, Retention, after, moment, up_to_day
from consumers.domain.rows import to_json
from consumers.domain.ticks import Report, Used, plan, relative_cap
from consumers.domain.votes import retry_at
from tests.support.build import CUSTOMER, DAY, HOUR, NOW, at, item, policy, postpone, schedule
from tests.support.flight import (
    BASE,
    BOOKS,
    BOTH,
    LATER,
    MARKETING,
    MODES,
    RULES,
    carried,
    claimed,
    committed,
    complete,
    finished,
    judged,
)

BEFORE = Last("before", ("crm",), {"crm": "DONE"}, NOW - DAY, NOW - DAY)
LIVED = PurposeState(7, last=BEFORE, deferred={"crm": NOW + 90 * DAY})
"""A purpose with a past."""


def with_a_past(known: Item) -> Item:
    state = known.of("marketing")
    return known.having("marketing", LIVED._replace(attempt=max(state.attempt, 7), command=state.command))


# ---- claims and leases -----------------------------------------------------------------------------------------------


def test_a_claim_keeps_what_was_completed_before_and_who_waits_for_a_date() -> None:
    state = claim(with_a_past(BASE), RULES, MODES, NOW, NOW).item.of("marketing")
    assert state.command
    assert state == LIVED._replace(attempt=state.command.attempt, command=state.command)


def test_a_claim_anew_keeps_what_was_completed_before() -> None:
    state = serve_leases(with_a_past(claimed()), RULES, MODES, {*BOTH, "ledger"}, LATER).item.of("marketing")
    assert state.command
    assert (state.last, state.deferred) == (LIVED.last, LIVED.deferred)


def test_who_is_put_off_keeps_his_attempt_and_what_was_completed_before() -> None:
    state = put_off(with_a_past(BASE), RULES, MODES, NOW, NOW).of("marketing")
    assert state == LIVED._replace(retry_at=retry_at(MARKETING, RULES, NOW))


def test_one_purpose_that_waits_for_no_date_does_not_keep_another_from_its_own() -> None:
    state = complete().of("marketing")
    assert state.last
    last = state.last._replace(outcomes={**state.last.outcomes, "crm": "DEFERRED"})
    deferring = state._replace(last=last, deferred={"crm": NOW})
    known = complete()._replace(purposes={"books": PurposeState(1), "marketing": deferring})
    resumed = resume_deferred(known, RULES, LATER)
    command = carried(resumed.item)
    assert resumed.sent == (Sent("marketing", command),)
    assert (command.sent_at, command.lease_until) == (LATER, LATER + RULES.lease)


@pytest.mark.parametrize("now", [at("2026-06-15"), at("2026-06-16") - 1])
def test_a_refused_customer_is_claimed_again_at_the_next_midnight_not_the_one_that_is_now(now: int) -> None:
    assert retry_at(MARKETING, policy(), now) == at("2026-06-16")


# ---- commit and outcomes ---------------------------------------------------------------------------------------------


def test_a_replay_of_a_command_in_flight_extends_its_lease_and_is_none_of_another() -> None:
    known = finished(committed(), crm="DONE")
    assert carried(judged(known).item).lease_until == NOW + HOUR + RULES.lease
    assert judged(known, message="another").step == "SUPERSEDED"


@pytest.mark.parametrize(("outcome", "until"), [("DEFERRED", None), ("DONE", NOW)])
def test_only_who_is_deferred_to_a_date_waits_for_it(outcome: str, until: int | None) -> None:
    known = record_outcome(committed(), "marketing", carried(committed()).id, "crm", outcome, NOW, until)
    assert known
    assert known.of("marketing").deferred == {}


@pytest.mark.parametrize("known", [claimed(), committed()], ids=["before commit", "committed"])
def test_nobody_is_released_from_a_command_by_the_name_of_another(known: Item) -> None:
    assert abandon(known, "marketing", "another", "crm", NOW) is None
    assert abandon(known, "marketing", carried(known).id, "stranger", NOW) is None
    assert abandon(known, "marketing", carried(known).id, "crm", NOW)


# ---- folding ---------------------------------------------------------------------------------------------------------


def test_a_discarded_record_does_not_keep_the_next_one_from_being_folded() -> None:
    skipped, kept = schedule(position="lapse.events-0-1"), postpone("activity", position="lapse.events-0-2")
    known = Item(CUSTOMER, discarded={skipped.position: Discarded(NOW, "ann", "garbage")})
    assert fold(known, [skipped, kept], RULES, NOW).item.products.keys() == {"activity"}


def late_for(known: Item, event: Event) -> list[str]:
    return [late.purpose for late in fold(known, [event], RULES, NOW).late]


def test_what_is_late_is_told_of_every_purpose_whose_commit_it_missed() -> None:
    done = PurposeState(1, last=BEFORE)
    event = schedule("loan/2", occurred=NOW - 2 * DAY)
    assert late_for(Item(CUSTOMER, purposes={"marketing": done, "books": done}), event) == ["marketing", "books"]
    assert late_for(Item(CUSTOMER, purposes={"marketing": PurposeState(1), "books": done}), event) == ["books"]


def test_nothing_is_pruned_while_a_command_is_in_flight() -> None:
    long_ago = Last("id", ("crm",), {"crm": "DONE"}, 0, 0)
    event = schedule()
    spent = event._replace(register=event.register._replace(spent=frozenset({"marketing"})))
    done = item(spent).having("marketing", PurposeState(1, last=long_ago))
    in_flight = done.having("marketing", PurposeState(1, last=long_ago, command=carried(claimed())))
    assert prune(in_flight, policy(), NOW) is in_flight
    assert prune(done, policy(), NOW).products == {}


# ---- what is owed, what is open --------------------------------------------------------------------------------------


def test_what_a_service_owes_is_summed_over_customers() -> None:
    assert owed([committed(), committed()])["crm"] == Owed(outcomes=2, committed=2, since=NOW)
    assert owed([finished(committed(), crm="FAILED")] * 2)["crm"] == Owed(failed=2)
    assert owed([with_a_past(BASE)] * 2)["crm"] == Owed(deferred=2, deferred_until=NOW + 90 * DAY)


def test_a_command_is_open_by_its_own_name_only() -> None:
    assert not is_open(claimed(), MARKETING, "another", RULES)
    back = fold(complete(), [schedule("loan/2", occurred=NOW)], RULES, NOW).item
    assert is_open(back, MARKETING, command_id(back, MARKETING, RULES), RULES)


def test_a_completed_command_is_sent_to_a_new_service_with_a_lease_of_its_own() -> None:
    sent = backfilled(complete(), MARKETING, "archive", RULES, LATER)
    assert sent
    assert sent.command.lease_until == LATER + RULES.lease


def test_a_service_nobody_knows_serves_no_purpose() -> None:
    assert (RULES.purpose_of("ledger"), RULES.purpose_of("stranger")) == (BOOKS, None)


# ---- ticks, resets, dates, texts -------------------------------------------------------------------------------------


def test_a_plan_says_when_it_was_made() -> None:
    assert plan("t", NOW - DAY, "ann", Report(0, {}, 0), NOW, dry_run=False).planned_at == NOW


def test_the_relative_cap_begins_when_seven_days_are_over() -> None:
    rules = Policy({}, cap=1000, growth=3, first_run=1)
    for first, cap in ((NOW - 7 * DAY + 1, 1000), (NOW - 7 * DAY, 3)):
        assert relative_cap([Used(first, 1), Used(NOW - DAY, 6)], rules, NOW) == cap


def test_texts_and_digests_do_not_depend_on_an_order() -> None:
    one, other = {"a": 1, "b": 2}, {"b": 2, "a": 1}
    assert to_json(one) == to_json(other)
    assert Report(3, one, 5).digest() == Report(3, other, 5).digest() != Report(3, {"a": 2, "b": 1}, 5).digest()


def test_a_group_is_shifted_from_the_very_beginning_too() -> None:
    assert shifted({0: Log(0, 0, 10)}, 2) == {0: 2}


def test_what_was_finished_an_hour_before_a_backup_is_in_it() -> None:
    logs = {0: Log(9, 0, 10)}
    assert to_backup_by_trail(logs, [(0, 5, NOW - AN_HOUR)], NOW) == {0: 9}
    assert to_backup_by_trail(logs, [(0, 5, NOW - AN_HOUR + 1)], NOW) == {0: 5}


def test_the_last_year_of_the_calendar_still_has_its_months() -> None:
    assert moment(after(Retention(years=1), at("9998-05-01"))).isoformat() == "9999-05-01T00:00:00+00:00"
    assert up_to_day(Retention(timezone="Asia/Tokyo"), LATEST) == LATEST


def test_an_error_says_its_code_or_what_its_class_is() -> None:
    assert str(InvalidRecordError("undecodable")) == "invalid record: undecodable"
    assert str(PoisonError()) == (PoisonError.__doc__ or "").strip()
