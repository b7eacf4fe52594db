"""The demo's books: what the databases say after the tick, against what the events say."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from consumers.demo.databases import TABLES, Row, Snapshot
from consumers.demo.story import Customer, Fate
from consumers.stores import Rules

OWNER = "owner"


class Line(NamedTuple):
    """One service's result as read back from its database: customers anonymized, and those left by why they were."""

    service: str
    customers: int
    anonymized: int
    left: Counter[Fate]
    ledger: int


def differences(before: Snapshot, after: Snapshot, rules: dict[str, Rules], expected: Collection[str]) -> Iterator[str]:
    """What is not as the events say; empty when all is right. Names services, tables and numbers of rows, no person."""
    for (service, table), rows in before.items():
        described = rules[service].tables[table]
        there = after[service, table]
        wrong = {"changed though not due": 0, "not deleted": 0, "not masked": 0, "gone": 0}
        for key, row in rows.items():
            now = there.get(key)
            if row["owner"] not in expected:
                wrong["changed though not due"] += now != row
            elif described.deletes:
                wrong["not deleted"] += now is not None
            elif now is None:
                wrong["gone"] += 1
            else:
                wrong["not masked"] += not _masked(row, now, described.mask, described.flag)
        yield from (f"{service}.{table}: {count} rows {what}" for what, count in wrong.items() if count)
        if extra := there.keys() - rows.keys():
            yield f"{service}.{table}: {len(extra)} rows that were not there before"


def _masked(before: Row, after: Row, masked: Collection[str], flag: str | None) -> bool:
    """Every masked cell changed (or was empty, or met its rule before), every other one kept, the flag set."""
    if flag and not after[flag]:
        return False
    return all(_cell_is_right(before, after, column, masked, flag) for column in before)


def _cell_is_right(before: Row, after: Row, column: str, masked: Collection[str], flag: str | None) -> bool:
    if column in masked:
        first_of_year = str(before[column]).endswith("-01-01")
        return after[column] != before[column] or before[column] is None or first_of_year
    return column in {flag, "anonymization_token"} or after[column] == before[column]


def lines(after: Snapshot, ledgers: dict[str, dict[str, str]], customers: Iterable[Customer]) -> list[Line]:
    """Per service, what its database says now."""
    fates = {customer.customer_id: customer.fate for customer in customers}
    found = []
    for service, tables in TABLES.items():
        rows = after[service, tables[0].table].values()
        left = Counter(fates[row["owner"]] for row in rows if not row["anonymized"])
        found.append(Line(service, len(rows), len(rows) - left.total(), left, len(ledgers[service])))
    return found


def side_by_side(before: Snapshot, after: Snapshot, customer_id: str) -> list[tuple[str, str, Sequence[str]]]:
    """One customer's rows before and after: service.table, column, and the two values."""
    shown: list[tuple[str, str, Sequence[str]]] = []
    for (service, table), rows in before.items():
        key = next((key for key, row in rows.items() if row["owner"] == customer_id), None)
        if key is None:
            continue
        now = after[service, table].get(key)
        for column, value in rows[key].items():
            if column != OWNER:
                shown.append((f"{service}.{table}", column, (str(value), str(now[column]) if now else "row deleted")))
    return shown
