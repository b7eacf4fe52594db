"""What the anonymizer asks of a store, and what a store answers."""

from collections.abc import Mapping
from typing import NamedTuple


class Task(NamedTuple):
    """One committed command for one store. Times are microseconds since the epoch, UTC."""

    command_id: str
    customer_id: str
    purpose: str
    partition: int
    offset: int
    committed_at: int
    traceparent: str | None = None


class LedgerRow(NamedTuple):
    """Proof, in the database itself, that a command was carried out there."""

    command_id: str
    outcome: str
    rows: Mapping[str, int]


class Proof(NamedTuple):
    """A whole ledger row, for a person who asks what was done. Times are microseconds since the epoch, UTC."""

    command_id: str
    customer_id: str
    purpose: str
    outcome: str
    rows: Mapping[str, int]
    committed_at: int
    carried_at: int
    rules_digest: str
    traceparent: str | None


class Carried(NamedTuple):
    """What a store did for one task.

    `outcome` is DONE (rows changed), NOTHING_FOUND (no row of this customer that is not flagged already, or newer than
    the command where rules look at that), ALREADY_DONE
    (ledger row there before, nothing touched), LATE (ledger row there before, unflagged rows beside it, nothing
    touched), DEFERRED (locked until `deferred_until`) or FAILED (`error_code` says why; the customer's part was rolled
    back).
    """

    outcome: str
    rows: Mapping[str, int]
    error_code: str | None = None
    deferred_until: int | None = None


class Finding(NamedTuple):
    """Something that would fail or leak. `place` is a path such as tables.customers.mask.email.

    `ddl` is SQL that repairs it by adding what Lapse needs and can be run again; empty where a person has to choose.
    `shape` is a digest of what it is said about, by which a person may accept it; empty where nobody may.
    """

    code: str
    place: str
    message: str
    repair: str
    ddl: str = ""
    shape: str = ""
