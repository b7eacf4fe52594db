"""The books: what the databases and the table say at the end, against an oracle that knows acknowledged events alone.

A statement is *certain* for a command if it was acknowledged before the command was first sent: the barrier that every
service takes after reading the command must have seen it. It is *possible* if it had been sent by the time the command
was committed. Which of the possible ones a command knew stands in its id, which is made from facts.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain, combinations
from typing import Final, Literal, NamedTuple

from consumers.domain.due import command_id
from consumers.domain.item import Item
from consumers.domain.policy import Policy
from consumers.domain.registers import Event, Product, with_event
from consumers.domain.retention import moment
from tests.chaos.customers import Customer, Said
from tests.support.oracle import Commit, Due, Step, due

EMAIL: Final = re.compile(r"[0-9a-f]{32}@anonymized\.invalid")
Wrong = Literal["lost", "premature", "partial", "neighbours", "late", "letters", "item"]


class Entry(NamedTuple):
    """A row of a service's ledger."""

    command: str
    committed_at: int
    outcome: str


class Found(NamedTuple):
    """What stands at the end. Rows (name, email, flag) and ledgers by service and customer; `sent`: when each command
    was first sent to be carried out; `late`: customer and command of each statement reported late; letters: code by
    original position. Times are microseconds.
    """

    now: int
    rows: Mapping[str, Mapping[str, tuple[str, str, bool]]]
    ledgers: Mapping[str, Mapping[str, Sequence[Entry]]]
    sent: Mapping[str, int]
    items: Mapping[str, Item]
    late: Collection[tuple[str, str]]
    letters: Mapping[str, str]


class Difference(NamedTuple):
    """What is not as it must be. Customers of this load are nobody."""

    wrong: Wrong
    customer: str
    why: str


class Command(NamedTuple):
    """A command as the ledgers know it: which services carried it out, and what it knew."""

    id: str
    committed_at: int
    services: frozenset[str]


