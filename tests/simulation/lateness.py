"""What occurred before a commit and came after it, read from the item alone."""

from typing import NamedTuple

from consumers.domain.item import Item, PurposeState
from consumers.domain.policy import Policy
from consumers.domain.registers import Event, Register


class Told(NamedTuple):
    """A report that something came too late for a commit."""

    customer: str
    purpose: str
    command: str


def late(item: Item, policy: Policy, event: Event | None = None) -> set[Told]:
    """The reports that are owed for what the item says; `event`: for this one alone, if it stands."""
    owed = set()
    for name, state in item.purposes.items():
        commit = _last_commit(state)
        for product, (schedule, postpone) in item.products.items():
            registers = [each for each in (schedule, postpone) if each and _is(each, product, event)]
            unspent = [each for each in registers if name not in each.spent]
            listed = policy.lists(policy.purposes[name], product)
            if commit and listed and any(each.occurred_at <= commit[1] for each in unspent):
                owed.add(Told(item.customer_id, name, commit[0]))
    return owed


def _is(register: Register, product: str, event: Event | None) -> bool:
    return event is None or (product == event.product and register[:3] == event.register[:3])


def _last_commit(state: PurposeState) -> tuple[str, int] | None:
    for command in (state.command, state.last):
        if command and command.committed_at is not None:
            return command.id, command.committed_at
    return None
