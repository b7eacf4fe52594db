"""The sections of a status as plain values, for printing and for programs."""

from typing import Any

from consumers.domain.owed import Owed
from consumers.domain.ticks import Plan
from consumers.operations.customers import when
from consumers.operations.sections import Away, Group, InFlight, Sections
from consumers.operations.standing import Standing


def plain(found: Sections, now: int) -> dict[str, Any]:
    """Every section by name; `{"away": code}` where it could not be read."""
    in_table = found.events_not_in_table
    told = {
        "customers": found.customers,
        "waiting_for": found.in_flight,
        "groups": found.groups,
        "events_not_in_table": "unknown" if in_table is None else in_table,
        "dead_letters": found.dead_letters,
        "tick": found.tick,
        "services": found.standing,
    }
    return {name: _plain(section, now) for name, section in told.items()}


def _plain(section: Any, now: int) -> Any:
    told = section
    match section:
        case Away(code):
            told = {"away": code}
        case InFlight(looked_at, owed):
            told = {"looked_at": looked_at, **{service: _nonzero(each) for service, each in owed.items()}}
        case Group(unread, since, members):
            behind = 0.0 if since is None else max(now - since, 0) / 1_000_000
            told = {"unread": unread, "behind_seconds": round(behind, 1), "members": members}
        case Standing():
            told = _services(section)
        case Plan():
            told = _tick(section)
        case dict():
            told = {name: _plain(each, now) for name, each in section.items()}
    return told


def _services(standing: Standing) -> dict[str, Any]:
    modes = standing.modes
    return {
        service: {"purpose": purpose.name, "mode": modes[service]}
        for purpose in standing.policy.purposes.values()
        for service in purpose.services
    }


def _tick(plan: Plan) -> dict[str, Any]:
    return {
        "id": plan.tick_id,
        "state": plan.state,
        "planned_at": when(plan.planned_at),
        "due": plan.report.due,
        "claimed": plan.taken,
    }


def _nonzero(each: Owed) -> dict[str, Any]:
    """Without what is not owed."""
    times = {"since": when(each.since), "deferred_until": when(each.deferred_until)}
    return {name: value for name, value in {**each._asdict(), **times}.items() if value}
