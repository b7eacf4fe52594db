"""What each service made of a committed command: its answers on the trail against its own database."""

from collections.abc import Iterator, Sequence
from functools import partial

from consumers.audit.evidence import CARRIED, TOLERANCE, Answer, Case, Evidence, Scope
from consumers.audit.findings import Difference, difference, time_of
from consumers.domain.item import GIVEN_UP
from consumers.domain.work import Proof


def outcomes(
    case: Case, committed_at: int, services: Sequence[str], evidence: Evidence, scope: Scope, *, active: bool
) -> Iterator[Difference]:
    """What is wrong with a committed command, service by service. `active`: something was said of him since."""
    for service in services:
        found = _row(case, service, evidence, scope, active=active) if service in scope.ledgers else None
        found = found or _answered(case, service, committed_at, scope, active=active)
        if found:
            code, detail = found
            yield difference(
                code,
                detail,
                customer=evidence.customer_id,
                purpose=case.purpose,
                service=service,
                command=case.command_id,
            )


def _row(case: Case, service: str, evidence: Evidence, scope: Scope, *, active: bool) -> tuple[str, str] | None:
    row, answers = case.rows.get(service), case.answers_of(service)
    if row is None:
        return _without_row(answers, scope, active=active)
    if misfits := _misfits(row, case, evidence):
        return "misfit_row", f"the ledger row has another {', '.join(misfits)}"
    if service in evidence.unflagged and not active:
        return "restored_row", f"rows not anonymized beside the ledger's {row.outcome}; nothing was said since"
    if not answers and scope.now - row.carried_at > scope.grace:
        return "unanswered_row", f"carried out {time_of(row.carried_at)} by its ledger, no answer on the trail"
    return None


def _without_row(answers: Sequence[Answer], scope: Scope, *, active: bool) -> tuple[str, str] | None:
    carried = [each for each in answers if each.outcome in CARRIED and each.finished_at < scope.now - TOLERANCE]
    if not carried or _left_alone(answers[-1].outcome, answers, scope, active=active):
        return None
    return "ledger_row_missing", f"{carried[-1].outcome} at {time_of(carried[-1].finished_at)}, but no ledger row"


def _left_alone(last: str, answers: Sequence[Answer], scope: Scope, *, active: bool) -> bool:
    """Whether a database that lost the row in a restore may go without: asked again, it answered so."""
    if last == "DEFERRED" and _waits(answers, scope):
        return True
    # one who came back since is left alone, and a later command does away with what was deferred
    return active and last in {"DEFERRED", "SUPERSEDED"}


def _misfits(row: Proof, case: Case, evidence: Evidence) -> list[str]:
    told = {answer.committed_at for answer in case.answers} - {None}
    expected = told or {case.committed_at}
    fits = {
        "customer": row.customer_id == evidence.customer_id,
        "purpose": row.purpose == case.purpose,
        "committed_at": row.committed_at in expected,
    }
    return [name for name, fit in fits.items() if not fit]


def _answered(case: Case, service: str, committed_at: int, scope: Scope, *, active: bool) -> tuple[str, str] | None:
    answers = case.answers_of(service)
    said = {answer.outcome for answer in answers}
    # in dry run when it read the command, so it is none of its services
    if service in case.rows or said & (CARRIED | {"ABANDONED", "DRY_RUN"}) or _waits(answers, scope):
        return None
    given_up = [answer for answer in answers if answer.outcome in GIVEN_UP]
    since = given_up[-1].finished_at if given_up else committed_at
    if scope.now - since <= scope.grace:
        return None
    if given_up:
        return "partial", f"{given_up[-1].outcome} since {time_of(since)}"
    if any(answer.outcome == "SUPERSEDED" and answer.finished_at > committed_at for answer in answers):
        # not one of its services, and left alone since the customer came back
        return None if active else ("superseded", f"committed {time_of(committed_at)}, answered SUPERSEDED only")
    return "missing_service", f"committed {time_of(committed_at)}, no outcome"


def _waits(answers: Sequence[Answer], scope: Scope) -> bool:
    """Whether the service has deferred it to a date that is not over."""
    return any(
        answer.outcome == "DEFERRED" and (answer.deferred_until or 0) + scope.grace >= scope.now for answer in answers
    )


def records(evidence: Evidence, scope: Scope) -> Iterator[Difference]:
    """Ledger rows and answers of commands that are on no record."""
    say = partial(difference, customer=evidence.customer_id)
    for service, row in evidence.foreign:
        if row.carried_at >= scope.since and row.committed_at >= scope.commands_since:
            detail = f"carried out {time_of(row.carried_at)} by the ledger alone"
            yield say("foreign_row", detail, purpose=row.purpose, service=service, command=row.command_id)
    for case in evidence.cases.values():
        news = [each for each in case.answers if each.finished_at >= scope.since and _sent_on_record(each, scope)]
        if news and not case.sent:
            detail = f"{news[0].outcome} at {time_of(news[0].finished_at)}, but no such command"
            yield say("unknown_result", detail, purpose=case.purpose, service=news[0].service, command=case.command_id)


def _sent_on_record(answer: Answer, scope: Scope) -> bool:
    # attempts carry the time of the claim in seconds
    return answer.attempt * 1_000_000 >= scope.commands_since
