"""The ticker's handler: one tick after the other; its offset is committed when it has ended."""

from collections.abc import Collection, Mapping

import structlog

from consumers.domain.errors import InvalidRecordError
from consumers.ports import Clock, Partition, Polled, Record, RecordSink, Table
from consumers.runtime.control import Control, read_policy
from consumers.runtime.deadletters import DeadLetters
from consumers.runtime.records import meant_for, next_offsets, position_of
from consumers.ticker.planning import Planner, Tick
from consumers.ticker.sweep import Sweep
from schemas.codec import decode

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

    def assigned(self, partitions: Collection[Partition]) -> Mapping[Partition, int | None]:
        """Start where the group left off; refuse without a policy."""
        read_policy(self._table)
        return dict.fromkeys(partitions)

    def idle(self) -> None:
        """Nothing to do between ticks: the clock that asks for them is outside."""

    def handle(self, polled: Polled) -> Mapping[Partition, int]:
        """Carry out the ticks of a batch."""
        for record in meant_for(polled.records, self._dead_letters.group):
            try:
                tick = read_tick(record, self._clock.now())
            except InvalidRecordError as error:
                self._dead_letters.send(record, error.code)
                self._sink.flush()
                log.warning("dead_letter", position=position_of(record), code=error.code)
            else:
                self._carry_out(tick)
        return next_offsets(polled)

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
    """Understand a TickRequested. InvalidRecordError: it is none, or asks for a time to come."""
    fields = decode(record.value, {TICK}).fields
    if fields["as_of"] > now and not fields["dry_run"]:
        raise InvalidRecordError("as_of_in_the_future")
    return Tick(fields["tick_id"], fields["as_of"], fields["requested_by"], dry_run=fields["dry_run"])
