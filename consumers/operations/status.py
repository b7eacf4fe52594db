"""How the whole stands: lag, due, in flight, partial, held, and what blocks."""

from typing import Any

from consumers.domain import rows
from consumers.domain.names import Names
from consumers.domain.policy import armed
from consumers.operations.customers import when
from consumers.operations.installing import positions
from consumers.operations.modes import FAR, count, service_modes
from consumers.ports import Clock, Table, TopicOffsets
from consumers.runtime.control import Control


def status(table: Table, offsets: TopicOffsets, names: Names, clock: Clock) -> dict[str, Any]:
    """What an on-call engineer asks first, as plain values for printing. NoPolicyError: there is no policy yet."""
    control = Control.read(table)
    now = clock.now()
    modes = service_modes(table)
    return {
        "at": when(now),
        "customers": {
            "due": count(table, "due", now),
            "due_later": count(table, "due", FAR) - count(table, "due", now),
            "in_flight": count(table, "lease", FAR),
            "overdue_lease": count(table, "lease", now),
            "partial": count(table, "partial", FAR),
            "held": count(table, "held", FAR),
        },
        "events_not_in_table": _not_in_table(table, offsets, names),
        "lag": _lag(offsets, names, [mode.service for mode in modes]),
        "dead_letters": sum(offsets.end(names.dead_letters).values())
        - sum(offsets.beginning(names.dead_letters).values()),
        "services": {mode.service: {"purpose": mode.purpose, "mode": mode.mode} for mode in modes},
        "blockers": _blockers(table, control),
    }


def _not_in_table(table: Table, offsets: TopicOffsets, names: Names) -> int | str:
    ends = offsets.end(names.events)
    contained = positions(table, ends)
    if None in contained.values():
        return "unknown: the table has no POSITION rows"
    return sum(max(end - (contained[partition] or 0), 0) for partition, end in ends.items())


def _lag(offsets: TopicOffsets, names: Names, services: list[str]) -> dict[str, int]:
    """Records not yet read, by group."""
    groups = {
        names.state_group: names.events,
        names.ticker_group: names.ticks,
        **{names.anonymizer_group(service): names.commands for service in services},
    }
    return {group: offsets.lag(group, topic) for group, topic in groups.items()}


def _blockers(table: Table, control: Control) -> list[str]:
    unarmed = [name for name, purpose in control.policy.purposes.items() if not armed(purpose, control.modes)]
    found = [f"purpose {name} is not armed: enable its services (lapse service enable)" for name in sorted(unarmed)]
    halt = table.read([rows.ALL_HALT]).get(rows.ALL_HALT)
    if halt:
        found += [
            f"record {position} could name no customer: all is halted" for position in rows.halt(halt.body).positions
        ]
    elif control.halted:
        found.append("everything is stopped by a person")
    return found
