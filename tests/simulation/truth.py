"""What really happened, seen from outside the roles, and the promises checked at every write.

It reads what the product writes, but decides by `tests.support.oracle` and by what it saw itself: which events were
acknowledged before a batch began, which commands were committed, what each database carried out, when each guard was
asked.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from consumers.adapters.memory.clock import MemoryClock
from consumers.adapters.memory.store import MemoryRow
from consumers.adapters.memory.table import MemoryTable
from consumers.domain import rows
from consumers.domain.item import Command, Item
from consumers.domain.names import Names
from consumers.domain.policy import Policy
from consumers.domain.work import Carried, Task
from consumers.item_record import from_bytes
from consumers.ports import Record, Row
from consumers.runtime.records import position_of
from consumers.state.reading import Understood, read_record
from schemas.codec import decode
from schemas.validate import PERSONAL_DATA
from tests.simulation.known import Committed, Entry, Known, time_of
from tests.simulation.lateness import Told, late
from tests.simulation.processes import Process
from tests.simulation.promises import ViolationError, promise
from tests.simulation.telling import Telling
from tests.simulation.transitions import others, transitions
from tests.support import oracle

DAY = 24 * 3600 * 1_000_000
VOTERS = frozenset({"cards", "loans"})
"""Services with a guard."""
SKEW = 90 * 1_000_000
"""No clock of a process is wrong by more; what is due by one that is ahead is not premature."""


class Truth(Known):
    """Watches. Raises a ViolationError where a promise is broken.

    Attributes:
        seen: Transitions of the protocol, by writer, and how often.
        telling: What is told, against what the table says.
        committed: When each command was first committed, whatever became of the table since.
        carried: Where the message stood that a database carried out, by service and command.
        told_late: What was reported as come after its commit.
        services_restored: Databases that were put back to a backup.
        story: What happened, in order, a line each.
    """

    def __init__(self, clock: MemoryClock, table: MemoryTable, names: Names, policy: Policy) -> None:
        super().__init__(clock, table, policy)
        self._names = names
        self.telling = Telling(self, table, names)
        self.seen: Counter[str] = Counter()
        self.ends: defaultdict[int, int] = defaultdict(int)
        self.committed: dict[tuple[str, str, str], int] = {}
        self.carried: dict[tuple[str, str], tuple[int, int]] = {}
        self.services_restored: set[str] = set()
        self.told_late: set[Told] = set()
        self.approved: dict[str, tuple[int, int]] = {}
        self._claimed_at: dict[tuple[str, str, int], int] = {}
        self._queries: defaultdict[tuple[str, str], list[tuple[int, bool]]] = defaultdict(list)
        self._claims: list[tuple[int, int, str]] = []
        self._began: dict[Process, tuple[int, dict[int, int], int]] = {}
        self.story: list[str] = []

    # ---- what happens ------------------------------------------------------------------------------------------------

    def tell(self, what: str, who: str = "") -> None:
        """Count what happened, and note it down."""
        self.seen[what] += 1
        self.story.append(f"{time_of(self._clock.now()):%m-%d %H:%M:%S.%f} {what} {who}".rstrip())

    def began(self, process: Process) -> None:
        """A role begins a step: what is acknowledged by now, its barrier must wait for; the policy in force counts."""
        self._began[process] = self._clock.now(), dict(self.ends), len(self.policies)
        self.telling.began(process)

    def appended(self, record: Record) -> None:
        """A record was acknowledged."""
        if record.topic == self._names.results:
            self._answered(record)
        if record.topic != self._names.events:
            return
        self.ends[record.partition] = record.offset + 1
        read = read_record(record, PERSONAL_DATA)
        self.tell("event", f"{record.partition}-{record.offset} {read}")
        place = record.partition, record.offset, position_of(record)
        if isinstance(read, Understood):
            self.entries[read.customer_id].append(Entry(*place, read.event))
            return
        for customer in read.holds:
            self.entries[customer].append(Entry(*place, None))
        if read.halts:
            self.halting.append(Entry(*place, None))

    def _answered(self, record: Record) -> None:
        answer = decode(record.value, {"AnonymizationResult"}).fields
        if answer["outcome"] == "LATE":
            self.told_late.add(Told(answer["customer_id"], answer["purpose"], answer["command_id"]))

    def asked(self, service: str, customers: Iterable[str], found: Collection[str]) -> None:
        """A guard was asked."""
        for customer in customers:
            self._queries[service, customer].append((self._clock.now(), customer in found))

    def wrote(self, process: Process, before: Row | None, after: Row | None) -> None:
        """A row of the table was written."""
        row = after or before
        assert row is not None, "something was written"
        if after:
            self.telling.wrote(after)
        match row.key.sub_id:
            case "STATE":
                self._item(process, from_bytes(before.body) if before else Item(row.key.id), after)
            case "POSITION" if after:
                self._position(int(row.key.id.partition("#")[2]), before, after)
            case "PLAN" if after:
                self._plan(before, after)
            case "POLICY" if after:
                self.policies.append((self._clock.now(), rows.policy(after.body)))
                self.tell("person: POLICY")
            case _:
                self.tell(f"{_role(process)}: {row.key.sub_id}", row.key.id)

    def changed(
        self,
        process: Process,
        service: str,
        tasks: Sequence[Task],
        carried: Sequence[Carried],
        before: Mapping[str, MemoryRow],
        ledger: Collection[str],
    ) -> None:
        """A database was changed."""
        for task, done in zip(tasks, carried, strict=True):
            self.tell(f"{_role(process)}: database {done.outcome}", f"{task.customer_id} {task.command_id[:8]}")
            if done.rows:
                self._row_changed(service, task, before[task.customer_id], ledger)
            if done.outcome in {"DONE", "NOTHING_FOUND"}:
                self.carried[service, task.command_id] = task.partition, task.offset

    # ---- the promises ------------------------------------------------------------------------------------------------

    def _row_changed(self, service: str, task: Task, row: MemoryRow, ledger: Collection[str]) -> None:
        at = self.committed.get((task.customer_id, task.purpose, task.command_id))
        promise(3, at is not None, f"{service} anonymized {task.customer_id} under a command nobody committed")
        assert at is not None
        came_later = self.created[row.value] > at
        owed = (service, task.command_id) in self.owed[row.value] and task.command_id not in ledger
        again = (service, task.command_id) in self.carried and not owed
        promise(4, not (came_later and again), f"{service} erased {task.customer_id}, who came back, once more")

    def _item(self, process: Process, before: Item, after: Row | None) -> None:
        role = _role(process)
        if after is None:
            self.tell(f"{role}: forgotten", before.customer_id)
            return
        item = from_bytes(after.body)
        claimed = 0  # the attempt; one customer, whatever he is due for
        for name in sorted({*before.purposes, *item.purposes}):
            for what in transitions(before, item, name):
                self.tell(f"{role}: {what}", f"{item.customer_id} {name} {process.name}")
                if role != "person":  # a rebuild writes what was committed long ago
                    self._transition(process, what, before, item, name)
                    if what.startswith("claim"):
                        claimed = max(claimed, item.of(name).attempt)
        if claimed:
            self._claim(item.customer_id, claimed)
        for what in others(before, item):
            self.tell(f"{role}: {what}", item.customer_id)

    def _transition(self, process: Process, what: str, before: Item, item: Item, name: str) -> None:
        was, now = before.of(name).command, item.of(name).command
        if now and what.startswith(("claim", "anew")):
            promise(7, self._is_due(process, before, name), f"{item.customer_id} claimed for {name} before he is due")
            self._claimed_at[item.customer_id, name, now.attempt] = self._clock.now()
        elif was and what == "withdrawn" and _role(process) not in {"state", "ticker", "person"}:
            self.refused.add((item.customer_id, name, was.attempt))
        elif now and what == "commit":
            self._commit(process, before, item, name, now)
        elif now and what == "replay":
            self._replay(process, item, name, now)
        elif was and not now and what in {"complete", "replay called off"}:
            self._complete(item, name)

    def _claim(self, customer: str, attempt: int) -> None:
        since = self._clock.now() - DAY + 2 * SKEW
        claim = self._clock.now(), attempt * 1_000_000, customer
        self._claims = [*(each for each in self._claims if each[0] > since), claim]
        # a restored table knows who was claimed within a day, not how often; and when that was decided, not written
        known = {each for _, decided, each in self._claims if decided > since} | {customer}
        claims = len(known if self.table_restored else self._claims)
        allowed = self.policy.cap + sum(budget for at, budget in self.approved.values() if at > since)
        promise(11, claims <= allowed, f"{claims} claims within a day, {allowed} allowed")

    def _commit(self, process: Process, before: Item, item: Item, name: str, command: Command) -> None:
        customer = item.customer_id
        self._nothing_ignored(process, before, 2)
        promise(2, self._is_due(process, before, name), f"{customer} committed for {name} before he is due")
        self._votes(process, item, name, command)
        self.commits.append(Committed(customer, name, command.id, item))
        self.committed[customer, name, command.id] = self._clock.now()

    def _is_due(self, process: Process, item: Item, name: str) -> bool:
        """Whether a customer is due by any policy that was in force since the process began."""
        history, latest = self.history(item.customer_id, item), time_of(self._clock.now() + SKEW)
        dates = [oracle.due(history, each.purposes[name], each) for each in self._in_force(process)]
        return any(isinstance(due, datetime) and due <= latest for due in dates)

    def _in_force(self, process: Process) -> list[Policy]:
        return [policy for _, policy in self.policies[self._began[process][2] - 1 :]]

    def _votes(self, process: Process, item: Item, name: str, command: Command) -> None:
        attempt = item.customer_id, name, command.attempt
        promise(3, attempt not in self.refused, f"{item.customer_id} committed in an attempt that was refused")
        # it may stand still between its decision and its write, which no objection came between
        youngest = self._began[process][0] - self.policy.lease - 2 * SKEW
        since = max(self._claimed_at.get(attempt, 0), youngest)
        for service in {*command.services} & VOTERS:
            agreed = any(at >= since and not no for at, no in self._queries[service, item.customer_id])
            promise(3, agreed, f"{item.customer_id} committed, {service} has not agreed to this attempt")

    def _replay(self, process: Process, item: Item, name: str, command: Command) -> None:
        if _role(process) == "ticker":  # a deferred service is taken up again, whatever is postponed meanwhile
            return
        self._nothing_ignored(process, item, 4)
        news = self.since(item, name, self._acknowledged(process, item.customer_id))
        promise(4, not news, f"{item.customer_id} replayed for {name} ({command.id[:8]}) in spite of newer activity")

    def _nothing_ignored(self, process: Process, item: Item, number: int) -> None:
        """Everything acknowledged before the process began is in the item it acts on."""
        for entry in self._acknowledged(process, item.customer_id):
            if not self.is_in(item, entry):
                what = "an event" if entry.event else "an unreadable record"
                raise ViolationError(number, f"{what} of {item.customer_id} was ignored: {entry.position}")
        halted = [each for each in self.halting if self._before(process, each) and not self.released(each)]
        promise(number, not halted, f"{item.customer_id}: acted upon although a record for nobody halts")

    def _acknowledged(self, process: Process, customer: str) -> list[Entry]:
        return [each for each in self.entries[customer] if self._before(process, each)]

    def _before(self, process: Process, entry: Entry) -> bool:
        return entry.offset < self._began[process][1].get(entry.partition, 0)

    def _position(self, partition: int, before: Row | None, after: Row) -> None:
        old = rows.position(before.body).offset if before else 0
        new = rows.position(after.body).offset
        self.tell("state: POSITION " + ("on" if new > old else "back" if new < old else "kept"), f"{partition} {new}")
        for customer, found in self.entries.items():
            for entry in found:
                if entry.partition == partition and old <= entry.offset < new:
                    self._contained(customer, entry)
        for entry in self.halting:
            if entry.partition == partition and old <= entry.offset < new:
                row = self._table.read([rows.ALL_HALT]).get(rows.ALL_HALT)
                named = row is not None and entry.position in rows.halt(row.body).positions
                promise(1, named or self.released(entry), f"POSITION passed {entry.position}, nothing halts")

    def _contained(self, customer: str, entry: Entry) -> None:
        item = self.item(customer)
        held = entry.position in item.holds or "overflow" in item.holds
        promise(1, held or self.is_in(item, entry), f"POSITION passed {entry.position}, {customer} is without it")
        untold = entry.event and late(item, self.policy, entry.event) - self.told_late
        promise(2, not untold, f"POSITION passed {entry.position}, which came late and was not reported")

    def _complete(self, item: Item, name: str) -> None:
        last = item.of(name).last
        assert last is not None, "it is complete"
        for service in last.services:
            excused = last.outcomes.get(service) in {"ABANDONED", "DEFERRED"}
            done = excused or (service, last.id) in self.carried
            promise(3, done, f"{item.customer_id} complete for {name}, {service} never carried it out")

    def _plan(self, before: Row | None, after: Row) -> None:
        old = rows.tick_plan(before.body) if before else None
        new = rows.tick_plan(after.body)
        self.tell(f"ticker: plan {old.state if old else 'new'} -> {new.state}", f"{new.budget} left, {new.taken} taken")
        if new.state == "APPROVED":
            self.approved[new.tick_id] = self._clock.now(), new.budget
        elif new.tick_id in self.approved:  # a person let it go, whenever it claims
            self.approved[new.tick_id] = self._clock.now(), self.approved[new.tick_id][1]


def _role(process: Process) -> str:
    return process.name.partition("/")[0]
