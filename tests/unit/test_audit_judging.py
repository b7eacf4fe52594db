"""One customer judged by what is on record: where clocks, purposes and races leave room, and where they do not."""

from collections.abc import Sequence

import pytest

from consumers.audit.evidence import Answer, Case, Evidence, Held, Scope, Sent, Step
from consumers.audit.judging import judge
from consumers.domain.due import command_id
from consumers.domain.policy import Policy
from consumers.domain.registers import Event
from consumers.domain.work import Proof
from tests.support.build import CUSTOMER, DAY, HOUR, NOW, SECOND, item, policy, postpone, purpose, schedule

MARKETING = purpose("marketing", services=("crm",), products=frozenset({"loan", "activity"}))
BOOKS = purpose("books", services=("ledger",), products=frozenset({"loan"}))
RULES = policy(MARKETING, BOOKS)
LOAN = schedule("loan/1", NOW - 60 * DAY)
BARRIER, COMMIT = NOW, NOW + 10 * SECOND


def command(*events: Event, name: str = "marketing", rules: Policy = RULES) -> str:
    return command_id(item(*events), rules.purposes[name], rules)


def case(
    *events: Event, name: str = "marketing", outcome: str = "DONE", at: int = COMMIT, began: int = BARRIER
) -> Case:
    """A command these facts give, committed at `at` by the one service of its purpose."""
    answer = Answer(RULES.purposes[name].services[0], outcome, 1, at + SECOND, began, at)
    return Case(name, command(*events, name=name), [Sent(began - HOUR, 1)], [answer], {})


def codes(steps: Sequence[Step], *cases: Case, now: int = COMMIT + HOUR, waits: bool = False) -> list[str]:
    known = {(each.purpose, each.command_id): each for each in cases}
    evidence = Evidence(CUSTOMER, list(steps), known, [], set(), waits)
    return [each.code for each in judge(evidence, Scope(RULES, now, 0, 30 * HOUR)).differences]


def said(*events: Event, at: int = NOW - 50 * DAY) -> list[Step]:
    return [Step(at, event) for event in events]


BOTH = (case(LOAN), case(LOAN, name="books"))


def test_facts_of_two_purposes_are_committed_apart() -> None:
    assert codes(said(LOAN), *BOTH) == []
    activity = postpone("activity", NOW - DAY)
    steps = said(LOAN, activity)
    assert codes(steps, case(LOAN, name="books")) == []
    assert codes(steps, case(LOAN, activity), case(LOAN, name="books")) == ["early"]
    assert codes(steps, *BOTH) == ["ignored_event"]


@pytest.mark.parametrize(
    ("appended", "seen", "found"),
    [
        (BARRIER - 2 * SECOND, False, ["ignored_event"]),  # acknowledged before the barrier
        (BARRIER - 2 * SECOND, True, ["early"]),
        (BARRIER + 5 * SECOND, False, []),  # behind the barrier: seen or not, both may be
        (BARRIER + 5 * SECOND, True, ["early"]),
        (COMMIT, False, []),
        (COMMIT + HOUR, False, []),
        (COMMIT + HOUR, True, ["unknown_command"]),  # nobody could have known
    ],
)
def test_postpone_around_the_barrier(appended: int, seen: bool, found: list[str]) -> None:
    kept = postpone("loan/1", NOW - DAY)
    steps = [*said(LOAN), Step(appended, kept)]
    committed = case(LOAN, kept) if seen else case(LOAN)
    assert codes(steps, committed)[:1] == found


@pytest.mark.parametrize(
    ("appended", "found"), [(BARRIER - 2 * SECOND, "held"), (BARRIER + SECOND, ""), (COMMIT + HOUR, "")]
)
def test_unreadable_event_around_the_barrier(appended: int, found: str) -> None:
    steps = [*said(LOAN), Step(appended, Held("lapse.events-0-9", "undecodable"))]
    assert codes(steps, case(LOAN), case(LOAN, name="books"))[:1] == ([found] if found else [])


def test_hold_that_was_lifted_by_a_copy_before_the_commit_is_none() -> None:
    name = "lapse.events-0-9"
    copy = Step(BARRIER + SECOND, schedule("loan/1", NOW - 60 * DAY, position=name))
    steps = [*said(LOAN), Step(BARRIER - HOUR, Held(name, "unknown_schema")), copy]
    assert codes(steps, *BOTH) == []


def test_committer_that_left_no_answer_is_judged_by_when_the_command_was_sent() -> None:
    kept = postpone("loan/1", NOW - DAY)
    later = case(LOAN, began=COMMIT + SECOND)
    sent_before = later._replace(sent=[Sent(BARRIER - HOUR, 1)])
    assert codes([*said(LOAN), Step(BARRIER - 60 * SECOND, kept)], sent_before) == []
    assert codes([*said(LOAN), Step(BARRIER - 2 * HOUR, kept)], sent_before) == ["ignored_event"]


def test_commit_of_due_facts_spends_them_and_what_came_back_is_due_anew() -> None:
    second = schedule("loan/2", NOW + DAY)
    steps = [*said(LOAN), Step(NOW + DAY, second)]
    assert codes(steps, *BOTH, now=NOW + 20 * DAY) == []
    assert codes(steps, *BOTH, now=NOW + 40 * DAY) == ["overdue", "overdue"]
    again = tuple(case(LOAN, second, name=name, at=NOW + 33 * DAY, began=NOW + 33 * DAY) for name in RULES.purposes)
    assert codes(steps, *BOTH, *again, now=NOW + 40 * DAY) == []
    too_soon = tuple(case(LOAN, second, name=name, at=NOW + 20 * DAY, began=NOW + 20 * DAY) for name in RULES.purposes)
    assert codes(steps, *BOTH, *too_soon, now=NOW + 40 * DAY) == ["early", "early"]


