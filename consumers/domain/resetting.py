"""Where a group is set back to: the targets of `kafka-consumer-groups.sh --reset-offsets`, and a restored backup."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from consumers.domain.errors import PermanentError

HOUR = 3600 * 1_000_000


class Log(NamedTuple):
    """One partition as a group sees it: what it committed, the first offset still there, the end."""

    committed: int | None
    first: int
    end: int


Logs = Mapping[int, Log]


def clamped(log: Log, offset: int) -> int:
    """The offset, or the nearest one the log still has."""
    return min(max(offset, log.first), log.end)


def to_offset(logs: Logs, offset: int) -> dict[int, int]:
    """The same offset everywhere, as far as the logs reach."""
    return {number: clamped(log, offset) for number, log in logs.items()}


def to_current(logs: Logs) -> dict[int, int]:
    """Where the group stands; at the end where it has committed nothing yet, as Kafka's tool does."""
    return {number: log.end if log.committed is None else log.committed for number, log in logs.items()}


def shifted(logs: Logs, by: int) -> dict[int, int]:
    """So many records on, or back. PermanentError: the group has committed nothing to shift from."""
    unknown = sorted(number for number, log in logs.items() if log.committed is None)
    if unknown:
        raise PermanentError(f"partitions {_listed(unknown)} have no committed offset to shift; use --to-earliest")
    return {number: clamped(log, (log.committed or 0) + by) for number, log in logs.items()}


def to_given(logs: Logs, given: Mapping[int, int]) -> dict[int, int]:
    """The offsets of a file, as far as the logs reach. PermanentError: it names a partition that is not there."""
    unknown = sorted(given.keys() - logs.keys())
    if unknown:
        raise PermanentError(f"the file names partitions {_listed(unknown)}, which the topic does not have")
    return {number: clamped(logs[number], offset) for number, offset in given.items()}


def to_backup_by_ledger(logs: Logs, reached: Mapping[int, int], batch: int) -> dict[int, int]:
    """Before everything the restored ledger may lack: the highest offset in it less the largest batch.

    Twice the batch: what was under way when a group paused joins the batch in hand. A partition the ledger does not
    know begins where the log does. Never ahead of where the group stands.
    """
    return {
        number: _not_ahead(log, reached[number] - 2 * batch if number in reached else log.first)
        for number, log in logs.items()
    }


def to_backup_by_trail(logs: Logs, finished: Iterable[tuple[int, int, int]], taken_at: int) -> dict[int, int]:
    """Without a ledger: the lowest command finished since an hour before the backup was taken, of each partition.

    `finished` are partition, offset and time of what the service answered. No such answer: where the group stands, and
    never the end: a group that has committed nothing begins where the log does.
    """
    lowest: dict[int, int] = {}
    for number, offset, at in finished:
        if at > taken_at - HOUR:
            lowest[number] = min(offset, lowest.get(number, offset))
    return {number: _not_ahead(log, lowest.get(number, log.end)) for number, log in logs.items()}


def lower(one: Mapping[int, int], other: Mapping[int, int]) -> dict[int, int]:
    """The lower offset of each partition."""
    return {number: min(offset, other[number]) for number, offset in one.items()}


def _not_ahead(log: Log, offset: int) -> int:
    return clamped(log, min(offset, log.first if log.committed is None else log.committed))


def refuse_forward(logs: Logs, contained: Mapping[int, int | None], after: Mapping[int, int]) -> None:
    """Raise PermanentError if the state group would skip events: a postpone among them would be lost.

    `contained` are the POSITION rows. The group starts at the lower of row and committed offset, so that an offset no
    higher than the committed one skips nothing; where none is committed (Kafka forgets them after a while) the row is
    the measure.
    """
    ahead = sorted(number for number, offset in after.items() if offset > _start(logs[number], contained.get(number)))
    if ahead:
        raise PermanentError(
            f"the state group only goes back: partitions {_listed(ahead)} would skip events nobody has folded; to do "
            "without a record use `lapse dlq discard`, for an offset the log has lost `lapse state rebuild`"
        )


def _start(log: Log, contained: int | None) -> int:
    return (contained or 0) if log.committed is None else log.committed


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))
