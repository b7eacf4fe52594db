"""The ticker's handler: one tick after the other; its offset is committed when it has ended."""

from collections.abc import Collection, Mapping, Sequence

import structlog

from consumers.domain.errors import InvalidRecordError
from consumers.domain.failures import UNKNOWN_SCHEMA
from consumers.ports import Clock, Partition, Record, RecordSink, Table
from consumers.runtime.control import Control, read_policy
from consumers.runtime.deadletters import DeadLetters
from consumers.runtime.records import meant_for, position_of
from consumers.runtime.unknown_schemas import UnknownSchemas
from consumers.ticker.planning import Planner, Tick
from consumers.ticker.sweep import Sweep
from schemas.codec import decode
from schemas.validate import check_time, check_uuid

TICK = "TickRequested"
log = structlog.get_logger()


class Ticker:
    """Carries out ticks."""

    def __init__(
        self,
        *,
        table: Table,
        planner: Planner,
        sweep: Sweep,
        sink: RecordSink,
        dead_letters: DeadLetters,
        clock: Clock,
    ) -> None:
        self._table, self._planner, self._sweep = table, planner, sweep
        self._sink, self._dead_letters, self._clock = sink, dead_letters, clock
        self._unknown_schemas = UnknownSchemas(clock)

    def assigned(self, partitions: Collection[Partition]) -> Mapping[Partition, int | None]:
        """Start where the group left off; refuse without a policy."""
        read_policy(self._table)
        return dict.fromkeys(partitions)

    def idle(self) -> None:
        """Nothing to do between ticks: the clock that asks for them is outside."""

    def handle(self, records: Sequence[Record]) -> None:
        """Carry out the ticks of a batch."""
        ticks, refused = self._read(meant_for(records, self._dead_letters.group))
        self._unknown_schemas.admit([position_of(each) for each, code in refused if code == UNKNOWN_SCHEMA])
        for tick in ticks:
            self._carry_out(tick)
        for record, code in refused:
            self._dead_letters.send(record, code)
            log.warning("dead_letter", position=position_of(record), code=code)
        self._sink.flush()

    def give_up(self, record: Record, code: str) -> None:
        """Keep a tick that keeps failing as a dead letter. What it claimed stands; the next one goes on."""
        self._dead_letters.send(record, code)
        self._sink.flush()

    def advance(self, offsets: Mapping[Partition, int]) -> None:
        """Nothing to say: what a tick did stands in its plan."""

    def _read(self, records: Sequence[Record]) -> tuple[list[Tick], list[tuple[Record, str]]]:
        ticks: list[Tick] = []
        refused: list[tuple[Record, str]] = []
        for record in records:
            try:
                ticks.append(read_tick(record, self._clock.now()))
            except InvalidRecordError as error:
                refused.append((record, error.code))
        return ticks, refused

    def _carry_out(self, tick: Tick) -> None:
        control = Control.read(self._table)
        plan = self._planner.plan(tick, control)
        if plan.state == "DRY_RUN":
            return
        if plan.state == "ENDED":
            # it may have died between its end and the history
            self._planner.end(tick.tick_id)
            return
        if plan.state == "HALTED":
            log.error("tick_halted", tick=tick.tick_id, due=plan.report.due, allowance=plan.report.allowance)
        claimed = self._sweep.run(plan.as_of, lambda customers: self._planner.take(tick.tick_id, customers))
        self._planner.end(tick.tick_id)
        if claimed:
            self._planner.prove(control.unproven)
        log.info("tick_done", tick=tick.tick_id, claimed=claimed, state=plan.state)


def read_tick(record: Record, now: int) -> Tick:
    """Understand a TickRequested. InvalidRecordError: it is none, or asks for a time to come or for none there is."""
    fields = decode(record.value, {TICK}).fields
    check_time(fields["as_of"])
    check_uuid(fields["tick_id"])
    if fields["as_of"] > now and not fields["dry_run"]:
        raise InvalidRecordError("as_of_in_the_future")
    return Tick(fields["tick_id"], fields["as_of"], fields["requested_by"], dry_run=fields["dry_run"])
