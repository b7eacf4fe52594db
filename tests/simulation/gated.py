"""The ports as one process sees them: every call is a place to wait or to die, and may fail, also after it was done."""

from collections.abc import Collection, Mapping, Sequence
from random import Random

from consumers.adapters.memory.broker import MemoryBroker
from consumers.adapters.memory.clock import MemoryClock
from consumers.adapters.memory.offsets import MemoryOffsets
from consumers.adapters.memory.source import MemorySource
from consumers.adapters.memory.store import MemoryStore
from consumers.adapters.memory.table import MemoryTable
from consumers.domain.errors import TransientError
from consumers.domain.rows import Key
from consumers.domain.work import Carried, Finding, LedgerRow, Task
from consumers.ports import Headers, IndexEntry, Lost, Partition, Polled, Row, Write
from tests.simulation.processes import Process
from tests.simulation.truth import Truth


class Faults:
    """How often what fails, of all calls; everything works while it is calm.

    Attributes:
        rate: Chance that a call fails before it is done, or after it, each.
        stale: Chance that an index page is not as the table.
        table_away: Whether no call reaches the table.
    """

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.rate = 0.0
        self.stale = 0.0
        self.table_away = False

    def table(self) -> None:
        """Maybe not reach the table."""
        if self.table_away:
            raise TransientError("throttled", code="throttled")
        self.before("throttled")

    def before(self, code: str) -> None:
        """Maybe fail, nothing done."""
        if self.chance.random() < self.rate:
            raise TransientError(code, code=code)

    def after(self, code: str) -> None:
        """Maybe fail, everything done: the answer is lost."""
        if self.chance.random() < self.rate:
            raise TransientError(code, code=code)


class GatedClock:
    """A process's own clock: wrong by its skew, and waiting lets others go on. Fulfils Clock."""

    def __init__(self, clock: MemoryClock, process: Process) -> None:
        self._clock, self._process = clock, process

    def now(self) -> int:
        """True time and skew."""
        return self._clock.now() + self._process.skew

    def wait(self, seconds: float) -> None:
        """Let others go on."""
        self._process.sleep(seconds)


class GatedTable:
    """The table over a network. Rows of a batch are written one by one. Fulfils Table."""

    def __init__(self, table: MemoryTable, process: Process, faults: Faults, truth: Truth) -> None:
        self._table, self._process, self._faults, self._truth = table, process, faults, truth
        self._ghosts: dict[str, list[IndexEntry]] = {}

    def read(self, keys: Collection[Key]) -> Mapping[Key, Row]:
        """Strongly consistent, row by row."""
        self._process.reach("table.read")
        self._faults.table()
        found: dict[Key, Row] = {}
        for key in keys:
            if found and self._faults.chance.random() < 0.05:
                self._process.reach("table.read")
            found |= self._table.read([key])
        return found

    def write(self, writes: Sequence[Write]) -> Sequence[Lost | None]:
        """Each write may be the last before the process dies, or the answer is lost."""
        answers = []
        for write in writes:
            self._process.reach("table.write")
            self._faults.table()
            before = self._table.read([write.key]).get(write.key)
            [answer] = self._table.write([write])
            answers.append(answer)
            if answer is None:
                self._truth.wrote(self._process, before, self._table.read([write.key]).get(write.key))
            self._faults.after("timed_out")
        self._process.reach("table.written")
        return answers

    def due(self, due_shard: str, until: int, limit: int, after: IndexEntry | None = None) -> Sequence[IndexEntry]:
        """The index, sometimes as it was a while ago."""
        found = list(self._table.due(due_shard, until, limit, after))
        ghosts = self._ghosts.setdefault(due_shard, [])
        if not found and not ghosts:
            return found
        self._process.reach("table.due")
        self._faults.table()
        if self._faults.chance.random() < self._faults.stale and after is None:
            found = self._faults.chance.choice([ghosts[-3:], found[1:]])
        ghosts += [each for each in found if each not in ghosts]
        return sorted({each.id: each for each in found}.values(), key=lambda each: (each.next_action_at, each.id))

    def count(self, due_shard: str, until: int) -> int:
        """As the index is now."""
        return self._table.count(due_shard, until)


