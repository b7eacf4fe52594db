"""A first installation: the rows that say that the table contains nothing of the events yet."""

from collections.abc import Iterable

from consumers.domain import rows
from consumers.domain.errors import PermanentError
from consumers.domain.names import Names
from consumers.domain.rows import Position
from consumers.ports import Row, Stamp, Table, TopicOffsets, Write


class NotFirstError(PermanentError):
    """The table has no POSITION rows, but this is no first installation: events or states were there before it.

    A table that starts empty would forget postpones and commits older than the log. Stop every role and rebuild the
    table from the state topic (`lapse state rebuild`).
    """


def write_first_positions(table: Table, offsets: TopicOffsets, names: Names, stamp: Stamp) -> int:
    """Write the POSITION rows where none exists yet; how many were written. A second call writes none.

    Raises:
        NotFirstError: The log does not start at 0, or the state topic has records.
    """
    beginning = offsets.beginning(names.events)
    keys = {rows.position_key(partition): partition for partition in beginning}
    found = table.read(keys)
    missing = [key for key in keys if key not in found]
    if not missing:
        return 0
    if found or any(beginning.values()) or any(offsets.end(names.state).values()):
        raise NotFirstError
    first = rows.to_json(Position(0, ""))
    answers = table.write([Write(key, None, Row(key, 1, stamp(), first)) for key in missing])
    return sum(lost is None for lost in answers)


def positions(table: Table, partitions: Iterable[int]) -> dict[int, int | None]:
    """How far the table contains each partition, None where it cannot say."""
    keys = {rows.position_key(partition): partition for partition in partitions}
    found = table.read(keys)
    return {
        partition: rows.position(found[key].body).offset if key in found else None for key, partition in keys.items()
    }
