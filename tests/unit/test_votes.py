"""Votes and refusals: what each row requires, and what it writes."""

from consumers.domain.commands import claim, put_off, resume_deferred, serve_leases
from consumers.domain.item import AWAITED, Item, Vote, owing
from consumers.domain.outcomes import record_outcome
from consumers.domain.verdicts import judge
from consumers.domain.votes import refused, vote
from tests.support.build import DAY, HOUR, NOW, at, schedule
from tests.support.build import item as item_of
from tests.support.flight import (
    BASE,
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

MIDNIGHT = at("2026-06-16")


def asked(*voters: str, known: Item = BASE, now: int = NOW) -> Item:
    return claim(known, RULES, MODES, now, now, voters=voters or ("crm",)).item


def agreeing(known: Item, service: str = "crm", asked_at: int = NOW + HOUR) -> Item:
    command = carried(known)
    voted = vote(known, "marketing", command.id, command.attempt, service, asked_at, asked_at)
    assert voted is not None
    assert voted[0] == "RECORDED"
    return voted[1]


def test_a_claim_asks_the_voters_and_nobody_else() -> None:
    command = carried(asked("crm", "stranger"))
    assert (command.phase, command.votes) == ("ASKED", {"crm": AWAITED})
    assert owing(command) == ("crm",)


def test_nobody_commits_while_a_vote_is_awaited() -> None:
    known = asked("crm", "newsletter")
    for service in ("crm", "newsletter"):
        assert judged(known, service, carried(known).id).step == "SUPERSEDED"
        assert judged(agreeing(known), service, carried(known).id).step == "SUPERSEDED"


def test_the_last_vote_issues_the_command() -> None:
    known = agreeing(agreeing(asked("crm", "newsletter")), "newsletter", NOW + 2 * HOUR)
    command = carried(known)
    assert (command.phase, command.sent_at) == ("ISSUED", NOW + 2 * HOUR)
    assert command.votes == {"crm": Vote("AGREED", NOW + HOUR), "newsletter": Vote("AGREED", NOW + 2 * HOUR)}


def test_a_commit_requires_votes_younger_than_the_lease() -> None:
    known = agreeing(asked())
    command = carried(known)
    old = NOW + HOUR + RULES.lease
    for now, step in ((old - 1, "COMMIT"), (old, "SUPERSEDED")):
        verdict = judge(known, MARKETING, "crm", command.id, RULES, now, carried_out=False, halted=False)
        assert verdict.step == step


def test_a_vote_counts_for_its_own_attempt_only() -> None:
    known = asked()
    command = carried(known)
    assert vote(known, "marketing", command.id, command.attempt - 1, "crm", NOW, NOW) is None
    assert vote(known, "marketing", "another", command.attempt, "crm", NOW, NOW) is None
    assert vote(known, "marketing", command.id, command.attempt, "newsletter", NOW, NOW) is None
    assert vote(BASE, "marketing", command.id, command.attempt, "crm", NOW, NOW) is None


def test_a_second_vote_changes_nothing() -> None:
    known = agreeing(asked("crm", "newsletter"))
    command = carried(known)
    assert vote(known, "marketing", command.id, command.attempt, "crm", LATER, LATER) is None
    issued = agreeing(known, "newsletter")
    assert vote(issued, "marketing", command.id, command.attempt, "crm", LATER, LATER) == ("STANDS", issued)


def test_a_new_attempt_has_no_votes() -> None:
    known = agreeing(asked("crm", "newsletter"))
    later = carried(known).lease_until
    again = carried(serve_leases(known, RULES, MODES, {"newsletter"}, later, voters=("crm", "newsletter")).item)
    assert again.attempt > carried(known).attempt
    assert again.votes == {"crm": AWAITED, "newsletter": AWAITED}


def test_a_lease_waits_for_the_group_that_owes_its_vote() -> None:
    known = agreeing(asked("crm", "newsletter"))
    later = carried(known).lease_until
    served = serve_leases(known, RULES, MODES, {"crm"}, later, voters=("crm", "newsletter"))
    assert served.sent == ()
    assert carried(served.item) == carried(known)._replace(lease_until=later + RULES.lease)


def test_a_refusal_withdraws_the_command_until_local_midnight() -> None:
    known = asked()
    command = carried(known)
    after = refused(known, MARKETING, command.id, command.attempt, RULES, NOW + HOUR)
    assert after is not None
    assert after.of("marketing").command is None
    assert after.of("marketing").retry_at == MIDNIGHT
    soon = refused(known, MARKETING, command.id, command.attempt, RULES._replace(retry=HOUR), NOW)
    assert soon is not None
    assert soon.of("marketing").retry_at == NOW + HOUR


def test_a_refusal_of_another_attempt_or_after_the_commit_withdraws_nothing() -> None:
    known = asked()
    command = carried(known)
    assert refused(known, MARKETING, command.id, command.attempt - 1, RULES, NOW) is None
    done = committed()
    assert refused(done, MARKETING, carried(done).id, carried(done).attempt, RULES, NOW) is None


def objected(known: Item, service: str = "crm", attempt: int | None = None) -> str:
    command = carried(known)
    return judge(
        known,
        MARKETING,
        service,
        command.id,
        RULES,
        NOW + HOUR,
        carried_out=False,
        halted=False,
        attempt=command.attempt if attempt is None else attempt,
        objects=True,
    ).step


def test_the_guard_objects_once_more_before_the_commit_and_too_late_after_it() -> None:
    assert objected(claimed()) == "REFUSED"
    assert objected(claimed(), attempt=1) == "SUPERSEDED"
    assert objected(committed()) == "REFUSED_LATE"
    assert objected(finished(committed(), crm="DONE")) == "SUPERSEDED"


def test_a_late_refusal_is_partial_and_its_redrive_goes_on() -> None:
    known = finished(committed(), crm="REFUSED_LATE", newsletter="DONE")
    assert carried(known).outcomes["crm"] == "REFUSED_LATE"
    assert judged(known, message=carried(known).id).step == "GO_ON"
    assert finished(known, crm="DONE").of("marketing").last is not None


def test_an_objection_does_not_reopen_what_is_complete() -> None:
    known = complete()
    last = known.of("marketing").last
    assert last is not None
    verdict = judge(
        known, MARKETING, "crm", last.id, RULES, NOW + HOUR, carried_out=False, halted=False, objects=True, attempt=1
    )
    assert (verdict.step, verdict.item) == ("SUPERSEDED", known)


# ---- the central check, deferred services ----------------------------------------------------------------------------


def test_who_is_active_is_put_off_and_claimed_after_the_retry() -> None:
    known = put_off(BASE, RULES, MODES, NOW, NOW)
    assert known.of("marketing").retry_at == MIDNIGHT
    assert claim(known, RULES, MODES, NOW, NOW).sent == ()
    assert claim(known, RULES, MODES, MIDNIGHT, MIDNIGHT).sent != ()


def deferring() -> Item:
    known = finished(committed(), newsletter="DONE")
    after = _deferred(known)
    assert after.of("marketing").command is None
    return after


def _deferred(known: Item) -> Item:
    after = record_outcome(known, "marketing", carried(known).id, "crm", "DEFERRED", NOW + 2 * HOUR, NOW + 9 * DAY)
    assert after is not None
    return after


def test_a_deferred_service_completes_the_command_and_is_taken_up_on_its_date() -> None:
    known = deferring()
    assert known.of("marketing").deferred == {"crm": NOW + 9 * DAY}
    assert resume_deferred(known, RULES, NOW + 9 * DAY - 1).item is known
    resumed = resume_deferred(known, RULES, NOW + 9 * DAY)
    command = carried(resumed.item)
    assert (command.phase, command.outcomes, owing(command)) == ("COMMITTED", {"newsletter": "DONE"}, ("crm",))
    assert resumed.sent[0].command == command
    assert resumed.item.of("marketing").deferred == {}
    assert finished(resumed.item, crm="DONE").of("marketing").command is None


def test_a_deferred_date_is_kept_whatever_is_postponed_meanwhile() -> None:
    known = deferring()
    with_news = known._replace(products={**known.products, **item_of(schedule("card/9", occurred=NOW)).products})
    assert resume_deferred(with_news, RULES, NOW + 9 * DAY).sent != ()


def test_a_deferred_date_nobody_waits_for_is_dropped() -> None:
    known = complete()
    state = known.of("marketing")._replace(deferred={"crm": NOW})
    resumed = resume_deferred(known.having("marketing", state), RULES, NOW)
    assert (resumed.item.of("marketing").deferred, resumed.sent) == ({}, ())
