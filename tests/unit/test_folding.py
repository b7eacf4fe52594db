"""Folding: one state from any order, and what the state consumer may withdraw, hold and report."""

from hypothesis import given
from hypothesis import strategies as st

from consumers.domain.commands import claim
from consumers.domain.due import NEVER, command_id, due_date
from consumers.domain.folding import TOO_MANY_PRODUCTS, Late, fold, hold, prune
from consumers.domain.index import index_keys
from consumers.domain.item import MAX_HOLDS, MAX_PRODUCTS, OVERFLOW, Discarded, Hold, Item, Last, PurposeState
from consumers.domain.policy import Policy
from consumers.domain.registers import Event
from consumers.domain.verdicts import judge
from tests.support.build import CUSTOMER, DAY, HOUR, NOW, all_live, item, policy, postpone, purpose, schedule
from tests.support.histories import POLICY, PURPOSES, events

MARKETING = purpose()
BOOKS = purpose("books", services=("ledger",), products=frozenset({"loan"}))
RULES = policy(MARKETING, BOOKS)
RETENTION = RULES.log_retention
OLD = NOW - 60 * DAY
POSITION = "lapse.events-3-17"


def claimed(*events: Event, rules: Policy = RULES) -> Item:
    return claim(item(*events), rules, all_live(rules), NOW, NOW).item


def committed(*events: Event) -> Item:
    known = claimed(*events, rules=policy())
    command = known.of("marketing").command
    assert command
    verdict = judge(known, MARKETING, "crm", command.id, policy(), NOW, carried_out=False, halted=False)
    assert verdict.step == "COMMIT"
    return verdict.item


@given(st.lists(events(), max_size=10), st.randoms(use_true_random=False), st.integers(1, 4))
def test_folding_any_order_with_duplicates_gives_one_state(log: list[Event], random: st.DrawFn, size: int) -> None:
    straight = fold(Item(CUSTOMER), log, POLICY, NOW).item
    shuffled = log + log[::2]
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    crooked = Item(CUSTOMER)
    for start in range(0, len(shuffled), size):
        crooked = fold(crooked, shuffled[start : start + size], POLICY, NOW).item
    assert crooked == straight
    assert index_keys(crooked, POLICY) == index_keys(straight, POLICY)
    for one in PURPOSES:
        assert command_id(crooked, one, POLICY) == command_id(straight, one, POLICY)


@given(st.lists(events(), max_size=8))
def test_folding_again_gives_the_very_same_item(log: list[Event]) -> None:
    known = fold(Item(CUSTOMER), log, POLICY, NOW).item
    again = fold(known, [*log, *log], POLICY, NOW)
    assert again.item is known
    assert again == (known, (), ())


def test_news_withdraws_an_uncommitted_command_and_a_retry() -> None:
    known = claimed(schedule(occurred=OLD))
    waiting = known.having("books", PurposeState(attempt=4, retry_at=NOW + DAY))
    folded = fold(waiting, [postpone(occurred=OLD + 1)], RULES, NOW).item
    assert folded.of("marketing") == known.of("marketing")._replace(command=None)
    assert folded.of("books") == PurposeState(attempt=4)


def test_an_event_that_loses_withdraws_nothing() -> None:
    known = claimed(schedule(occurred=OLD))
    folded = fold(known, [schedule(occurred=OLD - 1), schedule(occurred=OLD)], RULES, NOW)
    assert folded.item is known


def test_news_of_other_kinds_withdraws_nothing() -> None:
    known = claimed(schedule(occurred=OLD))
    folded = fold(known, [postpone("activity", occurred=OLD)], RULES, NOW).item
    assert folded.of("marketing").command is None
    assert folded.of("books").command == known.of("books").command


def test_news_never_withdraws_a_committed_command() -> None:
    known = committed(schedule(occurred=OLD))
    folded = fold(known, [postpone(occurred=NOW + 1)], policy(), NOW).item
    assert folded.of("marketing").command == known.of("marketing").command
    assert due_date(folded, MARKETING, policy()) == NEVER


def test_news_withdraws_the_command_of_a_purpose_that_is_gone() -> None:
    known = claimed(schedule(occurred=OLD))
    assert fold(known, [postpone("activity")], policy(), NOW).item.of("books").command is None


def test_what_is_late_is_told_with_every_copy_until_a_commit_spends_it() -> None:
    known = committed(schedule(occurred=OLD))
    command = known.of("marketing").command
    assert command
    late = postpone(occurred=OLD - 1)
    told = (Late("marketing", command.id, command.attempt, late),)
    folded = fold(known, [late], policy(), NOW)
    assert folded.late == told
    again = fold(folded.item, [late], policy(), NOW)
    assert again.item is folded.item
    assert again.late == told
    spent = committed(schedule(occurred=OLD), late)
    assert fold(spent, [late], policy(), NOW).late == ()


def test_a_late_statement_that_a_newer_one_replaced_is_not_told_again() -> None:
    known = committed(schedule(occurred=OLD))
    older, newer = postpone(occurred=OLD - 2), postpone(occurred=OLD - 1)
    folded = fold(known, [newer], policy(), NOW).item
    assert fold(folded, [older], policy(), NOW).late == ()