def test_what_came_between_barrier_and_commit_is_not_spent() -> None:
    second = schedule("loan/2", NOW)
    steps = [*said(LOAN), Step(BARRIER + 5 * SECOND, second)]
    assert codes(steps, *BOTH) == []
    assert codes(steps, *BOTH, now=NOW + 40 * DAY) == ["overdue", "overdue"]


def test_commit_without_any_schedule_is_early() -> None:
    over = postpone("activity", NOW - 9 * DAY, NOW - DAY)
    assert codes(said(over), case(over)) == ["early"]


def test_grace_of_a_due_date_runs_from_when_the_last_hold_was_lifted() -> None:
    name = "lapse.events-0-9"
    copy = Step(NOW, schedule("loan/1", NOW - 60 * DAY, position=name))
    steps = [*said(LOAN), Step(NOW - 20 * DAY, Held(name, "unknown_schema")), copy]
    assert codes(steps, now=NOW + 29 * HOUR) == []
    assert codes(steps, now=NOW + 31 * HOUR) == ["overdue", "overdue"]


def test_grace_of_a_due_date_runs_from_when_the_facts_were_there() -> None:
    assert codes(said(LOAN, at=NOW), now=NOW + 29 * HOUR) == []
    assert codes(said(LOAN, at=NOW), now=NOW + 31 * HOUR) == ["overdue", "overdue"]
    assert codes(said(LOAN, at=NOW), now=NOW + 31 * HOUR, waits=True) == []


def test_refusal_explains_for_as_long_as_the_next_try_may_take() -> None:
    refused = case(LOAN, outcome="REFUSED")
    refused.answers[0] = refused.answers[0]._replace(committed_at=None)
    steps, books = said(LOAN), case(LOAN, name="books")
    assert codes(steps, refused, books, now=NOW + 54 * HOUR) == []
    assert codes(steps, refused, books, now=NOW + 56 * HOUR) == ["overdue"]


def test_row_of_a_service_that_was_late_has_a_grace_of_its_own_for_the_answer() -> None:
    now = COMMIT + 60 * HOUR
    silent = Case("marketing", command(LOAN), [Sent(BARRIER, 1)], [], {})
    silent.rows["crm"] = Proof(
        silent.command_id,
        CUSTOMER,
        "marketing",
        "DONE",
        {},
        COMMIT,
        carried_at=now - HOUR,
        rules_digest="",
        traceparent=None,
    )
    books = case(LOAN, name="books")
    known = {(each.purpose, each.command_id): each for each in (silent, books)}
    evidence = Evidence(CUSTOMER, said(LOAN), known, [], set())
    scope = Scope(RULES, now, 0, 30 * HOUR, ledgers=frozenset({"crm"}))
    assert judge(evidence, scope).differences == []
    [found] = judge(evidence, scope._replace(now=now + 30 * HOUR)).differences
    assert (found.code, found.service) == ("unanswered_row", "crm")


def test_second_life_waits_for_the_end_of_the_first() -> None:
    second = schedule("loan/1", NOW + DAY)
    unfinished = case(LOAN)
    unfinished.answers[0] = unfinished.answers[0]._replace(service="another")
    steps = [*said(LOAN), Step(NOW + DAY, second)]
    books = (case(LOAN, name="books"), case(LOAN, second, name="books", at=NOW + 35 * DAY, began=NOW + 35 * DAY))
    assert codes(steps, unfinished, *books, now=NOW + 40 * DAY) == ["missing_service"]


def test_what_answers_to_commands_that_left_the_topic_is_not_foreign() -> None:
    row = Proof("x", CUSTOMER, "marketing", "DONE", {}, NOW, NOW + HOUR, "", None)
    answer = Answer("crm", "DONE", NOW // SECOND, NOW + HOUR)
    told = Case("marketing", "y", [], [answer], {})
    evidence = Evidence(CUSTOMER, [], {("marketing", "y"): told}, [("crm", row)], set())
    scope = Scope(RULES, NOW + DAY, NOW, HOUR)
    assert [each.code for each in judge(evidence, scope).differences] == ["foreign_row", "unknown_result"]
    assert judge(evidence, scope._replace(commands_since=NOW + 1)).differences == []


UNREADABLE = Held("lapse.events-0-9", "undecodable")


@pytest.mark.parametrize(
    ("since", "waits", "found"),
    [
        ([], False, ["restored_row"]),
        ([LOAN], False, ["restored_row"]),  # a copy is no news
        ([schedule("loan/1", NOW - 70 * DAY)], False, []),  # late and superseded, but somebody spoke of him
        ([postpone("card/9", NOW)], False, []),  # of a kind the purpose does not list
        ([UNREADABLE], False, []),
        ([], True, []),
    ],
)
def test_rows_beside_a_ledger_row_are_explained_by_news_only(
    since: list[Event | Held], waits: bool, found: list[str]
) -> None:
    done, books = case(LOAN), case(LOAN, name="books")
    done.rows["crm"] = Proof(done.command_id, CUSTOMER, "marketing", "DONE", {}, COMMIT, COMMIT, "", None)
    steps = [*said(LOAN), *(Step(COMMIT + HOUR, each) for each in since)]
    known = {(each.purpose, each.command_id): each for each in (done, books)}
    evidence = Evidence(CUSTOMER, steps, known, [], {"crm"}, waits)
    scope = Scope(RULES, COMMIT + DAY, 0, 30 * HOUR, ledgers=frozenset({"crm"}))
    assert [each.code for each in judge(evidence, scope).differences] == found
