"""Rules taken out of how roles read, write, hold and tick."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any
from unittest.mock import patch

from consumers.domain import commands, rows
from consumers.domain.folding import Folded, fold
from consumers.domain.item import Item
from consumers.items import Change, Stored
from consumers.operations import offsets
from consumers.operations.dlq import Redrive
from consumers.ports import Partition, Polled, Record, Row, Write
from consumers.runtime.barrier import Barrier
from consumers.runtime.records import next_offsets
from consumers.state import batch, consumer, reading
from consumers.state.consumer import StateConsumer
from consumers.state.positions import Positions
from consumers.ticker import consumer as ticking
from consumers.ticker import sweep
from consumers.ticker.planning import Planner
from tests.simulation import gated
from tests.simulation.installation import CUSTOMERS, POLICY, Installation
from tests.simulation.taken_out import Patch, both

# ---- barrier ---------------------------------------------------------------------------------------------------------


def barrier_skipped(_: Installation) -> Any:
    return patch.object(Barrier, "wait", lambda _self: None)


def barrier_by(offset: Callable[[Any, int], int]) -> Any:
    def reached(self: Any, ends: Mapping[int, int]) -> bool:
        return all(offset(self, partition) >= end for partition, end in ends.items())

    return patch.object(Barrier, "_reached", reached)


def barrier_by_position_read(whole: Installation) -> Any:
    """What a consumer has polled, folded or not."""
    names, group = whole.world.names, whole.world.broker.group(whole.world.names.state_group)

    def read(_: Any, partition: int) -> int:
        at = Partition(names.events, partition)
        return max((member._starts.get(at, 0) for member in group._members), default=0)  # type: ignore[attr-defined]

    return barrier_by(read)


def barrier_by_group_offset(whole: Installation) -> Any:
    names, group = whole.world.names, whole.world.broker.group(whole.world.names.state_group)
    return barrier_by(lambda _, partition: group.committed.get(Partition(names.events, partition), 0))


def row_before_the_items(_: Installation) -> Any:
    handle = StateConsumer.handle

    def row_first(self: Any, records: Sequence[Record]) -> None:
        self.advance(next_offsets(Polled(records)))
        handle(self, records)

    return patch.object(StateConsumer, "handle", row_first)


# ---- state consumer --------------------------------------------------------------------------------------------------


def offset_before_the_write(_: Installation) -> Any:
    """And believed on assignment: with the row beside it the offset alone loses nothing."""
    handle, take_over = StateConsumer.handle, Positions.take_over

    def offset_first(self: Any, records: Sequence[Record]) -> None:
        self._source.commit(next_offsets(Polled(records)))
        handle(self, records)

    def believe(self: Any, committed: Mapping[int, int | None]) -> dict[int, int]:
        return take_over(self, committed) | {number: offset for number, offset in committed.items() if offset}

    return both(patch.object(StateConsumer, "handle", offset_first), patch.object(Positions, "take_over", believe))


def unconditional(*roles: str) -> Patch:
    def apply(_: Installation) -> Any:
        write = gated.GatedTable.write

        def over(self: Any, writes: Sequence[Write]) -> Any:
            if self._process.name.partition("/")[0] not in roles:
                return write(self, writes)
            return write(self, [forced(self._table.read([each.key]).get(each.key), each) for each in writes])

        return patch.object(gated.GatedTable, "write", over)

    return apply


def forced(stands: Row | None, write: Write) -> Write:
    return write._replace(expected=stands) if write.key.sub_id == "STATE" else write


def published_from_the_cache(_: Installation) -> Any:
    """What brought no news is told as it was when it was last seen."""

    def as_cached(self: Any, unchanged: Collection[batch.Decision], written: batch.Written) -> dict[str, Stored]:
        for stored in [each.change.before for each in unchanged]:
            if stored.row:
                self._items.publish(stored)
        return {}

    return patch.object(batch.BatchWriter, "_confirm", as_cached)


def late_told_once(_: Installation) -> Any:
    """Only by who folds it first, though it may die, or lose the broker, before it is told."""

    def told(item: Item, *rest: Any) -> Folded:
        folded = fold(item, *rest)
        return folded._replace(late=()) if folded.item is item else folded

    return patch.object(batch, "fold", told)


# ---- holds -----------------------------------------------------------------------------------------------------------


def dead_letter_first(_: Installation) -> Any:
    folding = StateConsumer._fold

    def letters_first(self: Any, records: Sequence[Record]) -> None:
        _, refused = consumer._sorted(records, self._personal_data)
        self._send_dead([], refused, batch.Written([], set(), set()))
        folding(self, records)

    return patch.object(StateConsumer, "_fold", letters_first)


def lifted_at_the_command_line(whole: Installation) -> Any:
    run = Redrive.run

    def lifting(self: Any, chosen: Any, *rest: Any) -> int:
        for customer in CUSTOMERS:
            items = whole.world.items
            stored = items.read([customer])[customer]
            if stored.row and any("-" in name for name in stored.item.holds):
                left = {name: hold for name, hold in stored.item.holds.items() if name.startswith("person:")}
                items.write([Change(stored, stored.item._replace(holds=left))], POLICY)
        return run(self, chosen, *rest)

    return patch.object(Redrive, "run", lifting)


def discard_forgotten(_: Installation) -> Any:
    def gone(item: Item, position: str, *_rest: Any) -> Item:
        return item._replace(holds={name: each for name, each in item.holds.items() if name != position})

    return patch("consumers.operations.discarding.discard", gone)


def named_by_the_copy(_: Installation) -> Any:
    def own(record: Record) -> str:
        return f"{record.topic}-{record.partition}-{record.offset}"

    return both(patch.object(reading, "position_of", own), patch.object(consumer, "position_of", own))


# ---- ticks and resets ------------------------------------------------------------------------------------------------


def no_budget(_: Installation) -> Any:
    return patch.object(Planner, "take", lambda _self, _tick, customers: customers)


def plan_not_read(_: Installation) -> Any:
    def anew(self: Any, tick: Any, control: Any) -> Any:
        plan = self._new(tick, control)
        key = rows.plan_key(tick.tick_id)
        before = self._table.read([key]).get(key)
        self._table.write(
            [Write(key, before, Row(key, 1 + (before.version if before else 0), self._stamp(), rows.to_json(plan)))]
        )
        return plan

    return patch.object(Planner, "plan", anew)


def as_of_believed(_: Installation) -> Any:
    read = ticking.read_tick
    return both(
        patch.object(ticking, "read_tick", lambda record, _now: read(record, 1 << 61)),
        patch.object(sweep, "min", max, create=True),
        patch.object(commands, "min", max, create=True),
    )


def reset_to_the_end(_: Installation) -> Any:
    def to_end(*_: Any) -> Any:
        return lambda logs: {number: log.end for number, log in logs.items()}

    return patch.object(offsets, "to_backup", to_end)