def test_news_from_after_the_commit_or_of_other_kinds_is_not_late() -> None:
    known = committed(schedule(occurred=OLD))
    assert fold(known, [schedule(occurred=NOW + 1)], policy(), NOW).late == ()
    assert len(fold(known, [schedule(occurred=NOW)], policy(), NOW).late) == 1
    done = Item(
        CUSTOMER, purposes={"books": PurposeState(3, last=Last("id", ("ledger",), {"ledger": "DONE"}, NOW, NOW))}
    )
    assert fold(done, [schedule("activity", occurred=OLD)], RULES, NOW).late == ()
    assert [late.command_id for late in fold(done, [schedule(occurred=OLD)], RULES, NOW).late] == ["id"]


def test_a_hold_is_lifted_by_the_record_of_its_name_and_by_nothing_else_history_10() -> None:
    known = hold(item(schedule(occurred=OLD)), POSITION, "undecodable", NOW)
    other = fold(known, [postpone(occurred=OLD, position="lapse.events-3-18")], RULES, NOW).item
    assert list(other.holds) == [POSITION]
    lifted = fold(other, [postpone(occurred=OLD + 1, position=POSITION)], RULES, NOW).item
    assert not lifted.holds
    assert due_date(lifted, MARKETING, RULES) == NEVER


def test_a_record_that_is_no_news_still_lifts_its_hold() -> None:
    known = hold(item(schedule(occurred=OLD)), POSITION, "undecodable", NOW)
    assert not fold(known, [schedule(occurred=OLD, position=POSITION)], RULES, NOW).item.holds


def test_a_discarded_record_is_skipped_and_never_holds_again_history_9() -> None:
    known = Item(CUSTOMER, discarded={POSITION: Discarded(NOW, "ann", "test data")})
    assert fold(known, [schedule(position=POSITION)], RULES, NOW).item is known
    assert hold(known, POSITION, "undecodable", NOW) is known


def test_a_person_hold_stands_whatever_is_folded() -> None:
    known = Item(CUSTOMER, holds={"person:1": Hold(NOW, "person", "ann", "court")})
    assert fold(known, [schedule()], RULES, NOW).item.holds == known.holds


def test_a_hold_keeps_the_time_it_was_set_first() -> None:
    known = hold(Item(CUSTOMER), POSITION, "undecodable", NOW)
    assert hold(known, POSITION, "unknown_schema", NOW + 1) is known


def test_one_product_too_many_is_refused_and_held() -> None:
    full = item(*(schedule(f"loan/{n}", OLD) for n in range(MAX_PRODUCTS)))
    extra, known = postpone("activity", OLD), postpone("loan/7", OLD)
    folded = fold(full, [extra, known], RULES, NOW)
    assert folded.refused == (extra,)
    assert folded.item.holds == {extra.position: Hold(NOW, TOO_MANY_PRODUCTS)}
    assert folded.item.products["loan/7"].postpone == known.register
    assert len(folded.item.products) == MAX_PRODUCTS


def test_one_hold_too_many_becomes_an_overflow_that_no_record_lifts() -> None:
    known = Item(CUSTOMER)
    for n in range(MAX_HOLDS + 3):
        known = hold(known, f"lapse.events-0-{n}", "undecodable", NOW + n)
    assert len(known.holds) == MAX_HOLDS + 1
    assert known.holds[OVERFLOW].since == NOW + MAX_HOLDS
    repaired = [schedule(position=f"lapse.events-0-{n}") for n in range(MAX_HOLDS + 3)]
    assert list(fold(known, repaired, RULES, NOW).item.holds) == [OVERFLOW]


GONE = NOW - RETENTION - 30 * DAY - 1


def spent(event: Event, *purposes: str, committed_at: int = GONE) -> Item:
    """The item of one statement that these purposes have used up by a commit, none in flight."""
    register = event.register._replace(spent=frozenset(purposes))
    last = Last("id", ("crm",), {"crm": "DONE"}, committed_at, committed_at)
    known = item(event._replace(register=register))
    return known._replace(purposes={purpose: PurposeState(1, last=last) for purpose in purposes})


def test_a_product_spent_everywhere_and_out_of_the_log_is_pruned() -> None:
    assert not prune(spent(schedule(), "marketing", "books"), RULES, NOW).products
    assert not prune(spent(schedule("activity"), "marketing"), RULES, NOW).products


def test_a_product_is_kept_while_anything_may_refer_to_it() -> None:
    done = spent(schedule(), "marketing", "books")
    keep = [
        spent(schedule(), "marketing", "books", committed_at=GONE + 1),
        spent(schedule(), "marketing"),
        item(schedule()),
        fold(done, [postpone()], RULES, NOW).item,
        done.having("marketing", claimed(schedule(occurred=OLD)).of("marketing")),
    ]
    for known in keep:
        assert prune(known, RULES, NOW) is known


def test_a_product_no_purpose_lists_is_kept() -> None:
    rules = policy(BOOKS)
    known = item(schedule("activity", occurred=0))
    assert prune(known, rules, NOW) is known


def test_an_old_statement_that_arrived_lately_is_not_pruned() -> None:
    # imported yesterday, so it stays in the log for a year: pruned now, a replay would make the customer due again
    ancient = NOW - RETENTION - 31 * DAY
    known = committed(schedule(occurred=ancient))
    command = known.of("marketing").command
    assert command
    done = Last(command.id, command.services, {"crm": "DONE", "newsletter": "DONE"}, NOW - HOUR, NOW)
    finished = known.having("marketing", PurposeState(command.attempt, last=done))
    pruned = prune(finished, policy(), NOW)
    replayed = fold(pruned, [schedule(occurred=ancient)], policy(), NOW).item
    assert due_date(replayed, MARKETING, policy()) is None
