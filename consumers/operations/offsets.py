"""Where a group stands, and setting it back: decided first, then written by an outsider and read back."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from consumers.domain import resetting, rows
from consumers.domain.errors import PermanentError
from consumers.domain.names import Names
from consumers.domain.resetting import Log, Logs
from consumers.operations.results import result_of
from consumers.ports import Groups, Table, TopicOffsets, TopicReader
from consumers.runtime.control import halted

Target = Callable[[Logs], dict[int, int]]


class Group(NamedTuple):
    """A consumer group by its full name, and the topic it reads."""

    name: str
    topic: str


class Reset(NamedTuple):
    """One partition of a reset."""

    partition: int
    before: int | None
    after: int


def named_group(names: Names, group: str) -> Group:
    """A group by its full or short name. PermanentError: no role has such a group."""
    full = group if group.startswith(names.prefix) else names.prefix + group
    if full == names.state_group:
        return Group(full, names.events)
    if full == names.ticker_group:
        return Group(full, names.ticks)
    if full.startswith(names.anonymizer_group("")) and full != names.anonymizer_group(""):
        return Group(full, names.commands)
    raise PermanentError(f"no group {group}; choose state, ticker or anonymizer.NAME")


def logs_of(offsets: TopicOffsets, group: Group) -> dict[int, Log]:
    """Every partition as the group sees it."""
    committed, first = offsets.committed(group.name, group.topic), offsets.beginning(group.topic)
    return {number: Log(committed[number], first[number], end) for number, end in offsets.end(group.topic).items()}


def planned(logs: Logs, target: Target, partitions: Collection[int] | None) -> dict[int, int]:
    """The offsets a reset would write. PermanentError: the target cannot be had."""
    chosen = {number: log for number, log in logs.items() if partitions is None or number in partitions}
    unknown = sorted(set(partitions or ()) - logs.keys())
    if unknown:
        raise PermanentError(f"the topic has no partitions {', '.join(map(str, unknown))}")
    return target(chosen)


def reset(groups: Groups, group: Group, before: Logs, after: Mapping[int, int], *, execute: bool) -> list[Reset]:
    """Write the offsets, or only say what would be written. PermanentError: the group has members."""
    if members := groups.members(group.name):
        raise PermanentError(
            f"group {group.name} has {members} members; stop them first (one that died counts until its session ends)",
            code="group_has_members",
        )
    standing: Mapping[int, int | None] = {number: before[number].committed for number in after}
    if execute:
        moved = groups.reset(group.name, group.topic, after)
        standing = moved.before
    return [Reset(number, standing[number], offset) for number, offset in sorted(after.items())]


# ---- back to a backup ------------------------------------------------------------------------------------------------

Trail = Callable[[int], Iterable[tuple[int, int, int]]]
"""Partition, offset and time of every command a service finished since a time."""


def refuse_unless_stopped(table: Table, service: str) -> None:
    """Raise PermanentError while a service may carry out commands, or while all is stopped.

    What is replayed while nothing may be committed is answered SUPERSEDED, and nobody would send it again.
    """
    found = table.read([rows.ALL_MODE, rows.ALL_HALT])
    if halted(found.get(rows.ALL_MODE), found.get(rows.ALL_HALT)):
        raise PermanentError("all is stopped, or a record for nobody halts, see `lapse status`; first `lapse resume`")
    row = table.read([rows.mode_key(service)]).get(rows.mode_key(service))
    if row is None or rows.mode(row.body).mode != "stopped":
        raise PermanentError(f"{service} is not stopped; `lapse service stop {service}` first")


def to_backup(reached: Mapping[int, int] | None, batch: int, trail: Trail, taken_at: int | None) -> Target:
    """The target that makes a restored database be erased again.

    `reached` are the highest command offsets of the restored ledger by partition, empty or None where it has none. By
    the ledger, the trail or, where both are there (a ledger may have grown since it was restored), the lower of both.

    Raises:
        PermanentError: There is no ledger, and nobody said when the backup was taken.
    """
    by_ledger = partial(resetting.to_backup_by_ledger, reached=reached or {}, batch=batch)
    if taken_at is None:
        if not reached:
            raise PermanentError("the restored database has no ledger; say when the backup was taken with --taken-at")
        return by_ledger
    by_trail = partial(resetting.to_backup_by_trail, finished=list(trail(taken_at - resetting.HOUR)), taken_at=taken_at)
    return (lambda logs: resetting.lower(by_ledger(logs), by_trail(logs))) if reached else by_trail


def finished_since(
    reader: TopicReader, offsets: TopicOffsets, results: str, service: str, at: int
) -> Iterator[tuple[int, int, int]]:
    """What a service answered to commands, of the results appended at `at` or later."""
    for record in reader.read(results, offsets.since(results, at)):
        told = result_of(record)
        if told and told["service"] == service and told["command_offset"] is not None:
            yield told["command_partition"], told["command_offset"], told["finished_at"]
