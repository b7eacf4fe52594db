"""How the whole stands: lag, due, in flight, partial, held, dead letters, and what blocks.

Each section is read apart, so that an outage takes away no more than it must.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from consumers.domain import rows
from consumers.domain.errors import InvalidRecordError
from consumers.domain.index import FAR, SHARDS, Prefix, shard
from consumers.domain.names import Names
from consumers.domain.owed import owed
from consumers.domain.ticks import Plan
from consumers.item_record import from_bytes
from consumers.operations import dlq
from consumers.operations.apart import read_apart
from consumers.operations.blockers import blockers
from consumers.operations.customers import when
from consumers.operations.installing import positions
from consumers.operations.modes import count
from consumers.operations.sections import Away, Group, InFlight, Sections
from consumers.operations.standing import read_standing
from consumers.operations.telling import plain
from consumers.operations.ticking import tick_plan
from consumers.ports import Clock, Groups, IndexEntry, Table, TopicOffsets, TopicReader
from schemas.codec import decode

LOOK_AT = 1_000  # customers in flight whose items are read: enough to name who is waited for
SOON = 7 * 24 * 3600 * 1_000_000
TICKS_BACK = 20  # newest requests among which one that is no dry run is looked for
CONTROL_SECONDS, GROUP_SECONDS, SECTION_SECONDS = 4.0, 8.0, 9.0
"""The first and the last together: no longer than anybody waits for an answer while something is away."""


class Sources(NamedTuple):
    """Where a status is read. `configured` are the services the settings name, for when the table is away."""

    table: Table
    offsets: TopicOffsets
    groups: Groups
    reader: TopicReader
    names: Names
    clock: Clock
    configured: Sequence[str] = ()


def status(sources: Sources) -> dict[str, Any]:
    """What an on-call engineer asks first, as plain values for printing; `{"away": code}` for what cannot be read.

    Raises:
        PermanentError: There is no table, no policy, no topic; the text names the repair.
    """
    found, now = read_sections(sources), sources.clock.now()
    return {"at": when(now), **plain(found, now), "blockers": blockers(found, now)}


def anything_away(told: Mapping[str, Any]) -> bool:
    """Whether a part of a status could not be read."""
    return any(isinstance(section, dict) and "away" in section for section in told.values())


def read_sections(sources: Sources) -> Sections:
    """The control rows first, as they name the services; if the table is away, those of the settings are looked at."""
    table, now = sources.table, sources.clock.now()
    standing = read_apart({"standing": partial(read_standing, table)}, CONTROL_SECONDS)["standing"]
    services = list(sources.configured) if isinstance(standing, Away) else standing.policy.services
    of_table: dict[str, Callable[[], Any]] = {
        "customers": partial(_customers, table, now),
        "in_flight": partial(_in_flight, table),
        "events_not_in_table": partial(_not_in_table, sources),
        "tick": partial(_tick, sources),
    }
    of_kafka: dict[str, Callable[[], Any]] = {
        "groups": partial(_groups, sources, services),
        "dead_letters": partial(_dead_letters, sources),
    }
    if isinstance(standing, Away):
        found = {**dict.fromkeys(of_table, standing), **read_apart(of_kafka, SECTION_SECONDS)}
    else:
        found = read_apart({**of_table, **of_kafka}, SECTION_SECONDS)
    return Sections(standing=standing, **found)


# ---- sections --------------------------------------------------------------------------------------------------------


def _customers(table: Table, now: int) -> dict[str, int]:
    due = count(table, "due", now)
    return {
        "due": due,
        "due_within_a_week": count(table, "due", now + SOON) - due,
        "in_flight": count(table, "lease", FAR),
        "overdue_lease": count(table, "lease", now),
        "partial": count(table, "partial", FAR),
        "held": count(table, "held", FAR),
    }


def _in_flight(table: Table) -> InFlight:
    entries = list(_entries(table, "partial", LOOK_AT))
    entries += _entries(table, "lease", LOOK_AT - len(entries))
    found = table.read([rows.state_key(entry.id) for entry in entries])
    return InFlight(len(found), owed(from_bytes(row.body) for row in found.values()))


def _entries(table: Table, prefix: Prefix, limit: int) -> Iterator[IndexEntry]:
    """So many entries at most. The shards are even, so that those of the first stand for all."""
    for number in range(SHARDS):
        page = table.due(shard(prefix, number), FAR, limit) if limit > 0 else ()
        limit -= len(page)
        yield from page


def _not_in_table(sources: Sources) -> int | None:
    ends = sources.offsets.end(sources.names.events)
    contained = positions(sources.table, ends)
    if None in contained.values():
        return None
    return sum(max(end - (contained[partition] or 0), 0) for partition, end in ends.items())


def _groups(sources: Sources, services: Sequence[str]) -> dict[str, Group] | Away:
    """All of them or none: they stand on one cluster. Beside each other, as each looks for its coordinator first."""
    names = sources.names
    read_by = {
        "state consumer": (names.state_group, names.events),
        "ticker": (names.ticker_group, names.ticks),
        **{f"anonymizer.{each}": (names.anonymizer_group(each), names.commands) for each in services},
    }
    reads = {role: partial(_group, sources, group, topic) for role, (group, topic) in read_by.items()}
    found = read_apart(reads, GROUP_SECONDS)
    return next((each for each in found.values() if isinstance(each, Away)), found)


def _group(sources: Sources, group: str, topic: str) -> Group:
    unread = sources.offsets.unread(group, topic)
    return Group(unread.records, unread.since, sources.groups.members(group))


def _dead_letters(sources: Sources) -> dict[str, int]:
    states = Counter(each.state for each in dlq.letters(sources.reader, sources.names.dead_letters))
    return {"waiting": states["WAITING"], "parked": states["PARKED"]}


def _tick(sources: Sources) -> Plan | None:
    """The plan of the newest tick that is no dry run; None: nobody has asked for one, or it is not planned yet."""
    topic = sources.names.ticks
    starts = {number: end - TICKS_BACK for number, end in sources.offsets.end(topic).items()}
    asked: list[tuple[int, str]] = []
    for record in sources.reader.read(topic, starts):
        try:
            fields = decode(record.value, {"TickRequested"}).fields
        except InvalidRecordError:
            continue
        if not fields["dry_run"]:
            asked.append((record.timestamp, str(fields["tick_id"])))
    return tick_plan(sources.table, max(asked)[1]) if asked else None
