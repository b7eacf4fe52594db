"""Due dates: against a slow oracle written from the design's text, and each rule by name."""

import pytest
from hypothesis import example, given, settings

from consumers.domain.due import NEVER, command_id, due_date, facts, is_due
from consumers.domain.folding import hold
from consumers.domain.item import Item
from consumers.domain.policy import Policy, Purpose
from consumers.domain.registers import Event, spend
from consumers.domain.retention import Retention, moment
from tests.support import oracle
from tests.support.build import DAY, HOUR, NOW, at, item, policy, postpone, purpose, schedule
from tests.support.histories import POLICY, PURPOSES, histories, lived
from tests.support.oracle import Commit, Step

MARKETING = purpose()
RULES = policy()


def dated(found: int | None) -> oracle.Due:
    if found is None:
        return "none"
    return "never" if found == NEVER else moment(found)


def due(known: Item, one: Purpose = MARKETING, rules: Policy = RULES) -> int | None:
    return due_date(known, one, rules)


@settings(max_examples=300)
@given(histories())
@example([schedule(occurred=1), postpone(occurred=2, until=5), Commit("marketing"), schedule(occurred=2, starts=3)])
@example([schedule(occurred=2), Commit("marketing"), postpone(occurred=1, until=NOW)])
@example([postpone(occurred=2), Commit("bookkeeping"), schedule(occurred=2, starts=at("2024-02-29"))])
def test_due_date_equals_the_oracle(history: list[Step]) -> None:
    known = lived(history)
    for one in PURPOSES:
        assert dated(due_date(known, one, POLICY)) == oracle.due(history, one, POLICY), one.name


@given(histories(max_size=5))
def test_a_hold_means_never_whatever_is_known(history: list[Step]) -> None:
    known = hold(lived(history), "lapse.events-1-5", "undecodable", NOW)
    assert {due_date(known, one, POLICY) for one in PURPOSES} == {NEVER}
    assert oracle.due(history, PURPOSES[0], POLICY, held=True) == "never"


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], "none"),
        ([schedule(starts=at("2026-05-01"))], at("2026-05-31")),
        ([schedule(starts=at("2026-05-01T00:00:00.000001"))], at("2026-06-01")),
        # not_before lengthens, and only that
        ([schedule(starts=at("2026-05-01"), not_before=at("2026-07-01T09:00"))], at("2026-07-02")),
        ([schedule(starts=at("2026-05-01"), not_before=at("2026-05-30"))], at("2026-05-31")),
        # the newest of one product wins, also when it is earlier
        (
            [schedule(occurred=1, starts=at("2026-05-01")), schedule(occurred=2, starts=at("2025-05-02"))],
            at("2025-06-01"),
        ),
        ([postpone(occurred=1), schedule(occurred=2, starts=at("2026-05-01"))], at("2026-05-31")),
        ([schedule(occurred=1, starts=at("2026-05-01")), postpone(occurred=2)], NEVER),
        ([schedule(occurred=1, starts=at("2026-05-01")), postpone(occurred=1)], NEVER),
        (
            [schedule(occurred=1, starts=at("2026-05-01")), postpone(occurred=2, until=at("2026-08-01"))],
            at("2026-08-01"),
        ),
        (
            [schedule(occurred=1, starts=at("2026-05-01")), postpone(occurred=2, until=at("2026-05-02"))],
            at("2026-05-31"),
        ),
        (
            [schedule(occurred=3, starts=at("2026-05-01")), postpone(occurred=2, until=at("2027-05-02"))],
            at("2026-05-31"),
        ),
        # a postpone alone is no reason to erase
        ([postpone(until=at("2026-05-01"))], "none"),
        ([postpone()], NEVER),
        # of several products the latest, and never beats all
        ([schedule(starts=at("2026-05-01")), schedule("activity", starts=at("2026-05-09"))], at("2026-06-08")),
        ([schedule(starts=at("2026-05-01")), postpone("loan/2", until=at("2027-01-01"))], at("2027-01-01")),
        ([schedule(starts=at("2026-05-01")), postpone("loan/2")], NEVER),
        # a legal hold, released
        ([schedule(starts=at("2026-05-01")), postpone("legal-hold/7", 1)], NEVER),
        (
            [schedule(starts=at("2026-05-01")), postpone("legal-hold/7", 1), postpone("legal-hold/7", 2, 2)],
            at("2026-05-31"),
        ),
    ],
)
def test_due_date_follows_each_rule(events: list[Event], expected: int | str) -> None:
    found = due(item(*events))
    assert ("none" if found is None else found) == expected
    assert dated(found) == oracle.due(events, MARKETING, RULES)


