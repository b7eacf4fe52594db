"""A tick: planned once, capped over a rolling day, its budget taken before anybody is claimed."""

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple

from consumers.domain.errors import PermanentError
from consumers.domain.policy import Policy

DAY = 24 * 3600 * 1_000_000
HISTORY_KEPT = 35 * DAY
KNOWN_SINCE = 7 * DAY  # a mean of fewer days says little
State = Literal["DRY_RUN", "GOING", "HALTED", "APPROVED", "ENDED"]


class Report(NamedTuple):
    """What a tick found before it touched anyone: customers due in all, by purpose, and what stands in the way."""

    due: int
    by_purpose: Mapping[str, int]
    allowance: int
    blockers: tuple[str, ...] = ()

    def digest(self) -> str:
        """SHA-256 of the report, hex: what a person approved."""
        plain = {**self._asdict(), "by_purpose": dict(self.by_purpose)}
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


class Plan(NamedTuple):
    """The row `tick#T, PLAN`. `budget` is what may still be claimed, `taken` what has been; both in customers."""

    tick_id: str
    as_of: int
    requested_by: str
    planned_at: int
    state: State
    report: Report
    budget: int = 0
    taken: int = 0
    approved_by: str | None = None
    approved_at: int | None = None
    approved_digest: str | None = None


class Used(NamedTuple):
    """One tick in the row `ticks, HISTORY`: customers claimed until it ended `at`, or reserved while it is `going`."""

    at: int
    customers: int
    going: bool = False


History = Mapping[str, Used]


def allowance(history: History, policy: Policy, tick_id: str, now: int) -> int:
    """What the caps leave for a tick: less what others reserved, or used and ended in the last 24 hours."""
    others = [used for tick, used in history.items() if tick != tick_id]
    spent = sum(used.customers for used in others if used.going or used.at > now - DAY)
    return max(min(policy.cap, relative_cap(others, policy, now)) - spent, 0)


def relative_cap(others: Collection[Used], policy: Policy, now: int) -> int:
    """From the eighth day on: `growth` times the mean per day, for each day since the last complete tick.

    So two days without a tick leave room for what came due in them. Never below what a first run may claim, or an
    installation that had nothing due for a week could never claim again.
    """
    ended = [used for used in others if not used.going]
    first = min((used.at for used in ended), default=now)
    if now - first < KNOWN_SINCE:
        return policy.cap
    mean = sum(used.customers for used in ended) / ((now - first) / DAY)
    days = max((now - max(used.at for used in ended)) / DAY, 1.0)
    return max(int(policy.growth * mean * days), policy.first_run)


def plan(
    tick_id: str,
    as_of: int,
    requested_by: str,
    report: Report,
    now: int,
    *,
    dry_run: bool,
    first_run: int | None = None,
) -> Plan:
    """Decide once what a tick may do: more due than the caps leave means halted before anyone is touched.

    `first_run` bounds the budget while a live service has never been claimed for: the rest waits for the next tick.
    """
    state: State = "DRY_RUN" if dry_run else ("HALTED" if report.due > report.allowance else "GOING")
    budget = report.allowance if state == "GOING" else 0
    budget = budget if first_run is None else min(budget, first_run)
    return Plan(tick_id, as_of, requested_by, now, state, report, budget)


def approve(halted: Plan, name: str, now: int) -> Plan:
    """A named person lets a halted tick go for as many customers as its report says. PermanentError: it is not."""
    if halted.state != "HALTED":
        raise PermanentError(f"this tick is {halted.state}, only a HALTED one can be approved")
    return halted._replace(
        state="APPROVED",
        budget=halted.report.due,
        approved_by=name,
        approved_at=now,
        approved_digest=halted.report.digest(),
    )


def take(going: Plan, customers: int) -> Plan:
    """Take budget for a batch, as much as is left; taken counts as used, whatever becomes of the batch."""
    taken = min(customers, going.budget)
    return going._replace(budget=going.budget - taken, taken=going.taken + taken)


def end(going: Plan) -> Plan:
    """End a tick: nothing is left to claim under its name, whoever still holds it."""
    return going._replace(state="ENDED", budget=0)


def reserve(history: History, going: Plan, now: int) -> dict[str, Used]:
    """The history with a going tick's whole claim reserved, old entries dropped; as it is where the tick has ended."""
    stands = history.get(going.tick_id)
    if stands and not stands.going:
        return dict(history)  # somebody else ended it while this ticker was paused
    kept = {tick: used for tick, used in history.items() if used.going or used.at > now - HISTORY_KEPT}
    return {**kept, going.tick_id: Used(now, going.budget + going.taken, going=True)}


def settle(history: History, ended: Plan, now: int) -> dict[str, Used]:
    """The history with an ended tick's reservation lowered to what it took; a second call changes nothing."""
    stands = history.get(ended.tick_id)
    if stands and not stands.going:
        return dict(history)
    return {**history, ended.tick_id: Used(now, ended.taken)}
