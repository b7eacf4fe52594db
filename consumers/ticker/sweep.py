"""The sweep of a tick: shard by shard through the index, each item read strongly, decided, written, sent.

Whoever reads an item from the index acts on it or writes back its recomputed keys; only an unarmed purpose, a spent
budget or a halt leaves it where it is.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import structlog

from consumers.command_record import send_command
from consumers.domain.commands import Decided, Sent, claim, claimable, put_off, resume_deferred, serve_leases
from consumers.domain.index import SHARDS, Prefix, index_keys
from consumers.domain.item import Item, owing
from consumers.domain.policy import Policy
from consumers.items import Change, Items, Stored
from consumers.ports import ActiveProducts, Clock, FaultPoints, IndexEntry, Metrics, RecordSink, Table, TopicOffsets
from consumers.runtime.barrier import Barrier
from consumers.runtime.control import Control
from consumers.runtime.index_pages import index_pages
from consumers.runtime.measures import CLAIMED, RACES, WRITES

COPY_MARGIN = 2 * 60 * 1_000_000
SWEPT: tuple[Prefix, ...] = ("lease", "partial", "due", "forget")
log = structlog.get_logger()


class Topics(NamedTuple):
    """Where commands go, and the group of a service."""

    commands: str
    group: Callable[[str], str]


class Sweep:
    """Serves leases and claims what is due."""

    def __init__(
        self,
        *,
        table: Table,
        items: Items,
        sink: RecordSink,
        offsets: TopicOffsets,
        barrier: Barrier,
        topics: Topics,
        clock: Clock,
        metrics: Metrics,
        faults: FaultPoints,
        active: ActiveProducts | None = None,
    ) -> None:
        self._table, self._items, self._sink, self._offsets = table, items, sink, offsets
        self._barrier, self._topics = barrier, topics
        self._clock, self._metrics, self._faults = clock, metrics, faults
        self._active = active
        self._unsent: dict[str, tuple[Sent, ...]] = {}

    def run(self, as_of: int, take: Callable[[int], int]) -> int:
        """Sweep every shard; `take` grants budget. How many customers were claimed."""
        # before the index is read: what was acknowledged before the tick is in it
        self._barrier.wait()
        self._send_unsent()
        return sum(self._sweep(prefix, number, as_of, take) for number in range(SHARDS) for prefix in SWEPT)

    def _sweep(self, prefix: Prefix, number: int, as_of: int, take: Callable[[int], int]) -> int:
        until = min(as_of, self._clock.now()) if prefix == "due" else self._clock.now()
        pages = index_pages(self._table, prefix, number, until)
        return sum(self._page(page, as_of, take) for page in pages)

    def _page(self, page: Sequence[IndexEntry], as_of: int, take: Callable[[int], int]) -> int:
        self._barrier.wait()
        control = Control.read(self._table)
        items = self._items.read(entry.id for entry in page)
        now = self._clock.now()
        present = {
            customer: stored
            for customer, stored in items.items()
            if stored.row and not self._forgotten(stored, control, now)
        }
        served = self._leases(present, control, now)
        served = self._put_off_active(served, control, min(as_of, now), now)
        granted = self._granted(served, control, min(as_of, now), take)
        decided = {
            customer: _claimed(served[customer], customer in granted, control, as_of, now) for customer in served
        }
        self._write(present, decided, control.policy)
        self._metrics.count(CLAIMED, len(granted))
        return len(granted)

    def _leases(self, items: Mapping[str, Stored], control: Control, now: int) -> dict[str, Decided]:
        past = self._past_the_copy(items, now)
        return {customer: _served(stored, control, past, now) for customer, stored in items.items()}

    def _put_off_active(self, served: Mapping[str, Decided], control: Control, at: int, now: int) -> dict[str, Decided]:
        """Claim nobody whom the central check of active products names, or cannot tell about, before his retry."""
        if self._active is None or control.halted:
            return dict(served)
        due = [customer for customer, each in served.items() if _claimable(each, control, at)]
        named = self._active.active(due) if due else {}
        return {
            customer: each._replace(item=put_off(each.item, control.policy, control.modes, at, now))
            if customer in named
            else each
            for customer, each in served.items()
        }

    def _past_the_copy(self, items: Mapping[str, Stored], now: int) -> set[str]:
        """Services whose groups have read beyond the youngest copy among the expired commands."""
        sent: dict[str, int] = {}
        for stored in items.values():
            for state in stored.item.purposes.values():
                if state.command and state.command.lease_until <= now:
                    for service in owing(state.command):
                        sent[service] = max(sent.get(service, 0), state.command.sent_at)
        return {service for service, at in sent.items() if self._passed(service, at)}

    def _passed(self, service: str, sent_at: int) -> bool:
        return self._offsets.passed(self._topics.group(service), self._topics.commands, sent_at + COPY_MARGIN)

    def _granted(
        self, served: Mapping[str, Decided], control: Control, at: int, take: Callable[[int], int]
    ) -> set[str]:
        """The customers of the page that may be claimed: due, armed, nothing halted, budget taken."""
        if control.halted:
            return set()
        due = [customer for customer, each in served.items() if _claimable(each, control, at)]
        return set(due[: take(len(due))]) if due else set()

    def _write(self, before: Mapping[str, Stored], decided: Mapping[str, Decided], policy: Policy) -> None:
        changes = {
            customer: Change(before[customer], each.item)
            for customer, each in decided.items()
            if each.item is not before[customer].item or _misplaced(before[customer], policy)
        }
        self._unsent = {customer: decided[customer].sent for customer in changes if decided[customer].sent}
        results = self._items.write(list(changes.values()), policy)
        self._faults.reach("ticker.after_claim")
        written = [stored for stored, done in results if done]
        for stored in written:
            self._tell(stored, decided[stored.item.customer_id].sent)
        self._sink.flush()
        self._unsent = {}
        self._metrics.count(WRITES, len(written), role="ticker")
        self._metrics.count(RACES, len(results) - len(written), role="ticker")

    def _send_unsent(self) -> None:
        """Send what stands in the table of a page that something went away under: else it would wait for its lease."""
        if not self._unsent:
            return
        for customer, stored in self._items.read(self._unsent).items():
            if stands := [sent for sent in self._unsent[customer] if _stands(stored.item, sent)]:
                self._tell(stored, stands)
        self._sink.flush()
        self._unsent = {}

    def _tell(self, stored: Stored, sent: Iterable[Sent]) -> None:
        """Publish an item as written, then its commands. Safe after the sink's flush."""
        self._items.publish(stored)
        for each in sent:
            send_command(self._sink, self._topics.commands, stored.item, each)

    def _forgotten(self, stored: Stored, control: Control, now: int) -> bool:
        keys = index_keys(stored.item, control.policy)
        ripe = keys is not None and keys.due_shard.startswith("forget#") and keys.next_action_at <= now
        return ripe and self._items.forget(stored)


def _served(stored: Stored, control: Control, past: Collection[str], now: int) -> Decided:
    """What a tick owes a customer before any claim: deferred services taken up again, leases looked after."""
    resumed = resume_deferred(stored.item, control.policy, now)
    served = serve_leases(resumed.item, control.policy, control.modes, past, now, voters=control.voters)
    return Decided(served.item, resumed.sent + served.sent)


def _claimable(decided: Decided, control: Control, at: int) -> bool:
    return bool(claimable(decided.item, control.policy, control.modes, at))


def _claimed(served: Decided, granted: bool, control: Control, as_of: int, now: int) -> Decided:
    if not granted:
        return served
    claimed = claim(served.item, control.policy, control.modes, as_of, now, voters=control.voters)
    return Decided(claimed.item, served.sent + claimed.sent)


def _stands(item: Item, sent: Sent) -> bool:
    command = item.of(sent.purpose).command
    return command is not None and (command.id, command.attempt) == (sent.command.id, sent.command.attempt)


def _misplaced(stored: Stored, policy: Policy) -> bool:
    return stored.row is not None and index_keys(stored.item, policy) != stored.row.keys
