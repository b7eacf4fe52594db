"""One customer judged: what is on record against what the facts give. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from consumers.audit.commits import Replay
from consumers.audit.evidence import Evidence, Scope
from consumers.audit.findings import Difference, difference
from consumers.audit.knowledge import Knowledge, known
from consumers.audit.outcomes import outcomes, records
from consumers.domain.policy import Purpose


class Judged(NamedTuple):
    """The differences of one customer, how many commits were looked at, and whether an unreadable event holds him."""

    differences: list[Difference]
    commits: int
    held: bool


def judge(evidence: Evidence, scope: Scope) -> Judged:
    """Compute the customer's due dates and commits again and compare; nothing is found twice under two codes.

    Only what was committed, answered or due from `scope.since` on is reported; what was before is taken into account.
    """
    history = known(evidence.customer_id, evidence.steps, scope.policy)
    found = list(records(evidence, scope))
    for purpose in scope.policy.purposes.values():
        found += _purpose(evidence, history, purpose, scope)
    found += _unlisted(evidence, scope)
    commits = sum(
        bool(case.sent) and at is not None and at >= scope.since
        for case in evidence.cases.values()
        for at in [case.committed_at]
    )
    return Judged(found, commits, bool(history.items[-1].holds) or evidence.waits)


def _purpose(evidence: Evidence, history: Knowledge, purpose: Purpose, scope: Scope) -> Iterator[Difference]:
    replay = Replay(evidence, history, purpose, scope)
    yield from replay.commits()
    unfinished: list[Difference] = []
    for command, seen in replay.seen.items():
        case = evidence.cases[purpose.name, command]
        if case.committed_at is not None and case.committed_at >= scope.since:
            unfinished += outcomes(
                case,
                case.committed_at,
                purpose.services,
                evidence,
                scope,
                active=evidence.waits or history.news_after(seen),
            )
    yield from unfinished
    if not unfinished:
        yield from replay.left()


def _unlisted(evidence: Evidence, scope: Scope) -> Iterator[Difference]:
    """Commands of a purpose the policy does not have."""
    for case in evidence.cases.values():
        if case.purpose not in scope.policy.purposes and any(sent.at >= scope.since for sent in case.sent):
            detail = "the policy has no such purpose"
            yield difference(
                "unknown_command",
                detail,
                customer=evidence.customer_id,
                purpose=case.purpose,
                command=case.command_id,
            )
