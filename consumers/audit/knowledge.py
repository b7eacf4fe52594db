"""What could be known of a customer after each event, and which command those facts give."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from consumers.audit.evidence import Held, Step
from consumers.domain.due import command_id, facts
from consumers.domain.folding import fold, hold
from consumers.domain.item import Item
from consumers.domain.policy import Policy, Purpose
from consumers.domain.registers import Event, identity

Span = tuple[int, int]


class Knowledge(NamedTuple):
    """`items[k]` is the customer after the first k steps, nothing spent."""

    steps: Sequence[Step]
    items: Sequence[Item]

    def before(self, at: int) -> int:
        """How many steps were appended before `at`."""
        return sum(step.at < at for step in self.steps)

    def spans(self, purpose: Purpose, policy: Policy) -> Mapping[str, Span]:
        """By command id: the first and the last k after which the facts give it. Facts only grow, so it is one run."""
        found: dict[str, Span] = {}
        last: tuple[object, str | None] = (None, None)
        for k, item in enumerate(self.items):
            if item.products is not last[0]:
                last = item.products, command_id(item, purpose, policy) if facts(item, purpose, policy) else None
            if last[1] is not None:
                found[last[1]] = (found.get(last[1], (k, k))[0], k)
        return found

    @property
    def told(self) -> bool:
        """Whether any event of the customer could be read."""
        return any(isinstance(step.said, Event) for step in self.steps)

    def news_after(self, k: int) -> bool:
        """Whether anything but copies was said after the first k steps: then the customer may have new rows."""
        copies = {identity(step.said.register) for step in self.steps[:k] if isinstance(step.said, Event)}
        return any(isinstance(said, Held) or identity(said.register) not in copies for _, said in self.steps[k:])

    def free_since(self) -> int:
        """When the last hold was lifted; 0 if none ever stood. Only while none stands."""
        held = [k for k, item in enumerate(self.items) if item.holds]
        return self.steps[held[-1]].at if held else 0


def known(customer_id: str, steps: Sequence[Step], policy: Policy) -> Knowledge:
    """Fold the steps one by one, as the state consumer may have read them."""
    items = [Item(customer_id)]
    for at, said in steps:
        before = items[-1]
        if isinstance(said, Held):
            items.append(hold(before, said.position, said.code, at))
        else:
            items.append(fold(before, [said], policy, at).item)
    return Knowledge(steps, items)
