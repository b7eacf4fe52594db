"""The vote of a service: one query for the batch, then each answer into the item, under its condition.

A service without a guard that is asked all the same (nobody knew yet that it has none) agrees.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from consumers.anonymizer.purpose import purpose_in_force
from consumers.anonymizer.reading import Order
from consumers.anonymizer.trail import Answer, Trail
from consumers.command_record import send_command
from consumers.domain.commands import Sent
from consumers.domain.item import Item
from consumers.domain.policy import Policy, Purpose
from consumers.domain.votes import refused, vote
from consumers.items import Change, Items, Stored, races
from consumers.ports import Clock, FaultPoints, Metrics, RecordSink, Store
from consumers.runtime.control import Control
from consumers.runtime.measures import RACES, WRITES

REFUSED = "REFUSED"


class Cast(NamedTuple):
    """What a vote makes of an item. `answer` None: nothing is to be said; `after` None: nothing to be written."""

    answer: str | None
    after: Item | None = None
    send: bool = False
    publish: bool = False


class Voting:
    """Answers CheckCustomer for one service."""

    def __init__(
        self,
        service: str,
        *,
        items: Items,
        store: Store,
        sink: RecordSink,
        commands: str,
        trail: Trail,
        clock: Clock,
        metrics: Metrics,
        faults: FaultPoints,
    ) -> None:
        self._service, self._items, self._store, self._sink = service, items, store, sink
        self._commands, self._trail = commands, trail
        self._clock, self._metrics, self._faults = clock, metrics, faults

    def vote(self, orders: Sequence[Order], control: Control) -> None:
        """Vote on each order, one per customer. What is not asked any more is answered SUPERSEDED."""
        asked_at = self._clock.now()
        objections = self._store.guard([order.customer_id for order in orders])
        purpose = purpose_in_force(control, orders[0].purpose, self._service)
        by_customer = {order.customer_id: order for order in orders}
        items = self._items.read(by_customer)
        for _ in races():
            now = self._clock.now()
            cast = {
                customer: self._cast(
                    stored.item, by_customer[customer], purpose, control.policy, objections, asked_at, now
                )
                for customer, stored in items.items()
            }
            items = self._write(items, cast, by_customer, control.policy, objections, asked_at)
            if not items:
                break
        self._faults.reach("anonymizer.after_vote")

    def _cast(
        self,
        item: Item,
        order: Order,
        purpose: Purpose,
        policy: Policy,
        objections: Mapping[str, str],
        asked_at: int,
        now: int,
    ) -> Cast:
        if order.customer_id in objections:
            withdrawn = refused(item, purpose, order.command_id, order.attempt, policy, now)
            return Cast("SUPERSEDED") if withdrawn is None else Cast(REFUSED, withdrawn, publish=True)
        voted = vote(item, purpose.name, order.command_id, order.attempt, self._service, asked_at, now)
        if voted is None:
            # everybody reads the question; who has no guard is not meant and says nothing
            return Cast("SUPERSEDED" if self._store.votes else None)
        how, after = voted
        command = after.of(purpose.name).command
        issued = command is not None and command.phase == "ISSUED"
        return Cast("AGREED", after if how == "RECORDED" else None, send=issued, publish=issued)

    def _write(
        self,
        items: Mapping[str, Stored],
        cast: Mapping[str, Cast],
        orders: Mapping[str, Order],
        policy: Policy,
        objections: Mapping[str, str],
        asked_at: int,
    ) -> dict[str, Stored]:
        """Write the votes, send what they complete; the items to vote on again."""
        changes = [Change(items[customer], each.after) for customer, each in cast.items() if each.after is not None]
        results = self._items.write(changes, policy)
        again = {stored.item.customer_id: stored for stored, done in results if not done}
        standing = {stored.item.customer_id: stored for stored, done in results if done}
        for customer, each in cast.items():
            if customer not in again:
                self._tell(orders[customer], each, standing.get(customer, items[customer]), objections, asked_at)
        self._metrics.count(WRITES, len(standing), role="anonymizer")
        self._metrics.count(RACES, len(again), role="anonymizer")
        return again

    def _tell(self, order: Order, cast: Cast, stored: Stored, objections: Mapping[str, str], asked_at: int) -> None:
        if cast.publish:
            self._items.publish(stored)
        command = stored.item.of(order.purpose).command
        if cast.send and command is not None:
            send_command(self._sink, self._commands, stored.item, Sent(order.purpose, command))
        if cast.answer is None:
            return
        self._trail.send(
            Answer(
                order,
                cast.answer,
                {},
                asked_at,
                table_version=stored.row.version if stored.row else None,
                error_code=objections.get(order.customer_id) if cast.answer == REFUSED else None,
            )
        )
