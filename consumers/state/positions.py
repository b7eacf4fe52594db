"""POSITION rows: how far the table contains each partition of events, and who may say so.

| offset | of what |
|---|---|
| row | the next offset the table does not contain; written after the items |
| committed | the next offset the group reads; written after the row |

A row is written only as it was left by its owner. One that is not means that somebody else took the partition, or that
the table is not the one it was: then the partition is taken over again.
"""

from collections.abc import Mapping, Sequence
from itertools import starmap

from consumers.domain import rows
from consumers.domain.rows import Position, position_key
from consumers.ports import Lost, Row, Stamp, Table, Write
from consumers.runtime.barrier import NoPositionError
from consumers.runtime.loop import TakeOverError


class Positions:
    """The rows of the partitions one consumer has, under its own token."""

    def __init__(self, table: Table, owner: str, stamp: Stamp) -> None:
        self._table, self._owner, self._stamp = table, owner, stamp
        self._rows: dict[int, Row] = {}

    def take_over(self, committed: Mapping[int, int | None]) -> dict[int, int]:
        """Own these partitions from the lower of row and committed offset; the offsets to start from.

        Raises:
            NoPositionError: A row is missing, so nobody can say what the table contains.
            TakeOverError: Somebody else wrote at the same moment.
        """
        found = self._table.read([position_key(partition) for partition in committed])
        if len(found) < len(committed):
            raise NoPositionError
        starts = {}
        for partition, offset in committed.items():
            row = found[position_key(partition)]
            contained = rows.position(row.body).offset
            starts[partition] = contained if offset is None else min(contained, offset)
            self._rows[partition] = row
        self._move(starts)
        return starts

    def advance(self, offsets: Mapping[int, int]) -> None:
        """Say that the table contains all before these offsets. TakeOverError: the rows are not ours any more."""
        self._move(offsets)

    def check(self) -> None:
        """Raise TakeOverError unless every row is as this consumer wrote it."""
        found = self._table.read([row.key for row in self._rows.values()])
        if any(found.get(row.key) != row for row in self._rows.values()):
            raise TakeOverError

    def drop(self) -> None:
        """Forget every row: the partitions are gone."""
        self._rows.clear()

    def _move(self, offsets: Mapping[int, int]) -> None:
        writes = list(starmap(self._write, offsets.items()))
        answers = self._table.write(writes)
        written: Sequence[Write] = [write for write, lost in zip(writes, answers, strict=True) if lost is None]
        for write in written:
            assert write.row is not None, "positions are never deleted"
            self._rows[_partition(write.row)] = write.row
        if any(isinstance(answer, Lost) for answer in answers):
            raise TakeOverError

    def _write(self, partition: int, offset: int) -> Write:
        before = self._rows[partition]
        body = rows.to_json(Position(offset, self._owner))
        return Write(before.key, before, Row(before.key, before.version + 1, self._stamp(), body))


def _partition(row: Row) -> int:
    return int(row.key.id.partition("#")[2])