def test_only_listed_kinds_legal_holds_and_always_matter() -> None:
    books = purpose("books", products=frozenset({"loan"}))
    rules = policy(books, always=frozenset({"dispute"}))
    base = schedule(starts=at("2026-05-01"))
    assert due(item(base, postpone("activity")), books, rules) == at("2026-05-31")
    for product in ("dispute/1", "legal-hold/1", "loan/2"):
        assert due(item(base, postpone(product)), books, rules) == NEVER
    assert due(item(base, postpone("dispute/1")), books, policy(books)) == at("2026-05-31")
    nothing = purpose("books", products=frozenset())
    assert due(item(base), nothing, policy(nothing)) is None


def test_a_late_second_schedule_makes_due_again_history_5() -> None:
    known = item(schedule(occurred=1), postpone(occurred=2, until=5))
    committed = known._replace(products={name: spend(one, "marketing") for name, one in known.products.items()})
    assert due(committed) is None
    late = item(schedule(occurred=2)).products["loan/1"].schedule
    again = committed._replace(products={"loan/1": committed.products["loan/1"]._replace(schedule=late)})
    assert due(again) == 31 * DAY


def test_a_late_postpone_from_before_the_commit_stands_history_14() -> None:
    before: list[Step] = [schedule(occurred=HOUR), Commit("marketing")]
    assert due_date(lived(before), PURPOSES[0], POLICY) is None
    assert due_date(lived([*before, postpone("loan/2", occurred=1)]), PURPOSES[0], POLICY) == NEVER
    # older than the schedule that was committed: it asks for nothing, but the product counts again
    assert due_date(lived([*before, postpone(occurred=1)]), PURPOSES[0], POLICY) == 31 * DAY


def test_due_is_reached_at_the_date_and_not_before() -> None:
    known = item(schedule(starts=at("2026-05-01")))
    assert is_due(known, MARKETING, RULES, at("2026-05-31"))
    assert not is_due(known, MARKETING, RULES, at("2026-05-31") - 1)
    assert not is_due(item(postpone()), MARKETING, RULES, NEVER - 1)
    assert not is_due(item(), MARKETING, RULES, NEVER)


def test_an_end_at_the_end_of_the_calendar_is_not_never() -> None:
    last = at("9999-12-31T23:59:59.999999")
    assert due(item(schedule(starts=last))) != NEVER
    assert due(item(schedule(), postpone(occurred=1, until=last))) == last
    assert due(item(schedule(not_before=last))) == last


def test_each_purpose_counts_in_its_own_calendar() -> None:
    books = purpose("books", retention=Retention(days=1, timezone="Europe/Stockholm"))
    known = item(schedule(starts=at("2026-05-01T22:00+00:00")))
    assert due(known, books, policy(books)) == at("2026-05-02T22:00+00:00")
    utc = purpose("books", retention=Retention(days=1))
    assert due(known, utc, policy(utc)) == at("2026-05-03")


def test_command_id_is_the_same_for_the_same_facts_history_13() -> None:
    one, other = schedule(occurred=1), postpone("activity", occurred=2, until=3)
    known = item(one, other)
    spent = known._replace(products={name: spend(each, "marketing") for name, each in known.products.items()})
    assert command_id(item(other, one), MARKETING, RULES) == command_id(known, MARKETING, RULES)
    assert command_id(spent, MARKETING, RULES) == command_id(known, MARKETING, RULES)


def test_command_id_differs_for_new_facts_other_customers_and_purposes() -> None:
    books = purpose("books", products=frozenset({"loan"}))
    rules = policy(MARKETING, books)
    base = schedule()
    ids = [
        command_id(item(base), MARKETING, rules),
        command_id(item(base), books, rules),
        command_id(item(base, customer="c-2"), MARKETING, rules),
        command_id(item(base, postpone(occurred=-1, until=0)), MARKETING, rules),
        command_id(item(schedule(occurred=1)), MARKETING, rules),
        command_id(item(), MARKETING, rules),
    ]
    assert len(set(ids)) == len(ids)
    assert command_id(item(base, postpone("activity")), books, rules) == ids[1]


def test_command_id_differs_when_an_event_id_is_used_for_two_statements() -> None:
    event_id = "00000000-0000-4000-8000-000000000001"
    one, other = (item(schedule(occurred=n, event_id=event_id)) for n in (1, 2))
    assert command_id(one, MARKETING, RULES) != command_id(other, MARKETING, RULES)


def test_facts_are_all_registers_of_the_listed_kinds() -> None:
    books = purpose("books", products=frozenset({"loan"}))
    events = [schedule(), postpone(occurred=1), schedule("loan/2", 7), postpone("activity")]
    assert facts(item(*events), books, policy(books)) == {one.register[:3] for one in events[:3]}
