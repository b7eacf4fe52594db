"""What a table asks of its writes, whichever adapter carries them out."""

from collections.abc import Sequence

from consumers.domain.rows import Key
from consumers.ports import Row, Write

INDEXED = "STATE"


def check_writes(writes: Sequence[Write]) -> None:
    """Refuse a batch that no table could carry out as it is meant.

    Raises:
        ValueError: A key occurs twice, is empty or is not that of its rows; a write of nothing over nothing; index
            keys on a row that is not a customer's. Names the rule, never the key.
    """
    if len({write.key for write in writes}) < len(writes):
        raise ValueError("a key occurs twice in one batch of writes")
    for write in writes:
        _check(write)


def stands(row: Row | None, current: Row | None) -> bool:
    """Whether the row that is there is the one that was to be written.

    Stamps are random per write: a condition that fails on our own row means that an earlier try of the same write was
    carried out though its answer got lost.
    """
    if row is None or current is None:
        return row is current
    return (row.version, row.stamp) == (current.version, current.stamp)


def check_key(key: Key) -> None:
    """Refuse a key that can name no row.

    Raises:
        ValueError: A part of it is empty.
    """
    if not key.id or not key.sub_id:
        raise ValueError("a key of the table needs both its parts")


def _check(write: Write) -> None:
    check_key(write.key)
    rows = [row for row in (write.expected, write.row) if row is not None]
    if not rows:
        raise ValueError("a write needs an expected row, a row or both")
    if any(row.key != write.key for row in rows):
        raise ValueError("the key of a write is not that of its rows")
    if write.row is not None and write.row.keys is not None and write.key.sub_id != INDEXED:
        raise ValueError("only customers stand in the index")
