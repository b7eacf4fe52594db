"""Claims and leases: what each row of "who writes what" requires, and what it writes."""

from collections.abc import Callable, Mapping

import pytest

from consumers.domain.commands import Decided, Sent, claim, claimable, ripe, serve_leases
from consumers.domain.due import command_id
from consumers.domain.folding import hold
from consumers.domain.index import index_keys
from consumers.domain.item import Command, Item, PurposeState, Vote, unanswered
from consumers.domain.policy import Mode
from tests.support.build import HOUR, NOW, SECOND, item, policy, postpone
from tests.support.flight import (
    BASE,
    BOOKS,
    BOTH,
    DUE,
    FACTS,
    LATER,
    MARKETING,
    MODES,
    RULES,
    carried,
    claimed,
    committed,
    finished,
)


def served(known: Item, past: set[str] = BOTH, now: int = LATER, modes: Mapping[str, Mode] = MODES) -> Decided:
    return serve_leases(known, RULES, modes, {*past, "ledger"}, now)


def only_marketing(known: Item) -> Item:
    return known._replace(purposes={"marketing": known.of("marketing")})


# ---- claim -----------------------------------------------------------------------------------------------------------


def test_a_claim_takes_all_purposes_that_are_due_in_one_write() -> None:
    decided = claim(BASE, RULES, MODES, NOW, NOW)
    expected = Command(
        id=command_id(BASE, MARKETING, RULES),
        attempt=NOW // SECOND,
        phase="ISSUED",
        services=("crm", "newsletter"),
        sent_at=NOW,
        lease_until=NOW + 6 * HOUR,
    )
    assert decided.item.of("marketing") == PurposeState(NOW // SECOND, command=expected)
    assert decided.sent == (Sent("marketing", expected), Sent("books", carried(decided.item, "books")))
    assert decided.item.products == BASE.products


def test_a_claim_is_the_same_command_while_the_facts_are_and_a_greater_attempt() -> None:
    known = BASE.having("marketing", PurposeState(attempt=NOW))
    assert carried(claimed(known)).attempt == NOW + 1
    assert carried(claimed(known)).id == carried(claimed()).id


def test_attempts_carry_the_time_so_a_rebuild_meets_none_again_history_29() -> None:
    rebuilt = item(FACTS)
    again = claim(rebuilt, RULES, MODES, NOW + SECOND, NOW + SECOND).item
    assert carried(again).attempt > carried(claimed()).attempt


@pytest.mark.parametrize(
    ("as_of", "now"),
    [(DUE - 1, NOW), (NOW, DUE - 1)],
    ids=["not due for as_of", "not due now"],
)
def test_nobody_is_claimed_before_as_of_and_now(as_of: int, now: int) -> None:
    assert claim(BASE, RULES, MODES, as_of, now) == Decided(BASE)
    assert claim(BASE, RULES, MODES, DUE, DUE).sent


def test_a_purpose_is_claimed_only_when_armed() -> None:
    unarmed: list[dict[str, Mode]] = [
        {},
        {"crm": "dry_run", "newsletter": "dry_run"},
        {"crm": "live", "newsletter": "stopped"},
    ]
    for modes in unarmed:
        assert claimable(BASE, RULES, modes, NOW) == []
        assert ripe(BASE, RULES, NOW) == [MARKETING, BOOKS]
        assert claim(BASE, RULES, modes, NOW, NOW) == Decided(BASE)


def test_a_claim_names_live_services_only() -> None:
    half = claim(BASE, RULES, {"newsletter": "live", "crm": "dry_run"}, NOW, NOW)
    assert [sent.command.services for sent in half.sent] == [("newsletter",)]


def test_a_purpose_with_a_command_is_not_claimed_again() -> None:
    assert claim(claimed(), RULES, MODES, NOW, NOW).sent == ()
    assert claim(only_marketing(claimed()), RULES, MODES, NOW, NOW).sent[0].purpose == "books"


def test_a_retry_of_tomorrow_is_not_claimed_today_history_19() -> None:
    refused = BASE.having("marketing", PurposeState(1, retry_at=NOW + 1))
    assert claimable(refused, RULES, MODES, NOW) == [BOOKS]
    assert claimable(refused, RULES, MODES, NOW + 1) == [MARKETING, BOOKS]


def test_a_held_or_open_customer_is_not_claimed() -> None:
    for known in (hold(BASE, "lapse.events-0-1", "undecodable", NOW), item(FACTS, postpone("loan/2")), item()):
        assert claim(known, RULES, MODES, NOW, NOW) == Decided(known)


def test_one_unread_purpose_does_not_keep_another_from_its_claim() -> None:
    known = item(FACTS, postpone("activity"))
    assert [sent.purpose for sent in claim(known, RULES, MODES, NOW, NOW).sent] == ["books"]


# ---- leases ----------------------------------------------------------------------------------------------------------


def test_a_lease_that_is_not_over_is_left_alone() -> None:
    known = claimed()
    assert served(known, now=LATER - 1) == Decided(known)


@pytest.mark.parametrize("start", [claimed, committed], ids=["before commit", "committed"])
@pytest.mark.parametrize("past", [set(), {"crm"}])
def test_a_group_behind_the_copy_only_has_its_lease_extended(start: Callable[[], Item], past: set[str]) -> None:
    known = only_marketing(start())
    decided = served(known, past)
    assert decided.sent == ()
    extended = carried(known)._replace(lease_until=LATER + 6 * HOUR)
    assert decided.item == known.having("marketing", known.of("marketing")._replace(command=extended))


def test_an_expired_command_that_is_still_due_is_a_claim_anew_history_26() -> None:
    voted = carried(claimed())._replace(votes={"crm": Vote("AGREED", NOW)})
    known = only_marketing(BASE.having("marketing", PurposeState(carried(claimed()).attempt, command=voted)))
    decided = served(known, modes={"crm": "live", "newsletter": "dry_run"})
    anew = carried(decided.item)
    assert (anew.id, anew.services, anew.votes) == (voted.id, ("crm",), {})
    assert (anew.sent_at, anew.lease_until) == (LATER, LATER + 6 * HOUR)
    assert anew.attempt == max(voted.attempt + 1, LATER // SECOND) == decided.item.of("marketing").attempt
    assert decided.sent == (Sent("marketing", anew),)


def test_attempts_grow_though_the_clock_stands_still() -> None:
    known = only_marketing(claimed())
    over = known.having("marketing", known.of("marketing")._replace(command=carried(known)._replace(lease_until=NOW)))
    assert carried(served(over, now=NOW).item).attempt == carried(known).attempt + 1


def test_an_expired_command_that_is_not_due_any_more_is_removed_history_7() -> None:
    known = only_marketing(claimed())
    reasons = [
        hold(known, "lapse.events-0-1", "undecodable", NOW),
        known._replace(products=item(FACTS, postpone("loan/2")).products),
    ]
    for stopped in reasons:
        decided = served(stopped)
        assert decided == Decided(stopped.having("marketing", stopped.of("marketing")._replace(command=None)))
        assert decided.item.of("marketing").attempt == carried(known).attempt


def test_an_expired_command_that_nobody_serves_is_removed() -> None:
    known = only_marketing(claimed())
    assert served(known, modes={"crm": "dry_run"}).item.of("marketing").command is None
    assert serve_leases(known, policy(BOOKS), MODES, BOTH, LATER).item.of("marketing").command is None


def test_an_expired_committed_command_is_sent_again_whatever_stands_now() -> None:
    known = only_marketing(committed())
    command = carried(known)
    for held in (known, hold(known, "lapse.events-0-1", "undecodable", NOW)):
        for modes in (MODES, {}):
            decided = served(held, modes=modes)
            again = command._replace(lease_until=LATER + 6 * HOUR, sent_at=LATER)
            assert decided.sent == (Sent("marketing", again),)
            assert carried(decided.item) == again


def test_only_groups_that_owe_an_answer_are_waited_for() -> None:
    known = finished(only_marketing(committed()), crm="DONE")
    assert served(known, {"crm"}).sent == ()
    assert [unanswered(sent.command) for sent in served(known, {"newsletter"}).sent] == [("newsletter",)]


def test_a_partial_command_is_not_sent_by_its_lease() -> None:
    known = finished(only_marketing(committed()), crm="DONE", newsletter="FAILED")
    assert served(known) == Decided(known)


def test_leases_of_two_purposes_are_judged_each_on_its_own() -> None:
    decided = served(claimed(), {"crm"})
    assert [sent.purpose for sent in decided.sent] == ["books"]
    assert carried(decided.item).lease_until == LATER + 6 * HOUR


def test_an_expired_command_never_falls_out_of_the_index() -> None:
    for known in (claimed(), committed()):
        for past in (set(), BOTH):
            assert index_keys(served(known, past).item, RULES) is not None
