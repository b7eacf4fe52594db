"""One batch inside one transaction: lock, read the ledger again, rewrite, verify, write the ledger."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from consumers.domain.work import Carried, LedgerRow, Task
from consumers.stores.sql.customers import Customers, converted
from consumers.stores.sql.failures import DataFailure
from consumers.stores.sql.ledger import Entry, SqlLedger
from consumers.stores.sql.names import array, integers
from consumers.stores.sql.plan import Plan
from consumers.stores.sql.verification import KEY, NOT_VERIFIED, violated

Rows = dict[int, dict[str, int]]  # by ordinal of the customer: rows per table


def carry_out(
    connection: Connection, plan: Plan, ledger: SqlLedger | None, customers: Customers, tasks: Sequence[Task]
) -> list[Carried]:
    """Anonymize what is still to be done, and say for each task what happened. The caller commits or rolls back."""
    locked = connection.execute(plan.lock_root, {"customers": array(customers.ids)}).all()
    done = ledger.read(connection, [task.command_id for task in tasks]) if ledger else {}
    owners = _owners(customers, tasks, done)
    mine = [row for row in locked if row[0] in owners]
    rows = _rewrite(connection, plan, _arrays(plan, mine)) if mine else {}
    found = _Found({row[0] for row in locked}, {row[0] for row in mine}, rows)
    answers = [_answer(task, customers, owners, done, found, flagged=plan.unflagged is not None) for task in tasks]
    if ledger:
        _record(connection, ledger, tasks, answers, done)
    return answers


class _Found:
    def __init__(self, locked: set[int], rewritten: set[int], rows: Rows) -> None:
        self.locked = locked
        self.rewritten = rewritten
        self.rows = rows


def _owners(customers: Customers, tasks: Sequence[Task], done: Mapping[str, LedgerRow]) -> dict[int, Task]:
    """The first task of each customer that is not in the ledger: it gets the rows."""
    owners: dict[int, Task] = {}
    for task in tasks:
        ordinal = customers.ordinal(task)
        if ordinal is not None and task.command_id not in done:
            owners.setdefault(ordinal, task)
    return owners


def _arrays(plan: Plan, rows: Sequence[Any]) -> dict[str, str]:
    ordinals, *keys = zip(*rows, strict=True)
    return {"ord": integers(ordinals)} | {f"k{n}": array(keys[n]) for n in range(plan.key_size)}


def _rewrite(connection: Connection, plan: Plan, arrays: Mapping[str, Any]) -> Rows:
    for lock in plan.lock_children:
        connection.execute(lock, arrays)
    connection.exec_driver_sql("; ".join(each.create for each in plan.verifications.values()))
    rows: Rows = {}
    key = secrets.randbits(63)
    for table, change in plan.rewrites:
        keyed = {**arrays, KEY: key} if table in plan.verifications else arrays
        for ordinal, count in connection.execute(change, keyed):
            rows.setdefault(ordinal, {})[table] = count
        if table in plan.left and connection.execute(plan.left[table], arrays).scalar_one():
            raise _not_verified(f"{table}.rows")
    place = violated(connection, plan.verifications, key)
    if place is not None:
        raise _not_verified(place)
    return rows


def _not_verified(place: str) -> DataFailure:
    return DataFailure("what was changed is not as the rules say", code=f"{NOT_VERIFIED}:{place}")


def _answer(
    task: Task,
    customers: Customers,
    owners: Mapping[int, Task],
    done: Mapping[str, LedgerRow],
    found: _Found,
    *,
    flagged: bool,
) -> Carried:
    ordinal = customers.ordinal(task)
    if task.command_id in done:
        late = flagged and ordinal in found.locked - found.rewritten
        return Carried("LATE" if late else "ALREADY_DONE", {})
    if ordinal in found.rewritten and owners[ordinal] is task:
        return Carried("DONE", found.rows.get(ordinal, {}))
    return Carried("NOTHING_FOUND", {})


def _record(
    connection: Connection,
    ledger: SqlLedger,
    tasks: Sequence[Task],
    answers: Sequence[Carried],
    done: Mapping[str, LedgerRow],
) -> None:
    entries: dict[str, Entry] = {}
    for task, answer in zip(tasks, answers, strict=True):
        if task.command_id not in done and converted(task.customer_id, "text") is not None:
            entries.setdefault(task.command_id, Entry(task, answer.outcome, answer.rows))
    if entries:
        ledger.write(connection, list(entries.values()))
