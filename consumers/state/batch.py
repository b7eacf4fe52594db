"""One batch folded into the table: per customer one decision, one conditional write, repeated where a race was lost."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from consumers.domain.folding import Late, fold, hold, prune
from consumers.domain.index import index_keys
from consumers.domain.policy import Policy
from consumers.domain.registers import Event
from consumers.items import Change, Items, Stored, races
from consumers.ports import Clock, Metrics
from consumers.runtime.measures import RACES, WRITES
from consumers.state.cache import Cache


class Task(NamedTuple):
    """What a batch has for one customer: events to fold, in order, and records that hold them (position, code)."""

    events: list[Event]
    bad: list[tuple[str, str]]


class Written(NamedTuple):
    """What is to be told of a batch once its items are written.

    `late`: news that came after a commit, with its customer. `too_many`: positions of events refused by the bound of
    products. `discarded`: positions of bad records a person has discarded.
    """

    late: list[tuple[str, Late]]
    too_many: set[str]
    discarded: set[str]


class Decision(NamedTuple):
    """A customer's item after the batch, what was late, and which events did not fit."""

    change: Change
    late: tuple[Late, ...] = ()
    refused: tuple[Event, ...] = ()


class BatchWriter:
    """Folds tasks into items and publishes each as written; safe after the sink's flush."""

    def __init__(self, items: Items, cache: Cache, clock: Clock, metrics: Metrics) -> None:
        self._items, self._cache = items, cache
        self._clock, self._metrics = clock, metrics

    def write(self, tasks: Mapping[str, Task], policy: Policy) -> Written:
        """Write every task. A second call with the same tasks changes nothing."""
        written = Written([], set(), set())
        items = self._known(tasks)
        for _ in races():
            now = self._clock.now()
            decisions = [_decide(items[customer], tasks[customer], policy, now) for customer in items]
            judged = [(each, _is_news(each, policy)) for each in decisions]
            again = self._carry_out([each for each, is_news in judged if is_news], policy, written)
            again |= self._confirm([each for each, is_news in judged if not is_news], written)
            _note_discarded(tasks, items, again, written)
            if not again:
                break
            items = again
        return written

    def _known(self, customers: Iterable[str]) -> dict[str, Stored]:
        known = {customer: self._cache.get(customer) for customer in customers}
        missing = [customer for customer, stored in known.items() if stored is None]
        found = {customer: stored for customer, stored in known.items() if stored is not None}
        return found | (self._items.read(missing) if missing else {})

    def _carry_out(self, decisions: list[Decision], policy: Policy, written: Written) -> dict[str, Stored]:
        """Write and publish; the items to decide about again, as they stand now."""
        results = self._items.write([each.change for each in decisions], policy)
        lost = {}
        for decision, (stored, done) in zip(decisions, results, strict=True):
            self._cache.put(stored)
            if not done:
                lost[stored.item.customer_id] = stored
                continue
            self._items.publish(stored)
            written.late.extend((stored.item.customer_id, late) for late in decision.late)
            written.too_many.update(event.position for event in decision.refused)
        self._metrics.count(WRITES, len(results) - len(lost), role="state")
        self._metrics.count(RACES, len(lost), role="state")
        return lost

    def _confirm(self, unchanged: Collection[Decision], written: Written) -> dict[str, Stored]:
        """What brought no news may have been written but never told: read it strongly, publish what stands.

        The items that are not as the decision saw them, to decide about again.
        """
        changed = {}
        found = self._items.read([each.change.before.item.customer_id for each in unchanged]) if unchanged else {}
        for decision in unchanged:
            before = decision.change.before
            stands = found[before.item.customer_id]
            self._cache.put(stands)
            if stands.row != before.row:
                changed[before.item.customer_id] = stands
            elif stands.row is not None:
                self._items.publish(stands)
                written.late.extend((stands.item.customer_id, late) for late in decision.late)
        return changed


def _decide(before: Stored, task: Task, policy: Policy, now: int) -> Decision:
    folded = fold(before.item, task.events, policy, now)
    after = folded.item
    read = {event.position for event in task.events}  # the copy of a bad record among them, where all is read again
    for position, code in task.bad:
        after = after if position in read else hold(after, position, code, now)
    if len(after.products) > len(before.item.products):
        after = prune(after, policy, now)
    return Decision(Change(before, after), folded.late, folded.refused)


def _is_news(decision: Decision, policy: Policy) -> bool:
    """Or its place in the index is by an older policy: `lapse state touch` misses who was written, never published."""
    before, after, _ = decision.change
    return after is not before.item or (before.row is not None and before.row.keys != index_keys(after, policy))


def _note_discarded(
    tasks: Mapping[str, Task], items: Mapping[str, Stored], again: Collection[str], written: Written
) -> None:
    for customer, stored in items.items():
        if customer not in again:
            named = {position for position, _ in tasks[customer].bad}
            written.discarded.update(named & stored.item.discarded.keys())
