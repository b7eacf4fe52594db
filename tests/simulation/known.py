"""What a test knows of each customer by itself: what was acknowledged, what was committed, and so who is due."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from consumers.adapters.memory.clock import MemoryClock
from consumers.adapters.memory.table import MemoryTable
from consumers.domain import rows
from consumers.domain.item import Item, outstanding
from consumers.domain.policy import Policy
from consumers.domain.registers import Event
from consumers.item_record import from_bytes
from tests.support import oracle
from tests.support.oracle import Commit, Step


class Entry(NamedTuple):
    """A record on the events topic, for one customer. `event` None: it cannot be handled, and must hold."""

    partition: int
    offset: int
    position: str
    event: Event | None


class Committed(NamedTuple):
    """A commit as written. `item` is the customer's as it then stood."""

    customer: str
    purpose: str
    command: str
    item: Item


class Known:
    """Facts, in the order in which they took effect.

    Attributes:
        policies: Those that were in force, each with since when.
        entries: Records of the events topic, by customer.
        halting: Records that could name nobody.
        commits: Those the table still knows of.
        created: When each row of a database came to be, by its value.
        owed: Services and commands outstanding by then, of those committed: they are one with it.
        refused: Attempts a guard has objected to, by customer and purpose.
    """

    def __init__(self, clock: MemoryClock, table: MemoryTable, policy: Policy) -> None:
        self._clock, self._table = clock, table
        self.policies: list[tuple[int, Policy]] = [(0, policy)]
        self.entries: defaultdict[str, list[Entry]] = defaultdict(list)
        self.halting: list[Entry] = []
        self.commits: list[Committed] = []
        self.created: dict[str, int] = {}
        self.owed: dict[str, set[tuple[str, str]]] = {}
        self.refused: set[tuple[str, str, int]] = set()
        self.table_restored = False

    @property
    def policy(self) -> Policy:
        """The one in force."""
        return self.policies[-1][1]

    def item(self, customer: str) -> Item:
        """As the table has it."""
        row = self._table.read([rows.state_key(customer)]).get(rows.state_key(customer))
        return from_bytes(row.body) if row else Item(customer)

    def arrived(self, customer: str, value: str) -> None:
        """Rows of a customer came to be."""
        self.created[value] = self._clock.now()
        commands = [state.command for state in self.item(customer).purposes.values() if state.command]
        committed = [each for each in commands if each.phase == "COMMITTED"]
        self.owed[value] = {(service, each.id) for each in committed for service in outstanding(each)}

    def due(self, customer: str, name: str) -> oracle.Due:
        """When a customer is due by everything acknowledged and committed."""
        item = self.item(customer)
        held = any(not each.event and not self.is_in(item, each) for each in self.entries[customer])
        person = any(each.startswith("person:") for each in item.holds)
        history = self.history(customer)
        return oracle.due(history, self.policy.purposes[name], self.policy, held=held or person)

    def put_back(self) -> None:
        """The table is another one: what it says about the policy is in force."""
        row = self._table.read([rows.ALL_POLICY])[rows.ALL_POLICY]
        self.policies.append((self._clock.now(), rows.policy(row.body)))
        self.refused.clear()  # it may know nothing of them: who is still in flight is asked anew

    def rebuilt(self, published: Iterable[Item]) -> None:
        """The table was restored: a commit that neither the copy nor a published item has never was one."""
        self.table_restored = True
        known = set()
        for item in [*published, *map(self.item, self.entries)]:
            for name, state in item.purposes.items():
                for command in (state.last, state.command):
                    if command and command.committed_at is not None:
                        known.add((item.customer_id, name, command.id))
        self.commits = [each for each in self.commits if each[:3] in known]

    def history(self, customer: str, until: Item | None = None) -> list[Step]:
        """Events and commits of a customer in the order in which they took effect; `until`: what this item knows."""
        item = until or self.item(customer)
        left = {each.event for each in self.entries[customer] if each.event and not self._skipped(item, each)}
        history: list[Step] = []
        for commit in self.commits:
            if commit.customer == customer:
                known = [each for each in left if _contains(commit.item, each)]
                history += [*known, Commit(commit.purpose)]
                left -= set(known)
        return history + [each for each in left if until is None or _contains(until, each)]

    def _skipped(self, item: Item, entry: Entry) -> bool:
        """Whether a person has discarded the record, and no copy of it was folded before."""
        return entry.position in item.discarded and not (entry.event and _contains(item, entry.event))

    def since(self, item: Item, name: str, entries: Iterable[Entry] | None = None) -> list[Event]:
        """What was said about a customer that no commit of the purpose has used up."""
        known = [each.item for each in self.commits if (each.customer, each.purpose) == (item.customer_id, name)]
        said = [each for each in (self.entries[item.customer_id] if entries is None else entries) if each.event]
        return [
            each.event
            for each in said
            if each.event
            and not self._skipped(item, each)
            and self.policy.lists(self.policy.purposes[name], each.event.product)
            and not any(_contains(one, each.event) for one in known)
        ]

    def is_in(self, item: Item, entry: Entry) -> bool:
        """Whether the item knows the record, or a person has discarded it."""
        if entry.position in item.discarded:
            return True
        if entry.event:
            return _contains(item, entry.event)
        return self._lifted(item, entry)

    def _lifted(self, item: Item, entry: Entry) -> bool:
        """Whether a copy of an unreadable record could be read at last, and is in the item."""
        copies = [each for each in self.entries[item.customer_id] if each.position == entry.position and each.event]
        return any(each.event and _contains(item, each.event) for each in copies)

    def released(self, entry: Entry) -> bool:
        """Whether a record that halts was discarded, or its copy told whom it meant."""
        row = self._table.read([rows.ALL_HALT]).get(rows.ALL_HALT)
        told_apart = any(each.position == entry.position for found in self.entries.values() for each in found)
        return told_apart or (row is not None and entry.position in rows.halt(row.body).discarded)


def _contains(item: Item, event: Event) -> bool:
    """Whether the item knows the event, or a newer one of its kind that stands for it."""
    product = item.products.get(event.product)
    register = product and (product.schedule if event.kind == "schedule" else product.postpone)
    return register is not None and register[:3] >= event.register[:3]


def time_of(micros: int) -> datetime:
    """Microseconds as a time of day, UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
