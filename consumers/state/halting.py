"""`all, HALT`: records that may have been meant for anybody. While one is named: no claims, no commits."""

from collections.abc import Collection, Sequence

from consumers.domain import rows
from consumers.domain.rows import Halt
from consumers.ports import Stamp, Table
from consumers.runtime.control import rewrite


def name_in_halt(table: Table, positions: Sequence[str], stamp: Stamp) -> frozenset[str]:
    """Name these records; those that a person has discarded are not named, but returned."""

    def named(body: bytes | None) -> bytes | None:
        halt = rows.halt(body) if body else Halt()
        # a record and its copy may come in one batch
        news = [each for each in dict.fromkeys(positions) if each not in (*halt.discarded, *halt.positions)]
        return rows.to_json(halt._replace(positions=(*halt.positions, *news))) if news else None

    row = rewrite(table, rows.ALL_HALT, stamp, named)
    return frozenset(positions).intersection(rows.halt(row.body).discarded if row else ())


def release_from_halt(table: Table, positions: Collection[str], stamp: Stamp) -> None:
    """Take records off whose copies were understood: it is known now whom they meant."""

    def released(body: bytes | None) -> bytes | None:
        halt = rows.halt(body) if body else Halt()
        left = tuple(each for each in halt.positions if each not in positions)
        return None if left == halt.positions else rows.to_json(halt._replace(positions=left))

    rewrite(table, rows.ALL_HALT, stamp, released)
