"""One batch inside one transaction: lock, read the ledger again, rewrite, verify, write the ledger."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from consumers.domain.work import Carried, LedgerRow, Task
from consumers.stores.sql.customers import Customers, converted
from consumers.stores.sql.dialect import Ledger, Rows, Work
from consumers.stores.sql.ledger import Entry


def carry_out(
    connection: Connection, work: Work, ledger: Ledger | None, customers: Customers, tasks: Sequence[Task]
) -> list[Carried]:
    """Anonymize what is still to be done, and say for each task what happened. The caller commits or rolls back."""
    locked = work.lock(connection, customers.ids)
    done = ledger.read(connection, [task.command_id for task in tasks]) if ledger else {}
    owners = _owners(customers, tasks, done)
    mine = [row for row in locked if row[0] in owners]
    rows = work.rewrite(connection, mine, {ordinal: task.committed_at for ordinal, task in owners.items()})
    found = _Found({row[0] for row in locked}, rows)
    answers = [_answer(task, customers, owners, done, found, flagged=work.flagged) for task in tasks]
    if ledger:
        _record(connection, ledger, tasks, answers, done)
    return answers


class _Found:
    def __init__(self, locked: set[int], rows: Rows) -> None:
        self.locked = locked
        self.rows = rows


def _owners(customers: Customers, tasks: Sequence[Task], done: Mapping[str, LedgerRow]) -> dict[int, Task]:
    """The task of each customer that was committed last and is not in the ledger: it gets the rows."""
    owners: dict[int, Task] = {}
    # of two that wait, the later one: what came between them is newer than the first
    for task in sorted(tasks, key=lambda each: each.committed_at, reverse=True):
        ordinal = customers.ordinal(task)
        if ordinal is not None and task.command_id not in done:
            owners.setdefault(ordinal, task)
    return owners


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
        late = flagged and ordinal in found.locked - found.rows.keys()
        return Carried("LATE" if late else "ALREADY_DONE", {})
    if ordinal in found.rows and owners[ordinal] is task:
        return Carried("DONE", found.rows[ordinal])
    return Carried("NOTHING_FOUND", {})


def _record(
    connection: Connection,
    ledger: Ledger,
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
