"""The state consumer's handler: fold, write, publish, POSITION row; the loop then commits the offset. In this order.

A dead letter goes the same way: hold, dead letter, POSITION row, offset, so that a postpone that could not be read
still postpones.
"""

import re
from collections.abc import Collection, Mapping, Sequence

import structlog

from consumers.domain.failures import UNKNOWN_SCHEMA, Kind, kind_of
from consumers.domain.folding import TOO_MANY_PRODUCTS, Late
from consumers.items import Items
from consumers.ports import (
    Clock,
    FaultPoints,
    Metrics,
    Partition,
    Record,
    RecordSink,
    RecordSource,
    Stamp,
    Table,
)
from consumers.runtime.control import read_policy
from consumers.runtime.deadletters import DeadLetters
from consumers.runtime.letterhead import original_of
from consumers.runtime.records import meant_for, position_of, trace_headers
from consumers.runtime.unknown_schemas import UnknownSchemas
from consumers.state.batch import BatchWriter, Task, Written
from consumers.state.cache import Cache
from consumers.state.halting import name_in_halt, release_from_halt
from consumers.state.positions import Positions
from consumers.state.reading import Refused, Understood, read_record, refused_as
from schemas.codec import encode
from schemas.validate import PERSONAL_DATA

CHECK_ROWS_MICROS = 30 * 1_000_000
SERVICE = "lapse.state"
log = structlog.get_logger()


class StateConsumer:
    """Folds events into items."""

    def __init__(
        self,
        *,
        table: Table,
        items: Items,
        source: RecordSource,
        sink: RecordSink,
        dead_letters: DeadLetters,
        results: str,
        clock: Clock,
        metrics: Metrics,
        faults: FaultPoints,
        stamp: Stamp,
        personal_data: re.Pattern[str] = PERSONAL_DATA,
        cache_size: int = 50_000,
    ) -> None:
        self._table, self._source, self._sink = table, source, sink
        self._dead_letters, self._results = dead_letters, results
        self._clock, self._faults, self._stamp = clock, faults, stamp
        self._personal_data = personal_data
        self._cache = Cache(cache_size)
        self._writer = BatchWriter(items, self._cache, clock, metrics)
        self._positions = Positions(table, stamp(), stamp)
        self._unknown_schemas = UnknownSchemas(clock)
        self._checked_at = clock.now()
        self._folded = False

    def assigned(self, partitions: Collection[Partition]) -> Mapping[Partition, int | None]:
        """Take over the POSITION rows; start at the lower of row and committed offset."""
        read_policy(self._table)
        self._cache.drop()
        self._positions.drop()
        topic = next(iter(partitions)).topic
        committed = self._source.committed(partitions)
        starts = self._positions.take_over({each.partition: offset for each, offset in committed.items()})
        return {Partition(topic, number): offset for number, offset in starts.items()}

    def idle(self) -> None:
        """Look now and then whether the rows are still this consumer's."""
        if self._clock.now() - self._checked_at >= CHECK_ROWS_MICROS:
            self._positions.check()
            self._checked_at = self._clock.now()

    def handle(self, records: Sequence[Record]) -> None:
        """Fold records; safe in the table and on its topics when this returns."""
        self._fold(meant_for(records, self._dead_letters.group))
        self._faults.reach("state.after_table")
        self._folded = True

    def give_up(self, record: Record, code: str) -> None:
        """Hold whom a record that keeps failing may be meant for, then keep it as a dead letter."""
        why = refused_as(record, code, self._personal_data)
        discarded = self._hold(position_of(record), why)
        self._send_dead([], [(record, why)], Written([], set(), set(discarded)))
        self._sink.flush()

    def advance(self, offsets: Mapping[Partition, int]) -> None:
        """Say in the POSITION rows how far the table contains the events."""
        self._positions.advance({each.partition: offset for each, offset in offsets.items()})
        if self._folded:  # else an end of the log was all there was
            self._faults.reach("state.after_position")
            self._folded = False

    def _hold(self, position: str, why: Refused) -> Collection[str]:
        """Hold the customers of a record, or halt where a row of theirs is what fails; the position if discarded."""
        tasks = {customer: Task([], [(position, why.code)]) for customer in why.holds}
        try:
            written = self._writer.write(tasks, read_policy(self._table))
        except Exception as error:
            if kind_of(error) is not Kind.POISON:
                raise
        else:
            if not why.halts:
                return written.discarded
        log.error("halted", records=1)
        return name_in_halt(self._table, [position], self._stamp)

    def _fold(self, records: Sequence[Record]) -> None:
        tasks, refused = _sorted(records, self._personal_data)
        self._unknown_schemas.admit([position_of(record) for record, why in refused if why.code == UNKNOWN_SCHEMA])
        halting = [position_of(record) for record, why in refused if why.halts]
        skipped = name_in_halt(self._table, halting, self._stamp) if halting else frozenset()
        if len(skipped) < len(halting):
            log.error("halted", records=len(halting) - len(skipped))
        written = self._writer.write(tasks, read_policy(self._table))
        written.discarded.update(skipped)
        for customer, late in written.late:
            result = _late_result(customer, late, self._clock.now())
            self._sink.send(self._results, customer.encode(), result, trace_headers(late.event.register.traceparent))
        self._send_dead(records, refused, written)
        self._sink.flush()
        # folded, or held by a customer it names at last
        told_apart = {position_of(record) for record in records if original_of(record.headers)} - set(halting)
        if told_apart:
            release_from_halt(self._table, told_apart, self._stamp)

    def _send_dead(
        self, records: Sequence[Record], refused: Sequence[tuple[Record, Refused]], written: Written
    ) -> None:
        for record, why in refused:
            if position_of(record) not in written.discarded:
                send = self._dead_letters.send_without_content if why.personal else self._dead_letters.send
                send(record, why.code)
                log.warning("dead_letter", position=position_of(record), code=why.code)
        for record in records if written.too_many else ():
            if position_of(record) in written.too_many:
                self._dead_letters.send(record, TOO_MANY_PRODUCTS)


def _sorted(
    records: Sequence[Record], personal_data: re.Pattern[str]
) -> tuple[dict[str, Task], list[tuple[Record, Refused]]]:
    """A batch by customer, in the order of the log, and the records that cannot be handled."""
    tasks: dict[str, Task] = {}
    refused: list[tuple[Record, Refused]] = []
    for record in records:
        read = read_record(record, personal_data)
        if isinstance(read, Understood):
            _task(tasks, read.customer_id).events.append(read.event)
            continue
        refused.append((record, read))
        for customer in read.holds:
            _task(tasks, customer).bad.append((position_of(record), read.code))
    return tasks, refused


def _task(tasks: dict[str, Task], customer: str) -> Task:
    found = tasks.get(customer)
    if found is None:
        found = tasks[customer] = Task([], [])
    return found


def _late_result(customer: str, late: Late, now: int) -> bytes:
    fields = {
        "command_id": late.command_id,
        "attempt": late.attempt,
        "customer_id": customer,
        "purpose": late.purpose,
        "service": SERVICE,
        "outcome": "LATE",
        "rows_by_table": {},
        "finished_at": now,
    }
    return encode("AnonymizationResult", fields)
