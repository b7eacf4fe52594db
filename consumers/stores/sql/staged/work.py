"""A batch on a database without places of rows: staged, rewritten, verified, and nothing of it left behind."""

import json
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from consumers.stores.sql.dialect import Rows
from consumers.stores.sql.failures import SharedFailure, not_verified
from consumers.stores.sql.staged.plan import Stage, StagedPlan
from consumers.stores.sql.staged.shared import Shared
from consumers.stores.sql.unmet import unmet_rows
from consumers.stores.sql.verification import KEY, SPARED


class StagedWork:
    """Fulfils Work. Temporary tables hold keys of rows and keyed fingerprints until the batch ends."""

    def __init__(self, plan: StagedPlan, kind: str) -> None:
        self._plan = plan
        self._value: Any = int if kind == "integer" else str
        self.flagged = plan.unflagged is not None

    def unflagged(self, connection: Connection, ids: Sequence[str]) -> set[int]:
        """Ordinals of ids with root rows not anonymized yet; one statement."""
        query = self._plan.unflagged
        return set() if query is None else {row[0] for row in connection.execute(query, self._customers(ids))}

    def counts(self, connection: Connection, ids: Sequence[str]) -> Iterator[tuple[int, str, int]]:
        """Ordinal, table and number of its rows; one statement a table."""
        for table, query in self._plan.counts:
            for ordinal, rows in connection.execute(query, self._customers(ids)):
                yield ordinal, table, rows

    def unmet(self, connection: Connection, ids: Sequence[str]) -> Iterator[tuple[int, str, int]]:
        """Ordinal, place and number of its rows; one statement a table."""
        return unmet_rows(connection, self._plan.unmet, self._customers(ids))

    def reopen(self, connection: Connection, ids: Sequence[str]) -> None:
        """Clear the flags, by the keys of their rows."""
        connection.exec_driver_sql(self._plan.drop_picked)
        connection.exec_driver_sql(self._plan.create_picked)
        for change, given in zip(self._plan.reopen, (self._customers(ids), {}), strict=False):
            connection.execute(change, given)
        connection.exec_driver_sql(self._plan.drop_picked)

    def lock(self, connection: Connection, ids: Sequence[str]) -> Sequence[Any]:
        """Lock the root rows in the order of the customer ids, their keys staged; the ordinals that have some."""
        # what a transaction rolled back has left is empty, but there
        connection.exec_driver_sql(self._plan.drop_picked)
        connection.exec_driver_sql(self._plan.create_picked)
        connection.execute(self._plan.lock, self._customers(ids))
        return [(each,) for each in _numbers(connection.execute(self._plan.kept).scalar())]

    def rewrite(self, connection: Connection, locked: Sequence[Any], committed: Mapping[int, int]) -> Rows:
        """Rewrite these rows and all below them that is not newer than the command, and verify."""
        wanted: set[int] = {row[0] for row in locked}
        rows: Rows = {}
        kept = _numbers(connection.execute(self._plan.kept).scalar())
        if others := [{"ord": each} for each in kept if each not in wanted]:
            connection.execute(self._plan.forget, others)
        if wanted:
            commits = json.dumps([[each, committed[each]] for each in sorted(wanted)])
            rows = self._rewrite(connection, wanted, {KEY: secrets.randbits(63), "customers": commits})
        connection.exec_driver_sql(self._plan.drop_picked)
        return rows

    def _rewrite(self, connection: Connection, wanted: Collection[int], given: Mapping[str, Any]) -> Rows:
        spared = {0}  # no customer's number: a list of none is written otherwise
        for stage in self._plan.stages:
            connection.exec_driver_sql(stage.drop)
            connection.exec_driver_sql(stage.create)
            if stage.shared is not None:
                _find(connection, stage.table, stage.shared)
            connection.execute(stage.fill, given)
            if stage.spared is not None:
                spared.update(connection.execute(stage.spared).scalars())
        if self._plan.taken is not None:
            wanted = connection.execute(self._plan.taken).scalars().all()
        rows: Rows = {each: {} for each in wanted}
        given = {**given, SPARED: sorted(spared)}
        for stage in reversed(self._plan.stages):
            if stage.change is not None:
                connection.execute(stage.change, given)
                _count(connection, stage, rows)
        for stage in self._plan.stages:
            _verify(connection, stage, given)
        for stage in self._plan.stages:
            connection.exec_driver_sql(stage.drop)
            if stage.shared is not None:
                connection.exec_driver_sql(stage.shared.drop)
        return rows

    def _customers(self, ids: Sequence[str]) -> dict[str, str]:
        # by id: two batches wait for each other instead of deadlocking
        numbered = sorted((each, ordinal) for ordinal, each in enumerate(ids, start=1))
        return {"customers": json.dumps([[ordinal, self._value(each)] for each, ordinal in numbered])}


def _find(connection: Connection, table: str, shared: Shared) -> None:
    connection.exec_driver_sql(shared.drop)
    connection.exec_driver_sql(shared.create)
    connection.execute(shared.find)
    connection.execute(shared.lock)
    if shared.refused is not None and (found := connection.execute(shared.refused).scalars().all()):
        raise SharedFailure(table, found)


def _count(connection: Connection, stage: Stage, rows: Rows) -> None:
    for count, ordinals in connection.execute(stage.counts):
        for each in _numbers(ordinals):
            rows[each][stage.table] = count


def _numbers(joined: str | None) -> list[int]:
    return [int(each) for each in joined.split(",")] if joined else []


def _verify(connection: Connection, stage: Stage, given: Mapping[str, Any]) -> None:
    if stage.left is not None and connection.execute(stage.left).scalar_one():
        raise not_verified(f"{stage.table}.rows")
    if stage.violations is None:
        return
    for _, *wrong in connection.execute(stage.violations, given):
        raise not_verified(f"{stage.table}.{next(p for p, found in zip(stage.places, wrong, strict=True) if found)}")