class GatedSink:
    """A producer: what was sent is delivered by the flush, or earlier, or never where the process dies before."""

    def __init__(self, broker: MemoryBroker, process: Process, faults: Faults, truth: Truth) -> None:
        self._broker, self._process, self._faults, self._truth = broker, process, faults, truth
        self._waiting: list[tuple[str, bytes | None, bytes | None, Headers]] = []

    def send(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers = ()) -> None:
        """Hand over; sometimes everything waiting leaves at once."""
        self._truth.telling.sent(self._process, topic, key, value, headers)
        self._waiting.append((topic, key, value, headers))
        if self._faults.chance.random() < 0.1:
            self._deliver()

    def flush(self) -> None:
        """Deliver all; or some, and fail: what failed is not delivered later."""
        if self._waiting:
            self._process.reach("sink.flush")
        if self._waiting and self._faults.chance.random() < self._faults.rate:
            del self._waiting[self._faults.chance.randrange(len(self._waiting)) :]
            self._deliver()
            raise TransientError("not acknowledged", code="timed_out")
        while self._waiting:
            self._deliver(1)
            if self._faults.chance.random() < 0.2:
                self._process.reach("sink.delivering")

    def close(self) -> None:
        """Nothing to release."""

    def _deliver(self, at_most: int | None = None) -> None:
        batch = self._waiting[:at_most]
        self._waiting = self._waiting[len(batch) :]
        for topic, key, value, headers in batch:
            self._truth.appended(self._broker.append(topic, key, value, headers))


class GatedSource(MemorySource):
    """A consumer. `die` throws it out of its group, while its process may go on without knowing."""

    def __init__(self, broker: MemoryBroker, topic: str, group: str, process: Process, faults: Faults) -> None:
        super().__init__(broker, [topic], group)
        self._process, self._faults = process, faults

    def poll(self, max_records: int, timeout: float) -> Polled:
        """Sleep once where there is nothing."""
        self._process.in_hand = ()
        self._process.reach("poll")
        polled = super().poll(max_records, 0)
        if timeout and not any(polled):
            self._process.sleep(timeout)
            polled = super().poll(max_records, 0)
        return polled

    def committed(self, partitions: Collection[Partition]) -> Mapping[Partition, int | None]:
        """The group's committed offsets."""
        self._process.reach("source.committed")
        self._faults.before("transport")
        return super().committed(partitions)

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Commit; the answer may be lost."""
        self._process.reach("source.commit")
        self._faults.before("transport")
        super().commit(offsets)
        self._faults.after("transport")


class GatedOffsets(MemoryOffsets):
    """What the broker says, after a while."""

    def __init__(self, broker: MemoryBroker, process: Process, faults: Faults) -> None:
        super().__init__(broker)
        self._process, self._faults = process, faults

    def end(self, topic: str) -> Mapping[int, int]:
        """End offsets by partition."""
        self._process.reach("offsets.end")
        self._faults.before("transport")
        return super().end(topic)

    def passed(self, group: str, topic: str, at: int) -> bool:
        """Whether a group is past what was appended before `at`."""
        self._process.reach("offsets.passed")
        self._faults.before("transport")
        return super().passed(group, topic, at)


class GatedStore:
    """A database over a network. Fulfils Store."""

    def __init__(self, service: str, store: MemoryStore, process: Process, faults: Faults, truth: Truth) -> None:
        self._service, self._store, self._process = service, store, process
        self._faults, self._truth = faults, truth

    @property
    def rules_digest(self) -> str:
        """The store's."""
        return self._store.rules_digest

    @property
    def votes(self) -> bool:
        """The store's."""
        return self._store.votes

    def guard(self, customer_ids: Sequence[str]) -> Mapping[str, str]:
        """Who is active, as the query found it. Without a guard it only stands still: its barrier is behind it."""
        self._process.in_hand = tuple(customer_ids)
        if not self._store.votes:
            self._process.reach("store.guarded")
            return {}
        self._process.reach("store.guard")
        self._faults.before("refused")
        found = self._store.guard(customer_ids)
        self._truth.asked(self._service, customer_ids, found)
        self._process.reach("store.guarded")
        return found

    def preflight(self) -> list[Finding]:
        """The store's."""
        return self._store.preflight()

    def altered(self) -> bool:
        """The store's."""
        return self._store.altered()

    def ledger(self, command_ids: Sequence[str]) -> Mapping[str, LedgerRow]:
        """What was carried out here."""
        self._process.reach("store.ledger")
        self._faults.before("refused")
        return self._store.ledger(command_ids)

    def unflagged(self, customer_ids: Sequence[str]) -> frozenset[str]:
        """Who has rows that are not anonymized."""
        self._process.reach("store.unflagged")
        self._faults.before("refused")
        return self._store.unflagged(customer_ids)

    def count(self, customer_ids: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        """What a run would change."""
        self._process.reach("store.count")
        return self._store.count(customer_ids)

    def anonymize(self, tasks: Sequence[Task]) -> Sequence[Carried]:
        """One transaction; the answer may be lost."""
        self._process.reach("store.anonymize")
        self._faults.before("refused")
        before, ledger = dict(self._store.rows), frozenset(self._store.rows_of_ledger)
        carried = self._store.anonymize(tasks)
        self._truth.changed(self._process, self._service, tasks, carried, before, ledger)
        self._process.reach("store.anonymized")
        self._faults.after("timed_out")
        return carried

    def close(self) -> None:
        """Nothing to release."""