class Books:
    """Checks customer by customer."""

    def __init__(self, found: Found, policy: Policy, purpose: str) -> None:
        self._found, self._policy, self._purpose = found, policy, policy.purposes[purpose]

    def differences(self, customers: Collection[Customer]) -> list[Difference]:
        """Everything that is wrong; empty when all is right."""
        wrong = [each for customer in customers for each in self._of(customer)]
        return [*wrong, *self._letters(customers)]

    def _of(self, customer: Customer) -> Iterator[Difference]:
        commands = self.commands(customer)
        for command in commands:
            if command.services != set(self._purpose.services):
                yield Difference("partial", customer.id, f"{command.id}: only {', '.join(sorted(command.services))}")
        entries = [entry for ledger in self._found.ledgers.values() for entry in ledger.get(customer.id, ())]
        if len({(entry.command, entry.committed_at) for entry in entries}) > len(commands):
            yield Difference("partial", customer.id, "ledgers disagree about when a command was committed")
        expected = _outcomes(customer, commands)
        for entry in entries:
            if entry.outcome != expected[entry.command]:
                yield Difference("partial", customer.id, f"{entry.command}: {entry.outcome} in a ledger")
        yield from self._too_early(customer, commands)
        yield from self._rows(customer, commands)
        yield from self._item(customer)

    def commands(self, customer: Customer) -> list[Command]:
        """The commands any ledger has for a customer, oldest first."""
        found: dict[str, tuple[int, set[str]]] = {}
        for service, ledger in self._found.ledgers.items():
            for entry in ledger.get(customer.id, ()):
                found.setdefault(entry.command, (entry.committed_at, set()))[1].add(service)
        made = [Command(name, at, frozenset(services)) for name, (at, services) in found.items()]
        return sorted(made, key=lambda command: command.committed_at)

    # ---- when, and whether at all ------------------------------------------------------------------------------------

    def _too_early(self, customer: Customer, commands: Sequence[Command]) -> Iterator[Difference]:
        history: list[Step] = []
        for command in commands:
            sent = self._found.sent.get(command.id)
            if sent is None:
                yield Difference("premature", customer.id, f"{command.id}: in a ledger, but never sent")
                return
            known = self._known(customer, command, sent)
            if known is None:
                yield Difference("premature", customer.id, f"{command.id}: is not the command of what was acknowledged")
                return
            history += [event for event in known if event not in history]
            yield from self._at_commit(customer, command, sent, self._due(history))
            history.append(Commit(self._purpose.name))
            yield from self._unreported(customer, command, history)
        history += [event for event in _all(customer) if event not in history]
        yield from self._at_the_end(customer, commands, self._due(history))

    def _known(self, customer: Customer, command: Command, sent: int) -> list[Event] | None:
        """What the command's id says it knew: all that is certain and some of what is possible."""
        certain = [said.event for said in customer.said if said.acknowledged < sent]
        possible = [said.event for said in _sayings(customer) if said.sent <= command.committed_at]
        open_ = [event for event in possible if event not in certain]
        for chosen in chain.from_iterable(combinations(open_, count) for count in range(len(open_) + 1)):
            known = [event for event in possible if event in certain or event in chosen]
            if command_id(_item(customer.id, known), self._purpose, self._policy) == command.id:
                return known
        return None

    def _due(self, history: Sequence[Step]) -> Due:
        return due(history, self._purpose, self._policy)

    def _at_commit(self, customer: Customer, command: Command, sent: int, date: Due) -> Iterator[Difference]:
        if isinstance(date, str) or date > moment(command.committed_at):
            yield Difference("premature", customer.id, f"{command.id}: due {date}, committed all the same")
        if command.committed_at < customer.active_until:
            yield Difference("premature", customer.id, f"{command.id}: committed while the voting service objected")
        if any(record.acknowledged < sent < record.released for record in customer.unreadable):
            yield Difference("premature", customer.id, f"{command.id}: sent and committed while a record held")

    def _unreported(self, customer: Customer, command: Command, history: Sequence[Step]) -> Iterator[Difference]:
        """A statement that occurred before the commit and came after it has to be reported late."""
        for event in _all(customer):
            occurred = event.register.occurred_at
            is_late = occurred <= command.committed_at and event not in history
            if is_late and (customer.id, command.id) not in self._found.late:
                yield Difference("late", customer.id, f"{command.id}: an event that came too late was not reported")

    def _at_the_end(self, customer: Customer, commands: Sequence[Command], date: Due) -> Iterator[Difference]:
        let_be = customer.active_until > self._found.now or self.is_held(customer)
        if not isinstance(date, str) and date <= moment(self._found.now) and not let_be:
            yield Difference("lost", customer.id, f"due since {date}, {len(commands)} commands carried out")

    def is_held(self, customer: Customer) -> bool:
        """Whether a record that nobody let go of holds the customer."""
        return any(record.released > self._found.now for record in customer.unreadable)

    # ---- what stands -------------------------------------------------------------------------------------------------

    def _rows(self, customer: Customer, commands: Sequence[Command]) -> Iterator[Difference]:
        written = customer.rows[-1]
        changed = bool(commands) and commands[-1].committed_at >= written.at
        for service, rows in self._found.rows.items():
            row = rows.get(customer.id)
            if changed and not (row and row[0] == "Anonymized" and row[2] and EMAIL.fullmatch(row[1])):
                yield Difference("partial", customer.id, f"{service}: not anonymized, though committed")
            if not changed and row != (written.name, written.email, False):
                yield Difference("neighbours", customer.id, f"{service}: changed, though nothing was due")

    def _item(self, customer: Customer) -> Iterator[Difference]:
        item = self._found.items.get(customer.id, Item(customer.id))
        for name, product in _item(customer.id, _all(customer)).products.items():
            if _identities(item.products.get(name)) != _identities(product):
                yield Difference("lost", customer.id, f"{name}: the item does not have what was acknowledged last")
        held = {record.position for record in customer.unreadable if record.released > self._found.now}
        if item.holds.keys() != held:
            yield Difference("item", customer.id, f"held by {sorted(item.holds)}, expected {sorted(held)}")
        if item.of(self._purpose.name).command:
            yield Difference("item", customer.id, "a command is in flight")

    def _letters(self, customers: Collection[Customer]) -> Iterator[Difference]:
        published = {record.position: record for each in customers for record in each.unreadable}
        for position, code in self._found.letters.items():
            if position not in published or published[position].code != code:
                yield Difference("letters", "", f"{position}: {code} was not published as such")
        for position, record in published.items():
            if position not in self._found.letters and record.acknowledged < record.released:
                yield Difference("letters", "", f"{position}: {record.code} is no dead letter")


def _outcomes(customer: Customer, commands: Sequence[Command]) -> dict[str, str]:
    """What each command must have found: rows, if the application has written some since the command before."""
    before, outcomes = -1, {}
    for command in commands:
        fresh = any(before < row.at <= command.committed_at for row in customer.rows)
        outcomes[command.id] = "DONE" if fresh else "NOTHING_FOUND"
        before = command.committed_at
    return outcomes


def _sayings(customer: Customer) -> list[Said]:
    """All that was said, with what was believed only when it was sent again."""
    return [*customer.said, *(Said(each.event, each.released) for each in customer.unreadable if each.event)]


def _all(customer: Customer) -> list[Event]:
    return [said.event for said in _sayings(customer)]


def _item(customer: str, events: Collection[Event]) -> Item:
    products: dict[str, Product] = {}
    for event in events:
        products[event.product] = with_event(products.get(event.product), event)
    return Item(customer, products)


def _identities(product: Product | None) -> list[tuple[int, str, str] | None]:
    return [register and register[:3] for register in product or Product()]
