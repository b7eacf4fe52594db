"""Commit point, replay and outcomes: what each row requires, and what it writes."""

import pytest

from consumers.domain.commands import claimable
from consumers.domain.due import due_date
from consumers.domain.folding import fold, hold
from consumers.domain.item import Item, Last, Phase, PurposeState, outstanding
from consumers.domain.outcomes import record_outcome
from consumers.domain.registers import Event
from consumers.domain.verdicts import Verdict, judge
from tests.support.build import DAY, HOUR, NOW, item, postpone, schedule
from tests.support.flight import (
    BOOKS,
    DUE,
    FACTS,
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

# ---- commit point ----------------------------------------------------------------------------------------------------


def test_the_commit_point_commits_and_spends_every_register_of_the_purpose() -> None:
    known = claimed(item(FACTS, postpone(occurred=-5), schedule("loan/2", 1)))
    command = carried(known)
    verdict = judged(known, message=command.id)
    assert verdict.step == "COMMIT"
    assert carried(verdict.item) == command._replace(phase="COMMITTED", committed_at=NOW + HOUR)
    registers = [register for product in verdict.item.products.values() for register in product if register]
    assert [register.spent for register in registers] == [{"marketing"}] * 3
    assert due_date(verdict.item, MARKETING, RULES) is None
    assert verdict.item.of("books") == known.of("books")


def test_the_commit_point_spends_listed_kinds_only() -> None:
    known = claimed(item(FACTS, schedule("activity", occurred=1)))
    command = carried(known, "books")
    verdict = judge(known, BOOKS, "ledger", command.id, RULES, NOW, carried_out=False, halted=False)
    assert verdict.step == "COMMIT"
    spent = {name: one.schedule.spent for name, one in verdict.item.products.items() if one.schedule}
    assert spent == {"loan/1": {"books"}, "activity": frozenset()}


def with_phase(phase: Phase) -> Item:
    known = claimed()
    return known.having("marketing", known.of("marketing")._replace(command=carried(known)._replace(phase=phase)))


def test_the_commit_point_requires_each_of_its_conditions() -> None:
    known = claimed()
    refused = [
        judged(known, message="00000000-0000-4000-8000-000000000000"),
        judged(known, "stranger"),
        judged(known, halted=True),
        judged(hold(known, "lapse.events-0-1", "undecodable", NOW)),
        judged(with_phase("ASKED")),
        judged(item(FACTS)),
        judged(Item("unknown")),
        judged(known._replace(products=item(FACTS, postpone("loan/2")).products)),
    ]
    assert [verdict.step for verdict in refused] == ["SUPERSEDED"] * len(refused)


def test_the_commit_point_is_judged_by_the_time_it_is_now() -> None:
    known = claimed()
    command = carried(known)
    early = judge(known, MARKETING, "crm", command.id, RULES, DUE - 1, carried_out=False, halted=False)
    assert early.step == "SUPERSEDED"


def test_superseded_touches_nothing_and_completes_nothing_history_15() -> None:
    known = claimed()
    verdict = judged(hold(known, "lapse.events-0-1", "undecodable", NOW))
    assert verdict.item == hold(known, "lapse.events-0-1", "undecodable", NOW)
    for never in ("SUPERSEDED", "DRY_RUN", "UNKNOWN", "AGREED", "REFUSED", "LATE"):
        after = record_outcome(committed(), "marketing", carried(committed()).id, "crm", never, NOW)
        assert after is None or "crm" in outstanding(carried(after))


def test_a_ledger_row_never_skips_the_commit_point_history_18() -> None:
    assert judged(claimed(), carried_out=True).step == "COMMIT"


def test_the_second_service_goes_on_without_a_commit_of_its_own() -> None:
    known = committed()
    assert judged(known, "newsletter") == Verdict("GO_ON", known)
    assert judged(known, "crm", carried_out=True) == Verdict("GO_ON", known)


def test_a_committed_command_goes_on_whatever_arrives_after() -> None:
    known = fold(committed(), [postpone(occurred=NOW + 1)], RULES, NOW).item
    known = hold(known, "lapse.events-0-1", "undecodable", NOW)
    assert judged(known, "newsletter", halted=True).step == "GO_ON"


# ---- replay ----------------------------------------------------------------------------------------------------------


def test_a_replay_writes_the_last_command_back_to_committed_history_4() -> None:
    verdict = judged(complete())
    last = complete().of("marketing").last
    assert last
    assert verdict.step == "REPLAY"
    command = carried(verdict.item)
    assert (command.id, command.phase, command.committed_at) == (last.id, "COMMITTED", last.committed_at)
    assert outstanding(command) == ("crm",)
    assert command.lease_until == NOW + 7 * HOUR
    assert record_outcome(verdict.item, "marketing", last.id, "crm", "DONE", NOW)


def test_two_restored_databases_are_replayed_side_by_side_history_17() -> None:
    first = judged(complete(), "crm")
    second = judged(first.item, "newsletter")
    assert second.step == "REPLAY"
    assert outstanding(carried(second.item)) == ("crm", "newsletter")


def against(known: Item) -> list[Verdict]:
    """Whatever speaks against a replay."""
    return [
        judged(known, halted=True),
        judged(known, objects=True),
        judged(hold(known, "lapse.events-0-1", "undecodable", NOW)),
        judged(fold(known, [postpone("loan/2", occurred=NOW)], RULES, NOW).item),
        judged(fold(known, [postpone("loan/2", occurred=NOW)], RULES, NOW).item, waited=True),
    ]


def test_a_replay_is_confirmed_behind_another_barrier_and_then_owed_like_any_command_history_30() -> None:
    replayed = judged(complete()).item
    assert carried(replayed).reopened == {"crm": "DONE"}
    assert judged(replayed) == Verdict("REPLAY", replayed)
    message = carried(replayed).id
    asked_once = judge(replayed, MARKETING, "crm", message, RULES, NOW, carried_out=False, halted=False)
    assert asked_once.step == "REPLAY"
    verdict = judged(replayed, waited=True)
    assert verdict.step == "CONFIRM"
    confirmed = carried(verdict.item)
    assert (confirmed.reopened, outstanding(confirmed)) == ({}, ("crm",))
    assert verdict.item.of("marketing") == replayed.of("marketing")._replace(command=confirmed)
    assert judged(hold(verdict.item, "lapse.events-0-1", "undecodable", NOW), halted=True).step == "GO_ON"
    assert judged(verdict.item, objects=True).step == "REFUSED_LATE"


def test_a_replay_that_is_not_confirmed_leaves_everything_as_it_was_history_30() -> None:
    before = complete().of("marketing")
    for verdict in against(judged(complete()).item):
        assert verdict.step == "CALLED_OFF"
        state = verdict.item.of("marketing")
        assert state.command is None
        assert state.last
        assert before.last
        assert state.last._replace(completed_at=0) == before.last._replace(completed_at=0)
        assert state._replace(last=None) == before._replace(last=None)


def test_a_replay_that_is_called_off_leaves_others_and_their_replays_alone() -> None:
    both = judged(judged(complete(), "crm").item, "newsletter").item
    verdict = judged(both, "newsletter", halted=True)
    assert verdict.step == "CALLED_OFF"
    left = carried(verdict.item)
    assert (left.reopened, outstanding(left), left.outcomes) == (
        {"crm": "DONE"},
        ("crm",),
        {"newsletter": "NOTHING_FOUND"},
    )


def test_a_service_that_was_new_to_the_command_is_no_part_of_it_once_its_replay_is_called_off() -> None:
    replayed = judged(complete(), "archive").item
    assert carried(replayed).reopened == {"archive": ""}
    verdict = judged(replayed, "archive", halted=True)
    assert verdict.step == "CALLED_OFF"
    state = verdict.item.of("marketing")
    assert state.command is None
    assert state.last
    assert state.last.services == ("crm", "newsletter")
    assert state.last.outcomes == {"crm": "DONE", "newsletter": "NOTHING_FOUND"}


def test_what_the_ledger_has_by_now_is_answered_for_and_not_called_off() -> None:
    replayed = judged(complete()).item
    assert judged(replayed, carried_out=True, halted=True) == Verdict("GO_ON", replayed)
    done = record_outcome(replayed, "marketing", carried(replayed).id, "crm", "ALREADY_DONE", NOW)
    assert done
    assert done.of("marketing").command is None
    failed = record_outcome(replayed, "marketing", carried(replayed).id, "crm", "FAILED", NOW)
    assert failed
    assert carried(failed).reopened == {}


def test_a_replay_adds_a_service_that_is_new_to_the_command() -> None:
    verdict = judged(complete(), "archive")
    assert verdict.step == "REPLAY"
    assert carried(verdict.item).services == ("crm", "newsletter", "archive")
    assert outstanding(carried(verdict.item)) == ("archive",)


def test_a_service_that_finished_is_replayed_though_others_have_not() -> None:
    verdict = judged(finished(committed(), crm="DONE"))
    assert verdict.step == "REPLAY"
    assert outstanding(carried(verdict.item)) == ("crm", "newsletter")


def back_again(event: Event) -> Item:
    return fold(complete(), [event], RULES, NOW).item


def test_a_replay_requires_each_of_its_conditions_histories_4_and_21() -> None:
    known = complete()
    refused = [
        judged(known, carried_out=True),
        judged(known, halted=True),
        judged(known, message="00000000-0000-4000-8000-000000000000"),
        judged(hold(known, "lapse.events-0-1", "undecodable", NOW)),
        judged(back_again(postpone("loan/2", occurred=NOW))),
        judged(back_again(schedule("loan/2", occurred=NOW))),
        judged(back_again(postpone("loan/2", occurred=NOW, until=NOW))),
        judged(finished(committed(), crm="DONE"), carried_out=True),
        judged(hold(finished(committed(), crm="DONE"), "lapse.events-0-1", "undecodable", NOW)),
    ]
    assert [verdict.step for verdict in refused] == ["SUPERSEDED"] * len(refused)


def test_a_replay_of_an_older_command_changes_nothing() -> None:
    again = claimed(back_again(schedule("loan/2", occurred=0)))
    assert carried(again).id != carried(committed()).id
    assert judged(again, message=carried(committed()).id).step == "SUPERSEDED"


def test_a_customer_who_came_back_gets_another_command_history_13() -> None:
    rebuilt = item(FACTS, schedule("loan/2", occurred=1))
    assert carried(claimed(rebuilt)).id != carried(claimed()).id


# ---- outcomes --------------------------------------------------------------------------------------------------------


def test_an_outcome_is_kept_and_the_last_one_completes() -> None:
    known = committed()
    waiting = known.having("marketing", known.of("marketing")._replace(retry_at=NOW + DAY))
    first = finished(waiting, crm="DONE")
    assert carried(first).outcomes == {"crm": "DONE"}
    assert first.of("marketing").retry_at == NOW + DAY
    done = finished(first, newsletter="NOTHING_FOUND")
    command = carried(known)
    last = Last(
        command.id, command.services, {"crm": "DONE", "newsletter": "NOTHING_FOUND"}, NOW + HOUR, NOW + 2 * HOUR
    )
    assert done.of("marketing") == PurposeState(command.attempt, last=last)


@pytest.mark.parametrize("outcome", ["DONE", "ALREADY_DONE", "NOTHING_FOUND", "DEFERRED", "ABANDONED"])
def test_each_finishing_outcome_completes(outcome: str) -> None:
    assert finished(committed(), crm="DONE", newsletter=outcome).of("marketing").command is None


@pytest.mark.parametrize("outcome", ["FAILED", "REFUSED_LATE"])
def test_a_service_that_gave_up_keeps_the_command_until_it_is_done(outcome: str) -> None:
    partial = finished(committed(), crm=outcome, newsletter="DONE")
    assert carried(partial).outcomes == {"crm": outcome, "newsletter": "DONE"}
    assert judged(partial).step == "GO_ON"
    assert finished(partial, crm="DONE").of("marketing").command is None


def test_an_outcome_is_taken_only_from_a_service_that_owes_one_history_27() -> None:
    known = finished(committed(), crm="DONE")
    command = carried(known)
    assert record_outcome(known, "marketing", command.id, "crm", "FAILED", NOW) is None
    assert record_outcome(known, "marketing", command.id, "stranger", "DONE", NOW) is None
    assert record_outcome(known, "marketing", "another", "newsletter", "DONE", NOW) is None
    assert record_outcome(known, "books", command.id, "newsletter", "DONE", NOW) is None
    assert record_outcome(complete(), "marketing", command.id, "newsletter", "FAILED", NOW) is None
    assert record_outcome(claimed(), "marketing", command.id, "crm", "DONE", NOW) is None


def test_what_arrived_meanwhile_is_due_after_completion() -> None:
    late = fold(committed(), [schedule("loan/2", occurred=1)], RULES, NOW).item
    done = finished(late, crm="DONE", newsletter="DONE")
    assert MARKETING in claimable(done, RULES, MODES, NOW)
