"""The protocols roles need from the world outside. Adapters and stores fulfil them; app.py joins the two."""
# long because what the roles need of the world stands in one place

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from consumers.domain.index import IndexKeys
from consumers.domain.rows import Key
from consumers.domain.work import Carried, Finding, LedgerRow, Proof, Task

Headers = Sequence[tuple[str, bytes | None]]


class Clock(Protocol):
    """The time, and waiting for it."""

    def now(self) -> int:
        """Microseconds since the epoch, UTC."""

    def wait(self, seconds: float) -> None:
        """Let time pass."""


# ---- Kafka -----------------------------------------------------------------------------------------------------------


class Partition(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


class Record(NamedTuple):
    """A record as read. `timestamp` is the broker's append time in microseconds. `value` None is a tombstone."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Polled(NamedTuple):
    """What one poll brought.

    `ends` are partitions whose end was reached, with the offset that stands there (one past the last record or
    transaction marker). `assigned` partitions deliver nothing until `start` was called for all of them; `revoked`
    ones are gone already.
    """

    records: Sequence[Record] = ()
    ends: Mapping[Partition, int] = {}
    assigned: Collection[Partition] = ()
    revoked: Collection[Partition] = ()


class RecordSource(Protocol):
    """A consumer in a group. Offsets are those of the next record to be read (last handled + 1).

    Errors: TransientError when the broker is away; it may be called again.
    """

    def poll(self, max_records: int, timeout: float) -> Polled:
        """Wait up to `timeout` seconds for up to `max_records`. Keeps the group membership alive."""

    def start(self, offsets: Mapping[Partition, int | None]) -> None:
        """Begin to deliver newly assigned partitions at these offsets; None: at the committed one, else the start.

        Where a group that has committed nothing starts is committed at once.
        """

    def committed(self, partitions: Collection[Partition]) -> Mapping[Partition, int | None]:
        """The group's committed offsets."""

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Commit offsets, waiting for the broker's answer."""

    def pause(self) -> None:
        """Stop delivery of all assigned partitions; polling goes on."""

    def resume(self) -> None:
        """Deliver again from where it was paused."""

    def close(self) -> None:
        """Leave the group."""


class RecordSink(Protocol):
    """A producer: idempotent, all replicas."""

    def send(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers = ()) -> None:
        """Hand a record over; it is safe only after `flush`."""

    def flush(self) -> None:
        """Wait until all handed over since the last flush is acknowledged. TransientError: some of it may not be."""


class Unread(NamedTuple):
    """What a group has still to read: how many records, and since when (append time of the first, microseconds)."""

    records: int = 0
    since: int | None = None


class TopicOffsets(Protocol):
    """What the broker says about topics and groups. Errors: TransientError."""

    def end(self, topic: str) -> Mapping[int, int]:
        """End offsets by partition: after the last record appended, whether its transaction is decided or not."""

    def beginning(self, topic: str) -> Mapping[int, int]:
        """First offsets by partition that are still in the log."""

    def lag(self, group: str, topic: str) -> int:
        """How many records of a topic a group has still to read, transaction markers counted; all without offsets."""

    def unread(self, group: str, topic: str) -> Unread:
        """What a group can read and has not: nothing where only transaction markers or undecided records are left.

        Looks at the first record of each partition, from outside the group. Markers behind it are counted.
        """

    def committed(self, group: str, topic: str) -> Mapping[int, int | None]:
        """Committed offsets of a group by partition of a topic, None where there is none."""

    def since(self, topic: str, at: int) -> Mapping[int, int]:
        """Offsets of the first records appended at `at` (microseconds) or later, by partition; else the end."""

    def passed(self, group: str, topic: str, at: int) -> bool:
        """Whether a group is past, in every partition, all that was appended before `at` (microseconds).

        That is: its committed offset has reached the first record appended at or after `at`, or the end of the log.
        """


class Moved(NamedTuple):
    """Committed offsets of a group by partition, before and, as read back, after."""

    before: Mapping[int, int | None]
    after: Mapping[int, int | None]


class Groups(Protocol):
    """Consumer groups from outside. Errors: TransientError."""

    def members(self, group: str) -> int:
        """How many members a group has; 0 for one that does not exist."""

    def reset(self, group: str, topic: str, offsets: Mapping[int, int]) -> Moved:
        """Set a group's offsets by partition, and read them back. PermanentError: it has members."""


class TopicReader(Protocol):
    """Reads a topic from outside any group. Errors: TransientError, in which case the reading begins again."""

    def read(self, topic: str, starts: Mapping[int, int] | None = None) -> Iterator[Record]:
        """Every committed record from `starts` (the first ones where left out) to the end as it was at the first step.

        Within a partition in the order of the log; partitions in any order.
        """


# ---- the table -------------------------------------------------------------------------------------------------------


class Row(NamedTuple):
    """A row of the table. `version` and `stamp` are the condition of the next write; `keys` place it in the index."""

    key: Key
    version: int
    stamp: str
    body: bytes
    keys: IndexKeys | None = None


class Write(NamedTuple):
    """A conditional write: of `row` where `expected` (the row as read; None: no row) still stands.

    `row` None deletes it.
    """

    key: Key
    expected: Row | None
    row: Row | None


class Lost(NamedTuple):
    """The answer to a write whose condition failed: the row that stands there now, None where there is none."""

    current: Row | None


class Table(Protocol):
    """One table with an index, never scanned. All reads by key are strongly consistent. Errors: TransientError."""

    def read(self, keys: Collection[Key]) -> Mapping[Key, Row]:
        """The rows that exist among these keys."""

    def write(self, writes: Sequence[Write]) -> Sequence[Lost | None]:
        """Carry out conditional writes, each on its own; None where it was written. No key may occur twice.

        A write that stands already (same version and stamp) counts as written, so a batch may be repeated after a
        TransientError, where any of them may have been written. Removing a row that is gone counts as written.
        PermanentError: one was refused for good (size, missing table); the others may have been written.
        """

    def due(self, due_shard: str, until: int, limit: int, after: "IndexEntry | None" = None) -> Sequence["IndexEntry"]:
        """Entries of an index partition with `next_action_at <= until`, oldest first, after a given one.

        Eventually consistent: what it names must be read again before anything is done about it.
        """

    def count(self, due_shard: str, until: int) -> int:
        """How many entries `due` would give."""


class IndexEntry(NamedTuple):
    """An entry of the index."""

    id: str
    next_action_at: int


# ---- the databases with personal data --------------------------------------------------------------------------------


class Store(Protocol):
    """One database with personal data, seen through its rules. Errors: TransientError (away), PermanentError."""

    @property
    def rules_digest(self) -> str:
        """Hex SHA-256 of the rules in force."""

    @property
    def votes(self) -> bool:
        """Whether the rules have a guard, so that this service is asked before anybody is anonymized."""

    def guard(self, customer_ids: Sequence[str]) -> Mapping[str, str]:
        """Who must not be anonymized now, with a code: `active`, or why the guard fails for this customer alone.

        One statement for the batch; empty without a guard. Touches nothing.
        """

    def preflight(self) -> list[Finding]:
        """Compare the rules with the live schema. Empty: safe to run. Touches nothing."""

    def altered(self) -> bool:
        """Whether what pre-flight looked at is another since; one statement, asked with every batch. May miss some."""

    def ledger(self, command_ids: Sequence[str]) -> Mapping[str, LedgerRow]:
        """Ledger rows of these commands, by command id; one statement for the batch."""

    def unflagged(self, customer_ids: Sequence[str]) -> frozenset[str]:
        """Which of these customers have rows here that are not anonymized yet; one statement for the batch."""

    def count(self, customer_ids: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        """Rows per table that a run would change, per customer, in a transaction that is rolled back."""

    def anonymize(self, tasks: Sequence[Task]) -> Sequence[Carried]:
        """Carry out the batch in one transaction, ledger included; answers in the order of the tasks.

        If the batch fails for a reason of its data, each customer is tried alone. A second call changes nothing.
        """

    def close(self) -> None:
        """Release connections."""


class LedgeredStore(Store, Protocol):
    """A store that shows its ledger: to auditors, to who asks about a customer, and after a backup was restored."""

    def proofs(self, command_ids: Sequence[str]) -> Sequence[Proof]:
        """Whole ledger rows of these commands, those that are not there left out; empty without a ledger."""

    def carried(self, number: int, of: int, since: int) -> Sequence[Proof] | None:
        """Whole ledger rows of one partition of the commands (modulo `of`) carried out from `since` (microseconds) on.

        None: the rules keep no ledger.
        """

    def reached(self) -> Mapping[int, int] | None:
        """The highest command offset in the ledger by partition; None where there is no ledger."""


@runtime_checkable
class SweptStore(LedgeredStore, Protocol):
    """A store whose ledger is read a page at a time, and that finds data which came back without clearing its flag."""

    def page(self, after: str, limit: int) -> Sequence[Proof] | None:
        """The next whole ledger rows behind a command id, at most `limit`, in one order; empty at the end.

        None: the rules keep no ledger.
        """

    def unmet(self, customer_ids: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        """Rows, per customer and place, that count as anonymized and are not as the rules leave them.

        Flagged rows or, without a flag, all. Places are `TABLE.COLUMN`, or `TABLE.rows` where they had to go.
        """

    def reopen(self, customer_ids: Sequence[str]) -> None:
        """Clear the flags of these customers, so that their next command takes all of their rows."""


class ActiveProducts(Protocol):
    """A central list of who has an active product, asked before anybody is claimed. Errors: TransientError (away)."""

    def active(self, customer_ids: Sequence[str]) -> Mapping[str, Literal["active", "unknown"]]:
        """Those of these customers who are active, or about whom the source cannot tell; nobody else."""


# ---- the rest --------------------------------------------------------------------------------------------------------


class Metrics(Protocol):
    """Numbers for dashboards and alerts. Names are those of `consumers.runtime.measures`; labels hold no person."""

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Add to a counter."""

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""


class FaultPoints(Protocol):
    """Named places where a test makes the process die or wait. Nothing by default."""

    def reach(self, point: str) -> None:
        """Called at the point."""


Stamp = Callable[[], str]
