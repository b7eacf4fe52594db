"""What keeps work from going on, by name, with the command that looks after it. Pure: plain values and the time."""

from collections.abc import Collection, Iterator, Mapping

from consumers.domain.owed import Owed
from consumers.domain.policy import Mode, armed
from consumers.domain.retention import moment
from consumers.domain.ticks import Plan
from consumers.operations.sections import Away, Group, InFlight, Sections
from consumers.operations.standing import Standing

SLOW = 5_000_000
"""Microseconds that anything under way may take before it is named: a healthy pipeline needs less."""


def blockers(found: Sections, now: int) -> list[str]:
    """What blocks, most general first. `now` in microseconds."""
    return list(_blockers(found, now))


def _blockers(found: Sections, now: int) -> Iterator[str]:
    standing = found.standing
    modes: Mapping[str, Mode] = {}
    if isinstance(standing, Away):
        yield f"the table does not answer ({standing.code})"
    else:
        modes = standing.modes
        yield from _set(standing)
        if found.events_not_in_table is None:
            yield "the barrier is shut: the table has no POSITION rows (lapse state rebuild)"
    if isinstance(found.groups, Away):
        yield f"Kafka does not answer ({found.groups.code})"
    else:
        idle = {f"anonymizer.{service}" for service, mode in modes.items() if mode != "live"}
        yield from _behind(found.groups, idle, now)
    if isinstance(found.in_flight, InFlight):
        for service, owed in sorted(found.in_flight.owed.items()):
            yield from _owing(service, owed, modes.get(service), now)
    if isinstance(found.tick, Plan):
        yield from _halted(found.tick)
    if not isinstance(found.dead_letters, Away) and (letters := sum(found.dead_letters.values())):
        yield f"{_many(letters, 'dead letter')} to look after (lapse dlq list)"


def _set(standing: Standing) -> Iterator[str]:
    """Stops, halts and purposes that claim nobody."""
    if standing.stopped:
        who = standing.stopped
        yield f"everything is stopped by {who.by} since {_when(who.at)}{_reason(who.reason)} (lapse resume)"
    if standing.halting:
        named = ", ".join(standing.halting)
        yield f"all is halted by {_many(len(standing.halting), 'record')} without customer: {named} (lapse dlq list)"
    modes = standing.modes
    for service, row in sorted(standing.set_to.items()):
        if row.mode == "stopped":
            resume = f"(lapse resume --service {service})"
            yield f"{service} is stopped by {row.by} since {_when(row.at)}{_reason(row.reason)} {resume}"
    for name, purpose in sorted(standing.policy.purposes.items()):
        if not armed(purpose, modes):
            stopped = [service for service in purpose.services if modes.get(service) == "stopped"]
            why = f"{', '.join(stopped)} is stopped" if stopped else "no live service (lapse service enable NAME)"
            yield f"purpose {name} is not armed: {why}"


def _behind(groups: Mapping[str, Group], idle: Collection[str], now: int) -> Iterator[str]:
    """Roles that are late or that nobody runs. `idle` may be without members as long as they have nothing to read."""
    for role, group in groups.items():
        late = group.since is not None and now - group.since >= SLOW
        if late:
            nobody = "" if group.members else "; nobody runs it"
            yield f"{role} is {_seconds(now, group.since)} s behind{nobody}"
        elif not group.members and role not in idle:
            yield f"nobody runs {role}"


def _owing(service: str, owed: Owed, mode: Mode | None, now: int) -> Iterator[str]:
    """A service that commands in flight wait for."""
    if owed.since is not None and now - owed.since >= SLOW:
        told = " and ".join(filter(None, [_many(owed.votes, "vote"), _many(owed.outcomes, "outcome")]))
        yield f"{service} owes {told}, the oldest for {_seconds(now, owed.since)} s"
    if owed.committed and mode != "live":
        stands = mode.replace("_", " ") if mode else "not in the policy"
        release = f"lapse service enable {service}, or lapse service dry-run {service} --abandon"
        yield f"{service} is {stands}, but owes {_many(owed.committed, 'outcome')} since the commit ({release})"
    if owed.failed:
        yield f"{service} has failed {_many(owed.failed, 'customer')}: redrive or abandon (lapse dlq list)"
    if owed.refused_late:
        late = _many(owed.refused_late, "customer")
        yield f"{service} refused {late} after the commit: redrive or abandon (lapse dlq list)"
    if owed.deferred_until is not None:
        yield f"{service} has deferred {_many(owed.deferred, 'customer')}, the first until {_when(owed.deferred_until)}"


def _halted(plan: Plan) -> Iterator[str]:
    """The newest tick, if a person has to approve it."""
    if plan.state == "HALTED":
        report = plan.report
        yield (
            f"tick {plan.tick_id} is halted: {report.due} due, the caps leave {report.allowance} "
            f"(lapse tick approve {plan.tick_id})"
        )


def _seconds(now: int, since: int | None) -> int:
    return (now - (since or now)) // 1_000_000


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}" if count else ""


def _reason(reason: str | None) -> str:
    return f": {reason}" if reason else ""


def _when(at: int) -> str:
    return moment(at).isoformat(timespec="seconds")
