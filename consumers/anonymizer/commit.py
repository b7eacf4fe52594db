"""The commit point: what a service may carry out, decided by the items alone and written before it is done."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from consumers.anonymizer.reading import Order
from consumers.domain.item import Command
from consumers.domain.outcomes import record_outcome
from consumers.domain.policy import Policy, Purpose
from consumers.domain.verdicts import Verdict, judge
from consumers.items import Change, Items, Stored, races
from consumers.ports import Clock, Metrics, RecordSink
from consumers.runtime.measures import RACES, WRITES


class Ruling(NamedTuple):
    """What may be done about an order, and the item it was decided on. `objection`: what this service's guard says."""

    order: Order
    verdict: Verdict
    stored: Stored
    objection: str | None = None

    @property
    def command(self) -> Command:
        """The committed command; only of an order that may be carried out."""
        command = self.stored.item.of(self.order.purpose).command
        assert command is not None, "what may be carried out has a command"
        return command

    @property
    def go(self) -> bool:
        """Whether the database may be changed."""
        return self.verdict.step in {"COMMIT", "CONFIRM", "GO_ON"}


class Outcome(NamedTuple):
    """What a service did for an order, to be written into its item."""

    order: Order
    outcome: str
    deferred_until: int | None = None


class Commits:
    """Writes commits, replays and outcomes of one service."""

    def __init__(self, service: str, items: Items, sink: RecordSink, clock: Clock, metrics: Metrics) -> None:
        self._service, self._items, self._sink = service, items, sink
        self._clock, self._metrics = clock, metrics

    def rule(
        self,
        orders: Sequence[Order],
        purpose: Purpose,
        policy: Policy,
        *,
        carried_out: Collection[str],
        halted: bool,
        objections: Mapping[str, str],
        replayed: Mapping[str, Stored],
    ) -> list[Ruling]:
        """Rule on each order; commits and replays are written and acknowledged on lapse.state when this returns.

        `replayed`: items of customers as they were with their replay before the caller's barrier.
        """
        rulings: dict[str, Ruling] = {}
        open_orders = {order.customer_id: order for order in orders}
        items = {**self._items.read(open_orders.keys() - replayed.keys()), **replayed}
        for _ in races():
            judged = [
                self._judge(
                    open_orders[customer],
                    stored,
                    purpose,
                    policy,
                    carried_out,
                    objections.get(customer),
                    halted=halted,
                    waited=customer in replayed,
                )
                for customer, stored in items.items()
            ]
            items, replayed = self._settle(judged, policy, rulings), {}
            if not items:
                break
        self._sink.flush()
        return [rulings[order.customer_id] for order in orders]

    def _judge(
        self,
        order: Order,
        stored: Stored,
        purpose: Purpose,
        policy: Policy,
        carried_out: Collection[str],
        objection: str | None,
        *,
        halted: bool,
        waited: bool,
    ) -> Ruling:
        verdict = judge(
            stored.item,
            purpose,
            self._service,
            order.command_id,
            policy,
            self._clock.now(),
            carried_out=order.command_id in carried_out,
            halted=halted,
            attempt=order.attempt,
            objects=objection is not None,
            waited=waited,
        )
        return Ruling(order, verdict, stored, objection)

    def _settle(self, judged: Sequence[Ruling], policy: Policy, rulings: dict[str, Ruling]) -> dict[str, Stored]:
        """Write what must be written first; the items to rule on again."""
        to_write = [each for each in judged if each.verdict.item is not each.stored.item]
        results = self._items.write([Change(each.stored, each.verdict.item) for each in to_write], policy)
        again = {stored.item.customer_id: stored for stored, done in results if not done}
        self._count(len(results), len(again))
        standing = {stored.item.customer_id: stored for stored, done in results if done}
        for each in judged:
            customer = each.order.customer_id
            if customer not in again:
                ruling = each._replace(stored=standing.get(customer, each.stored))
                rulings[customer] = ruling
                if ruling.verdict.step != "SUPERSEDED":
                    # whoever goes on with a committed item publishes it: its writer may have died before it could
                    self._items.publish(ruling.stored)
        return again

    def record(self, outcomes: Sequence[Outcome], policy: Policy) -> None:
        """Write outcomes; completed items are published. What is not owed any more changes nothing."""
        owed = {each.order.customer_id: each for each in outcomes}
        items: Mapping[str, Stored] = self._items.read(owed) if owed else {}
        for _ in races():
            changes, now = [], self._clock.now()
            for customer, stored in items.items():
                order, outcome, until = owed[customer]
                after = record_outcome(stored.item, order.purpose, order.command_id, self._service, outcome, now, until)
                if after is not None:
                    changes.append(Change(stored, after))
            results = self._items.write(changes, policy)
            self._publish_completed(results, owed)
            items = {stored.item.customer_id: stored for stored, done in results if not done}
            self._count(len(results), len(items))
            if not items:
                break

    def _publish_completed(self, results: Sequence[tuple[Stored, bool]], owed: Mapping[str, Outcome]) -> None:
        for stored, done in results:
            order = owed[stored.item.customer_id].order
            if done and stored.item.of(order.purpose).command is None:
                self._items.publish(stored)

    def _count(self, tried: int, lost: int) -> None:
        self._metrics.count(WRITES, tried - lost, role="anonymizer")
        self._metrics.count(RACES, lost, role="anonymizer")
