"""Folding: what the state consumer makes of events, in any order and any number of times."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from consumers.domain.due import facts
from consumers.domain.item import MAX_HOLDS, MAX_PRODUCTS, OVERFLOW, Discarded, Hold, Item, PurposeState
from consumers.domain.policy import Policy
from consumers.domain.registers import Event, Product, counts, identity, with_event

TOO_MANY_PRODUCTS = "too_many_products"
MARGIN = 30 * 24 * 3600 * 1_000_000


class Late(NamedTuple):
    """A statement that occurred before a commit but arrived after it: kept, and reported."""

    purpose: str
    command_id: str
    attempt: int
    event: Event


class Folded(NamedTuple):
    """The item after a batch; the very same object where nothing was news. `refused` events are held in it."""

    item: Item
    late: tuple[Late, ...] = ()
    refused: tuple[Event, ...] = ()


def fold(item: Item, events: Sequence[Event], policy: Policy, now: int) -> Folded:
    """Fold events of one customer into the item.

    A command not yet committed is withdrawn if the facts of its purpose changed. Folding a record, or a redriven copy
    of it, lifts the hold in its name; nothing else does. A discarded record is skipped. What is late is told again with
    every copy while it counts: who folded the first may have died, or lost the broker, before it was told.
    """
    products, holds = dict(item.products), dict(item.holds)
    told: list[Event] = []
    refused: list[Event] = []
    changed = False
    for event in events:
        if event.position in item.discarded:
            continue
        before = products.get(event.product)
        if before is None and len(products) >= MAX_PRODUCTS:
            refused.append(event)
            continue
        holds.pop(event.position, None)
        after = with_event(before, event)
        if after is not before:
            changed, products[event.product] = True, after
        stands = after.schedule if event.kind == "schedule" else after.postpone
        if stands and identity(stands) == identity(event.register):
            told.append(event._replace(register=stands))
    late = tuple(_late(item, told, policy))
    if not (changed or refused) and len(holds) == len(item.holds):
        return Folded(item, late)
    folded = _withdraw(item._replace(products=products, holds=holds), item, policy)
    for event in refused:
        folded = hold(folded, event.position, TOO_MANY_PRODUCTS, now)
    return Folded(folded, late, tuple(refused))


def hold(item: Item, position: str, code: str, now: int) -> Item:
    """The item held because the record at `position` could not be handled; unchanged if a person discarded it."""
    if position in item.discarded or position in item.holds:
        return item
    name = position if len(item.holds) < MAX_HOLDS else OVERFLOW
    return item._replace(holds={**item.holds, name: item.holds.get(name, Hold(now, code))})


def discard(item: Item, position: str, by: str, reason: str, now: int) -> Item:
    """The item with the record at `position` skipped for ever, by a person's decision, and its hold gone."""
    holds = {name: each for name, each in item.holds.items() if name != position}
    return item._replace(holds=holds, discarded={**item.discarded, position: Discarded(now, by, reason)})


def prune(item: Item, policy: Policy, now: int) -> Item:
    """The item without products that no event in the log and no command can refer to any more.

    What a commit has spent was appended before it, so it has left the log once the last commit of every purpose that
    lists it is older than the log. (When it occurred says nothing: old facts are imported every day.)
    """
    states = item.purposes.values()
    if any(state.command for state in states) or not any(state.last for state in states):
        return item
    oldest = now - policy.log_retention - MARGIN
    kept = {name: product for name, product in item.products.items() if not _past(item, name, product, policy, oldest)}
    return item if len(kept) == len(item.products) else item._replace(products=kept)


def _past(item: Item, name: str, product: Product, policy: Policy, oldest: int) -> bool:
    listing = [purpose.name for purpose in policy.purposes.values() if policy.lists(purpose, name)]
    return bool(listing) and all(
        not counts(product, purpose) and (last := item.of(purpose).last) is not None and last.committed_at < oldest
        for purpose in listing
    )


def _withdraw(folded: Item, before: Item, policy: Policy) -> Item:
    """Remove uncommitted commands and retries of the purposes whose facts changed."""
    purposes: Mapping[str, PurposeState] = folded.purposes
    for name, state in purposes.items():
        pending = state.command is not None and state.command.phase != "COMMITTED"
        if (pending or state.retry_at is not None) and _news_for(name, folded, before, policy):
            command = None if pending else state.command
            folded = folded.having(name, state._replace(command=command, retry_at=None))
    return folded


def _news_for(name: str, folded: Item, before: Item, policy: Policy) -> bool:
    purpose = policy.purposes.get(name)
    return purpose is None or facts(folded, purpose, policy) != facts(before, purpose, policy)


def _late(item: Item, told: Sequence[Event], policy: Policy) -> list[Late]:
    late = []
    for name, state in item.purposes.items():
        purpose, committed = policy.purposes.get(name), _last_commit(state)
        if purpose is None or committed is None:
            continue
        command, committed_at = committed
        late += [
            Late(name, command, state.attempt, event)
            for event in told
            if event.register.occurred_at <= committed_at
            and name not in event.register.spent
            and policy.lists(purpose, event.product)
        ]
    return late


def _last_commit(state: PurposeState) -> tuple[str, int] | None:
    if state.command and state.command.committed_at is not None:
        return state.command.id, state.command.committed_at
    return state.last and (state.last.id, state.last.committed_at)
