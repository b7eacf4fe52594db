"""Asking for a tick, looking at its plan, approving one that was halted."""

import uuid

from consumers.domain import rows, ticks
from consumers.domain.errors import PermanentError
from consumers.domain.ticks import Plan
from consumers.ports import Clock, RecordSink, Stamp, Table
from consumers.runtime.control import rewrite
from schemas.codec import encode

SETTLED = frozenset({"DRY_RUN", "HALTED", "ENDED"})


class NoTickError(PermanentError):
    """No plan of that tick: the id is wrong, or no ticker has worked on it yet."""


class NotAnsweredError(PermanentError):
    """No ticker has carried the tick out in time; it will, once one runs. See `lapse tick show` and `lapse status`."""


def request_tick(sink: RecordSink, topic: str, as_of: int, requested_by: str, *, dry_run: bool) -> str:
    """Ask for a tick; its id. `as_of` in microseconds."""
    tick_id = str(uuid.uuid4())
    _send(sink, topic, tick_id, as_of, requested_by, dry_run=dry_run)
    return tick_id


def tick_plan(table: Table, tick_id: str) -> Plan | None:
    """The plan of a tick, None while there is none."""
    key = rows.plan_key(tick_id)
    row = table.read([key]).get(key)
    return rows.tick_plan(row.body) if row else None


def wait_for_tick(table: Table, tick_id: str, clock: Clock, seconds: float) -> Plan:
    """Wait until a tick has ended, was halted, or has its dry-run report.

    Raises:
        NotAnsweredError: Not within `seconds`.
    """
    deadline = clock.now() + int(seconds * 1_000_000)
    while clock.now() < deadline:
        plan = tick_plan(table, tick_id)
        if plan and plan.state in SETTLED:
            return plan
        clock.wait(0.2)
    raise NotAnsweredError


def approve_tick(
    table: Table, sink: RecordSink, topic: str, tick_id: str, name: str, clock: Clock, stamp: Stamp
) -> Plan:
    """Let a halted tick go for as many customers as its report says, under a person's name, and send it again.

    Raises:
        NoTickError: There is no such plan.
        PermanentError: It is not halted.
    """

    def approved(body: bytes | None) -> bytes | None:
        if body is None:
            raise NoTickError
        plan = rows.tick_plan(body)
        if plan.state == "APPROVED":
            return None
        return rows.to_json(ticks.approve(plan, name, clock.now()))

    row = rewrite(table, rows.plan_key(tick_id), stamp, approved)
    assert row is not None, "approving never deletes"
    plan = rows.tick_plan(row.body)
    _send(sink, topic, tick_id, plan.as_of, plan.requested_by, dry_run=False)
    return plan


def _send(sink: RecordSink, topic: str, tick_id: str, as_of: int, requested_by: str, *, dry_run: bool) -> None:
    fields = {"tick_id": tick_id, "as_of": as_of, "dry_run": dry_run, "requested_by": requested_by}
    sink.send(topic, tick_id.encode(), encode("TickRequested", fields))
    sink.flush()
