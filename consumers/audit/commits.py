"""The commits of one customer and purpose, computed again: which facts, which date, and what is due since."""

from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from typing import NamedTuple

from consumers.audit.evidence import TOLERANCE, Case, Evidence, Scope
from consumers.audit.findings import Difference, difference, time_of
from consumers.audit.knowledge import Knowledge, Span
from consumers.domain.due import NEVER, due_date
from consumers.domain.item import Item
from consumers.domain.policy import Purpose
from consumers.domain.registers import Product, merge_products, spend
from consumers.domain.resetting import HOUR
from consumers.domain.ticks import DAY


class Cut(NamedTuple):
    """How many steps a commit had seen. `must` were acknowledged before its barrier; `may`: before it was written."""

    must: int
    may: int


class Replay:
    """Commits in the order they were made, each spending what it had seen."""

    def __init__(self, evidence: Evidence, known: Knowledge, purpose: Purpose, scope: Scope) -> None:
        self._known, self._purpose, self._scope = known, purpose, scope
        self._evidence = evidence
        self._spent: Mapping[str, Product] = {}
        self._committed_at = 0
        cases = [case for case in evidence.cases.values() if case.purpose == purpose.name and case.sent]
        self._done = sorted((at, case.command_id) for case in cases if (at := case.committed_at) is not None)
        self._cases = {case.command_id: case for case in cases}
        self.seen: dict[str, int] = {}
        """By command id: how many steps its commit had seen."""

    def commits(self) -> Iterator[Difference]:
        """What is wrong with each command on record."""
        for at, command in self._done:
            found = self._commit(self._cases[command], at)
            yield from (each for each in found if at >= self._scope.since)
        for case in self._cases.values():
            first = min(sent.at for sent in case.sent)
            if case.committed_at is None and case.command_id not in self._spans and first >= self._scope.since:
                yield from self._never_given(case, first) if self._scope.whole else ()

    def left(self) -> Iterator[Difference]:
        """What is due for longer than the grace and has no commit; after `commits`."""
        item = self._having_spent(len(self._known.steps))
        date = due_date(item, self._purpose, self._scope.policy)
        until = min(self._scope.now, self._scope.halted_since or self._scope.now)
        if date is None or date >= until - self._scope.grace or self._evidence.waits or self._refused(until):
            return
        since = max(date, self._facts_since(), self._known.free_since(), self._committed_at)
        if until - since <= self._scope.grace or since < self._scope.since:
            return
        if not self._scope.whole and not self._spans.keys() & self._cases.keys():
            yield self._difference("cannot_tell", "")
        else:
            yield self._overdue(since)

    @cached_property
    def _spans(self) -> Mapping[str, Span]:
        # most customers have no command and are not due: nobody asks
        return self._known.spans(self._purpose, self._scope.policy)

    def _commit(self, case: Case, at: int) -> list[Difference]:
        cut = Cut(self._known.before(_barrier(case, at) - TOLERANCE), self._known.before(at + TOLERANCE + 1))
        first, last = self._spans.get(case.command_id, (cut.may + 1, 0))
        given = first <= cut.may
        found = list(self._judged(case, at, cut, first, last) if given else self._never_given(case, at))
        seen = min(max(first, cut.must), last) if given else cut.may
        self._spend(case, at, seen)
        return found

    def _judged(self, case: Case, at: int, cut: Cut, first: int, last: int) -> Iterator[Difference]:
        if cut.must > last:
            ignored = self._known.steps[last]
            detail = f"an event appended {time_of(ignored.at)} is not among its facts; committed {time_of(at)}"
            yield self._difference("ignored_event", detail, case)
            return
        seen = [self._having_spent(k) for k in range(max(first, cut.must), min(last, cut.may) + 1)]
        free = [item for item in seen if not item.holds]
        if not free:
            yield self._difference("held", f"{len(seen[0].holds)} unreadable events; committed {time_of(at)}", case)
            return
        date = due_date(free[0], self._purpose, self._scope.policy)
        if date is None or date > at:
            yield self._difference("early", f"committed {time_of(at)}, due {_date(date)}", case)

    def _never_given(self, case: Case, at: int) -> Iterator[Difference]:
        say = partial(self._difference, case=case)
        if not self._scope.whole:
            yield say("cannot_tell", "")
        elif not self._known.told and case.committed_at is not None:
            yield say("unknown_customer", f"committed {time_of(at)}; the customer is in no event")
        elif self._given(self._known.before(at + TOLERANCE + 1)) in self._cases:
            yield say("second_command", "another command on record is the one these facts give")
        else:
            yield say("unknown_command", "the facts never gave this command id")

    def _spend(self, case: Case, at: int, seen: int) -> None:
        used = {
            name: spend(product, self._purpose.name)
            for name, product in self._known.items[seen].products.items()
            if self._scope.policy.lists(self._purpose, name)
        }
        self._spent = merge_products(self._spent, used)
        self._committed_at = max(at, self._committed_at)
        self.seen[case.command_id] = seen

    def _having_spent(self, k: int) -> Item:
        """The customer after k steps, with what earlier commits have spent: marks unite, as in any two copies."""
        item = self._known.items[k]
        marks = {name: product for name, product in self._spent.items() if name in item.products}
        return item._replace(products=merge_products(item.products, marks)) if marks else item

    def _given(self, k: int) -> str | None:
        """The command the facts give after k steps."""
        return next((name for name, (first, last) in self._spans.items() if first <= k <= last), None)

    def _facts_since(self) -> int:
        first = next((first for first, last in self._spans.values() if last == len(self._known.steps)), 0)
        return self._known.steps[first - 1].at if first else 0

    def _refused(self, until: int) -> bool:
        """Whether a guard's objection is young enough to be the reason; it is asked again after the policy's delay."""
        retry = self._scope.policy.retry
        oldest = until - self._scope.grace - (DAY + HOUR if retry is None else retry)
        return any(
            answer.outcome == "REFUSED" and answer.finished_at >= oldest
            for case in self._cases.values()
            for answer in case.answers
        )

    def _overdue(self, since: int) -> Difference:
        case = self._cases.get(self._given(len(self._known.steps)) or "")
        if case and case.answers and {answer.outcome for answer in case.answers} == {"SUPERSEDED"}:
            return self._difference("superseded", f"due since {time_of(since)}; every answer is SUPERSEDED", case)
        return self._difference("overdue", f"due since {time_of(since)}, not committed", case)

    def _difference(self, code: str, detail: str, case: Case | None = None) -> Difference:
        return difference(
            code,
            detail,
            customer=self._evidence.customer_id,
            purpose=self._purpose.name,
            command=case and case.command_id,
        )


def _barrier(case: Case, at: int) -> int:
    """Not later than the barrier of whoever committed: when the earliest answer to it began, else when it was sent."""
    began = [
        answer.started_at
        for answer in case.answers
        if answer.started_at is not None and answer.started_at <= at and answer.committed_at == at
    ]
    return min(began or [sent.at for sent in case.sent])


def _date(date: int | None) -> str:
    if date is None:
        return "never: no schedule counts"
    return "never: a postpone without an end" if date == NEVER else time_of(date)
