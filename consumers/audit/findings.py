"""What an audit can find, by code, and what a person does about it."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from consumers.domain.retention import moment

CUSTOMER: Final = "look at `lapse customer ID`"
REPAIRS: Final[Mapping[str, str]] = {
    # a commit that should not have been
    "early": f"{CUSTOMER}; find out by which policy and clock it was committed, stop with `lapse stop` until you know",
    "ignored_event": "a barrier was open too early: stop with `lapse stop`, then ask who wrote the commit",
    "held": "a commit passed a hold: stop with `lapse stop`, then ask who wrote the commit",
    "unknown_customer": "no event asks for it: restore the customer's rows, and find out who wrote the command",
    "unknown_command": "no facts give this command: find out who may write to the commands topic",
    "second_command": "the same facts give one command: find out who wrote the other one",
    "unknown_result": "find out who may write to the results topic; nothing believes this answer",
    # a commit that is not finished
    "missing_service": "see what its anonymizer waits for (`lapse status`); a service just added answers once it runs",
    "partial": "repair what failed, then `lapse dlq redrive`, or `lapse dlq discard` to do without",
    "superseded": f"{CUSTOMER}; answers that carry nothing out complete nothing",
    "overdue": f"{CUSTOMER}: a hold, a guard, a stop or a cap may keep him; `lapse status` names who is waited for",
    # a database that says otherwise
    "ledger_row_missing": "restored from a backup? `lapse offsets reset --group anonymizer.NAME --to-backup --execute`",
    "foreign_row": "a ledger row no command asked for: find out who wrote it, and what it did to the customer's rows",
    "misfit_row": "a ledger row was changed: find out by whom; the trail has what was done",
    "unanswered_row": "start the service's anonymizer: it answers for what its ledger has",
    "restored_row": "rows came back without an event: anonymize them again, or publish what made the customer active",
    # what was not checked
    "misplaced": "its producer must use the partitioner murmur2_random; see the README",
    "cannot_tell": "ask from a later time on, or keep the topics longer",
    "not_checked": "start it, or correct its rules file; then run the audit again",
}


def time_of(at: int) -> str:
    """A time for a person, also one that somebody invented."""
    try:
        return moment(at).isoformat()
    except OverflowError:
        return f"{at} microseconds"


class Difference(NamedTuple):
    """Something on record that the facts do not give, or the other way round. It holds ids and codes, no values."""

    code: str
    customer_id: str | None
    purpose: str | None
    service: str | None
    command_id: str | None
    detail: str
    repair: str


def difference(
    code: str,
    detail: str,
    *,
    customer: str | None = None,
    purpose: str | None = None,
    service: str | None = None,
    command: str | None = None,
) -> Difference:
    """A difference with the repair of its code."""
    return Difference(code, customer, purpose, service, command, detail, REPAIRS[code])
