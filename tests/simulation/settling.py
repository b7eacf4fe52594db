"""Faults stop: whoever is due has to be done everywhere, or held for a reason that has a name."""

from datetime import datetime

from consumers.domain.item import Item
from consumers.operations.modes import resume_everything
from tests.simulation.chaos import Chaos
from tests.simulation.installation import CUSTOMERS, POLICY, Installation
from tests.simulation.known import time_of
from tests.simulation.lateness import late
from tests.simulation.promises import ViolationError
from tests.simulation.repairs import apply, approve_the_halted, discard_the_hopeless, redrive
from tests.simulation.truth import DAY
from tests.support.build import HOUR

ROUNDS = 30
PATIENCE = 20_000


def settle(whole: Installation, chaos: Chaos) -> None:
    """Let everything come to its end."""
    _repair(whole, chaos)
    for number in range(ROUNDS):
        chaos.tick()
        approve_the_halted(whole)
        _rest(whole)
        if number >= 2 and not _unfinished(whole):
            _nothing_late_untold(whole)
            return
        whole.clock.wait((4 * DAY if number == 3 else POLICY.lease + HOUR // 6) / 1_000_000)
        if number == 2:
            whole.person("redrive", redrive)
            chaos.disasters.replay_restored()
    raise ViolationError(8, "; ".join(_unfinished(whole)))


def _nothing_late_untold(whole: Installation) -> None:
    """What occurred before the last commit and came after it was reported."""
    for customer in CUSTOMERS:
        untold = late(whole.truth.item(customer), POLICY) - whole.truth.told_late
        if untold:
            raise ViolationError(2, f"what came after a commit was not reported: {untold}")


def _repair(whole: Installation, chaos: Chaos) -> None:
    chaos.calm()
    whole.stop("person")
    whole.down.clear()
    whole.scheduler.frozen.clear()
    for service, store in whole.world.stores.items():
        store.failing.clear()
        store.locked.clear()
        if store.active:
            store.active.clear()
        whole.world.mode(service, "live")
    whole.start_missing()
    whole.clock.wait(2 * HOUR / 1_000_000)
    resume_everything(whole.world.table, "ann", whole.clock, whole.world.stamp)
    whole.person("redrive", redrive)
    for _ in range(2):  # a role may write by the older policy while it is put in force
        whole.person("policy", lambda seen: apply(seen, POLICY))
        _rest(whole)
    whole.person("discard", discard_the_hopeless)
    _rest(whole)


def _rest(whole: Installation) -> None:
    """Run until everything is read and everybody sleeps."""
    calm = 0
    for _ in range(PATIENCE):
        whole.start_missing()
        now = whole.clock.now()
        processes = [each for each in whole.scheduler.processes if each.alive]
        if all(each.wakes_at > now for each in processes):
            calm = calm + 1 if _all_read(whole) else 0
            if calm > 2:
                return
        whole.scheduler.step()
    raise ViolationError(8, f"it does not come to rest: {[(each.name, each.point) for each in processes]}")


def _all_read(whole: Installation) -> bool:
    world = whole.world
    groups = [(world.names.state_group, world.names.events), (world.names.ticker_group, world.names.ticks)]
    groups += [(world.names.anonymizer_group(service), world.names.commands) for service in world.stores]
    return not any(world.offsets.lag(group, topic) for group, topic in groups)


def _unfinished(whole: Installation) -> list[str]:
    return [each for customer in CUSTOMERS for name in POLICY.purposes for each in _of(whole, customer, name)]


def _of(whole: Installation, customer: str, name: str) -> list[str]:
    truth, item = whole.truth, whole.truth.item(customer)
    due = truth.due(customer, name)
    left = []
    if isinstance(due, datetime) and due <= time_of(whole.clock.now() - HOUR):
        left.append(f"{customer} is due for {name} since {due} and not done")
    if item.of(name).command:
        left.append(f"{customer} has a command for {name} in flight")
    return left + [f"{service} still has {customer}" for service in _partial(whole, item, name)]


def _partial(whole: Installation, item: Item, name: str) -> list[str]:
    """Services that keep rows from before the last commit, though others have erased theirs."""
    last = item.of(name).last
    if last is None:
        return []
    left = []
    for service in last.services:
        row = whole.world.stores[service].rows.get(item.customer_id)
        committed = whole.truth.committed[item.customer_id, name, last.id]
        held = bool(item.holds) and service in item.of(name).deferred
        # nothing is replayed against a hold
        restored = service in whole.truth.services_restored and bool(item.holds or whole.truth.since(item, name))
        if row and not row.anonymized and whole.truth.created[row.value] <= committed and not (restored or held):
            left.append(service)
    return left
