"""The rows of a tick: planned once, its budget reserved, taken and settled under conditional writes."""

from collections.abc import Callable, Collection, Mapping

from consumers.domain import rows, ticks
from consumers.domain.commands import ripe
from consumers.domain.index import SHARDS, shard
from consumers.domain.policy import armed
from consumers.domain.ticks import Plan, Report, Used
from consumers.items import Items
from consumers.ports import Clock, Stamp, Table
from consumers.runtime.control import Control, rewrite
from consumers.runtime.index_pages import index_pages


class Tick:
    """A tick as asked for. Times are microseconds."""

    def __init__(self, tick_id: str, as_of: int, requested_by: str, *, dry_run: bool) -> None:
        self.tick_id, self.as_of, self.requested_by, self.dry_run = tick_id, as_of, requested_by, dry_run


class Planner:
    """Reads and writes `tick#T, PLAN` and `ticks, HISTORY`."""

    def __init__(self, table: Table, items: Items, clock: Clock, stamp: Stamp) -> None:
        self._table, self._items, self._clock, self._stamp = table, items, clock, stamp

    def plan(self, tick: Tick, control: Control) -> Plan:
        """The plan of a tick: the one that stands, or a new one. A going one has its budget reserved."""
        key = rows.plan_key(tick.tick_id)
        found = self._table.read([key]).get(key)
        plan = rows.tick_plan(found.body) if found else self._new(tick, control)
        if plan.state in {"GOING", "APPROVED"}:
            self._reserve(plan)

        def written(body: bytes | None) -> bytes | None:
            stands = rows.tick_plan(body) if body else plan
            if stands.state == "APPROVED":
                return rows.to_json(stands._replace(state="GOING"))
            return None if body else rows.to_json(plan)

        row = rewrite(self._table, key, self._stamp, written)
        assert row is not None, "a plan is never deleted"
        return rows.tick_plan(row.body)

    def take(self, tick_id: str, customers: int) -> int:
        """Take budget for a batch before it claims; how many customers it may claim."""
        granted = 0

        def taken(body: bytes | None) -> bytes | None:
            nonlocal granted
            going = rows.tick_plan(body) if body else None
            granted = min(customers, going.budget) if going and going.state == "GOING" else 0
            return rows.to_json(ticks.take(going, granted)) if going and granted else None

        rewrite(self._table, rows.plan_key(tick_id), self._stamp, taken)
        return granted

    def end(self, tick_id: str) -> None:
        """End a going tick and give back what it did not take."""

        def ended(body: bytes | None) -> bytes | None:
            going = rows.tick_plan(body) if body else None
            return rows.to_json(ticks.end(going)) if going and going.state == "GOING" else None

        row = rewrite(self._table, rows.plan_key(tick_id), self._stamp, ended)
        plan = row and rows.tick_plan(row.body)
        if plan and plan.state == "ENDED":
            self._remember(lambda history: ticks.settle(history, plan, self._clock.now()))

    def prove(self, services: Collection[str]) -> None:
        """Remember that a tick has claimed for these services: their first run is over."""
        for service in services:

            def proven(body: bytes | None) -> bytes | None:
                row = rows.mode(body) if body else None
                return rows.to_json(row._replace(proven=True)) if row and row.mode == "live" else None

            rewrite(self._table, rows.mode_key(service), self._stamp, proven)

    def _reserve(self, plan: Plan) -> None:
        self._remember(lambda history: ticks.reserve(history, plan, self._clock.now()))

    def _remember(self, change: Callable[[Mapping[str, Used]], Mapping[str, Used]]) -> None:
        def written(body: bytes | None) -> bytes | None:
            before: Mapping[str, Used] = rows.history(body) if body else {}
            after = change(before)
            return None if after == before else rows.to_json(after)

        rewrite(self._table, rows.HISTORY, self._stamp, written)

    def _new(self, tick: Tick, control: Control) -> Plan:
        now = self._clock.now()
        until = tick.as_of if tick.dry_run else min(tick.as_of, now)
        row = self._table.read([rows.HISTORY]).get(rows.HISTORY)
        history = rows.history(row.body) if row else {}
        due = sum(self._table.count(shard("due", number), until) for number in range(SHARDS))
        report = Report(
            due=due,
            by_purpose=self._by_purpose(control, until) if tick.dry_run else {},
            allowance=ticks.allowance(history, control.policy, tick.tick_id, now),
            blockers=_blockers(control, due),
        )
        first_run = control.policy.first_run if control.unproven else None
        return ticks.plan(
            tick.tick_id, tick.as_of, tick.requested_by, report, now, dry_run=tick.dry_run, first_run=first_run
        )

    def _by_purpose(self, control: Control, until: int) -> dict[str, int]:
        counted = dict.fromkeys(control.policy.purposes, 0)
        for number in range(SHARDS):
            for page in index_pages(self._table, "due", number, until):
                for stored in self._items.read(entry.id for entry in page).values():
                    for purpose in ripe(stored.item, control.policy, until):
                        counted[purpose.name] += 1
        return counted


def _blockers(control: Control, due: int) -> tuple[str, ...]:
    unarmed = [name for name, purpose in control.policy.purposes.items() if not armed(purpose, control.modes)]
    bound = control.policy.first_run
    first = [f"first run of {name}: {bound} customers a tick" for name in sorted(control.unproven) if due > bound]
    return tuple([f"purpose {name} is not armed" for name in sorted(unarmed)] + first + ["halted"] * control.halted)
