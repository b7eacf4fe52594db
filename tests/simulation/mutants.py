# long because the protocol has as many rules: one entry each
"""Rules taken out one at a time, in the code of the roles as it runs. Each must be caught by a promise.

A mutant is a patch over an installation; nothing of it is in the product.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final, NamedTuple
from unittest.mock import patch

from consumers.adapters.memory.store import MemoryStore
from consumers.anonymizer.carrying import Carrying
from consumers.anonymizer.commit import Commits, Outcome, Ruling
from consumers.anonymizer.consumer import Anonymizer
from consumers.domain import commands, due, outcomes, rows, votes
from consumers.domain.commands import Decided
from consumers.domain.item import Command, Item, Last, outstanding
from consumers.domain.policy import Policy, Purpose
from consumers.domain.registers import Product, Register
from consumers.operations import offsets
from consumers.operations.dlq import Redrive
from consumers.ports import Partition, Record, Row, Write
from consumers.runtime.barrier import Barrier
from consumers.state import consumer, reading
from consumers.state.consumer import StateConsumer
from consumers.state.positions import Positions
from consumers.ticker import consumer as ticking
from consumers.ticker import sweep
from consumers.ticker.planning import Planner
from schemas.codec import decode
from tests.simulation import gated
from tests.simulation.installation import CUSTOMERS, POLICY, Installation

Patch = Callable[[Installation], Any]


class Mutant(NamedTuple):
    """A rule taken out. `weights`: what happens more often than usual, so that it matters."""

    name: str
    apply: Patch
    weights: Mapping[str, int] = {}


# ---- barrier ---------------------------------------------------------------------------------------------------------


def _barrier_skipped(_: Installation) -> Any:
    return patch.object(Barrier, "wait", lambda _self: None)


def _barrier_by(offset: Callable[[Any, int], int]) -> Any:
    def reached(self: Any, ends: Mapping[int, int]) -> bool:
        return all(offset(self, partition) >= end for partition, end in ends.items())

    return patch.object(Barrier, "_reached", reached)


def _barrier_by_position_read(whole: Installation) -> Any:
    """What a consumer has polled, folded or not."""
    names, group = whole.world.names, whole.world.broker.group(whole.world.names.state_group)

    def read(_: Any, partition: int) -> int:
        at = Partition(names.events, partition)
        return max((member._starts.get(at, 0) for member in group._members), default=0)  # type: ignore[attr-defined]

    return _barrier_by(read)


def _barrier_by_group_offset(whole: Installation) -> Any:
    names, group = whole.world.names, whole.world.broker.group(whole.world.names.state_group)
    return _barrier_by(lambda _, partition: group.committed.get(Partition(names.events, partition), 0))


def _row_before_the_items(_: Installation) -> Any:
    handle = StateConsumer.handle

    def row_first(self: Any, records: Sequence[Record]) -> None:
        self.advance(next_offsets_of(records))
        handle(self, records)

    return patch.object(StateConsumer, "handle", row_first)


def next_offsets_of(records: Sequence[Record]) -> dict[Partition, int]:
    """Offsets after these records."""
    return {Partition(record.topic, record.partition): record.offset + 1 for record in records}


# ---- state consumer --------------------------------------------------------------------------------------------------


@contextmanager
def _both(*patches: Any) -> Iterator[None]:
    with ExitStack() as stack:
        for each in patches:
            stack.enter_context(each)
        yield


def _offset_before_the_write(_: Installation) -> Any:
    """And believed on assignment: with the row beside it the offset alone loses nothing."""
    handle, take_over = StateConsumer.handle, Positions.take_over

    def offset_first(self: Any, records: Sequence[Record]) -> None:
        self._source.commit(next_offsets_of(records))
        handle(self, records)

    def believe(self: Any, committed: Mapping[int, int | None]) -> dict[int, int]:
        return take_over(self, committed) | {number: offset for number, offset in committed.items() if offset}

    return _both(patch.object(StateConsumer, "handle", offset_first), patch.object(Positions, "take_over", believe))


def _unconditional(*roles: str) -> Patch:
    def apply(_: Installation) -> Any:
        write = gated.GatedTable.write

        def over(self: Any, writes: Sequence[Write]) -> Any:
            if self._process.name.partition("/")[0] not in roles:
                return write(self, writes)
            return write(self, [_forced(self._table.read([each.key]).get(each.key), each) for each in writes])

        return patch.object(gated.GatedTable, "write", over)

    return apply


def _forced(stands: Row | None, write: Write) -> Write:
    return write._replace(expected=stands) if write.key.sub_id == "STATE" else write


# ---- commit point ----------------------------------------------------------------------------------------------------


def _due_not_checked(_: Installation) -> Any:
    def may(_item: Item, _purpose: Purpose, command: Command, service: str, policy: Policy, now: int) -> bool:
        issued = command.phase == "ISSUED" and service in command.services
        return issued and votes.agreed(command, now - policy.lease)

    return patch.object(commands, "_may_commit", may)


def _votes_not_checked(_: Installation) -> Any:
    def may(item: Item, purpose: Purpose, command: Command, service: str, policy: Policy, now: int) -> bool:
        return service in command.services and due.is_due(item, purpose, policy, now)

    return patch.object(commands, "_may_commit", may)


def _vote_survives(_: Installation) -> Any:
    attempt = commands._attempt

    def kept(item: Item, purpose: Purpose, *rest: Any) -> Command:
        new, old = attempt(item, purpose, *rest), item.of(purpose.name).command
        if old is None or not old.votes:
            return new
        return new._replace(votes=old.votes, phase="ISSUED" if votes.agreed(old, 0) else "ASKED")

    return _both(
        patch.object(commands, "_attempt", kept), patch.object(commands, "agreed", lambda _command, _after: True)
    )


def _id_by(name: Callable[[Item, Purpose, Policy], str]) -> Any:
    def named(item: Item, purpose: Purpose, policy: Policy) -> str:
        text = f"{item.customer_id} {purpose.name} {name(item, purpose, policy)}"
        return str(uuid.uuid5(due.COMMAND_NAMESPACE, text))

    return patch.object(commands, "command_id", named)


def _id_kept(_: Installation) -> Any:
    """The id of the last command, where there was one."""
    made = due.command_id

    def named(item: Item, purpose: Purpose, policy: Policy) -> str:
        last = item.of(purpose.name).last
        return last.id if last else made(item, purpose, policy)

    return patch.object(commands, "command_id", named)


# ---- replay ----------------------------------------------------------------------------------------------------------


def _ledger_ignored(_: Installation) -> Any:
    carry = MemoryStore._carry_out

    def again(self: Any, task: Any) -> Any:
        self.rows_of_ledger.pop(task.command_id, None)
        return carry(self, task)

    return _both(
        patch.object(gated.GatedStore, "ledger", lambda _self, _commands: {}),
        patch.object(MemoryStore, "_carry_out", again),
    )


def _replay_not_written(_: Installation) -> Any:
    settle = Commits._settle

    def unwritten(self: Any, judged: Sequence[Ruling], policy: Policy, rulings: dict[str, Ruling]) -> Any:
        replays = [each for each in judged if each.verdict.step == "REPLAY"]
        for each in replays:
            rulings[each.order.customer_id] = each._replace(stored=each.stored._replace(item=each.verdict.item))
        return settle(self, [each for each in judged if each not in replays], policy, rulings)

    return patch.object(Commits, "_settle", unwritten)


def _newer_activity_ignored(_: Installation) -> Any:
    return patch.object(commands, "counted", lambda *_: [])


# ---- completion ------------------------------------------------------------------------------------------------------


def _one_is_enough(_: Installation) -> Any:
    def left(command: Command) -> tuple[str, ...]:
        return () if command.outcomes else outstanding(command)

    return patch.object(outcomes, "outstanding", left)


def _dry_run_counts(_: Installation) -> Any:
    rehearse = Anonymizer._rehearse

    def counted(self: Any, orders: Sequence[Any]) -> None:
        rehearse(self, orders)
        self._carrying._commits.record([Outcome(order, "NOTHING_FOUND") for order in orders], POLICY)

    return _both(
        patch.object(Anonymizer, "_rehearse", counted), patch.object(Anonymizer, "_owes", lambda _self, _orders: False)
    )


def _superseded_counts(_: Installation) -> Any:
    """As an outcome, which the command keeps when it is committed."""
    carry_out = Carrying.carry_out

    def kept(item: Item, purpose: str, message: str, service: str, outcome: str, now: int, until: Any = None) -> Any:
        state = item.of(purpose)
        if outcome == "SUPERSEDED" and state.command and state.command.id == message:
            command = state.command._replace(outcomes={**state.command.outcomes, service: "NOTHING_FOUND"})
            return item.having(purpose, state._replace(command=command))
        return outcomes.record_outcome(item, purpose, message, service, outcome, now, until)

    def carried(self: Any, orders: Mapping[Any, Record]) -> None:
        carry_out(self, orders)
        self._commits.record([Outcome(order, "SUPERSEDED") for order in orders], POLICY)

    return _both(
        patch("consumers.anonymizer.commit.record_outcome", kept), patch.object(Carrying, "carry_out", carried)
    )


def _result_believed(whole: Installation) -> Any:
    served = sweep._served

    def believing(stored: Any, control: Any, past: Any, now: int) -> Decided:
        item = stored.item
        for record in whole.world.records("results"):
            told = decode(record.value, {"AnonymizationResult"}).fields
            if told["customer_id"] == item.customer_id and told["outcome"] == "DONE":
                args = told["purpose"], told["command_id"], told["service"], "DONE", now
                item = outcomes.record_outcome(item, *args) or item
        return served(stored._replace(item=item), control, past, now)

    return patch.object(sweep, "_served", believing)


# ---- life cycle ------------------------------------------------------------------------------------------------------


def _lease_never_over(_: Installation) -> Any:
    return patch.object(sweep, "serve_leases", lambda item, *_args, **_more: Decided(item))


def _id_from_a_counter(_: Installation) -> Any:
    """One that begins again where the table was lost, as it is here each time."""
    return _id_by(lambda *_: "1")


def _id_from_schedules(_: Installation) -> Any:
    def of(item: Item, purpose: Purpose, policy: Policy) -> str:
        listed = [product for name, product in item.products.items() if policy.lists(purpose, name)]
        return " ".join(sorted(each.schedule.event_id for each in listed if each.schedule))

    return _id_by(of)


def _always_sent_again(_: Installation) -> Any:
    """An expired command before its commit, due or not, with the votes it has."""

    def sent(item: Item, name: str, command: Command, policy: Policy, *rest: Any) -> Decided:
        again = command._replace(lease_until=rest[-1] + policy.lease, sent_at=rest[-1])
        state = item.of(name)._replace(command=again)
        return Decided(item.having(name, state), (commands.Sent(name, again),))

    return patch.object(commands, "_serve", sent)


# ---- due dates -------------------------------------------------------------------------------------------------------


def _cutoff_by_time(_: Installation) -> Any:
    def counting(item: Item, purpose: Purpose, policy: Policy) -> list[Product]:
        last: Last | None = item.of(purpose.name).last
        since = last.committed_at if last else 0
        listed = [product for name, product in item.products.items() if policy.lists(purpose, name)]
        return [each for each in listed if any(one and one.occurred_at > since for one in each)]

    return patch.object(due, "counted", counting)


def _newest_only(_: Installation) -> Any:
    def one(product: Product, purpose: str) -> bool:
        newest = max((each for each in product if each), key=lambda each: each[:3])
        return purpose not in newest.spent

    return patch.object(due, "counts", one)


def _newest_marked_only(_: Installation) -> Any:
    def marked(product: Product, purpose: str) -> Product:
        newest = max((each for each in product if each), key=lambda each: each[:3])

        def spent(register: Register | None) -> Register | None:
            return register._replace(spent=register.spent | {purpose}) if register is newest else register

        return Product(spent(product.schedule), spent(product.postpone))

    return patch.object(commands, "spend", marked)


def _tie_to_the_schedule(_: Installation) -> Any:
    date = due.product_date

    def tied(product: Product, retention: Any) -> int:
        schedule, postpone = product
        if schedule and postpone and schedule.occurred_at == postpone.occurred_at:
            return due.scheduled_date(schedule, retention)
        return date(product, retention)

    return patch.object(due, "product_date", tied)


# ---- holds -----------------------------------------------------------------------------------------------------------


def _lifted_at_the_command_line(whole: Installation) -> Any:
    run = Redrive.run

    def lifting(self: Any, chosen: Any, *rest: Any) -> int:
        for customer in CUSTOMERS:
            items = whole.world.items
            stored = items.read([customer])[customer]
            if stored.row and any("-" in name for name in stored.item.holds):
                left = {name: hold for name, hold in stored.item.holds.items() if name.startswith("person:")}
                items.write([items_change(stored, stored.item._replace(holds=left))], POLICY)
        return run(self, chosen, *rest)

    return patch.object(Redrive, "run", lifting)


def items_change(stored: Any, after: Item) -> Any:
    """A change of an item."""
    from consumers.items import Change  # noqa: PLC0415 - here only

    return Change(stored, after)


def _discard_forgotten(_: Installation) -> Any:
    def gone(item: Item, position: str, *_rest: Any) -> Item:
        return item._replace(holds={name: each for name, each in item.holds.items() if name != position})

    return patch("consumers.operations.discarding.discard", gone)


def _named_by_the_copy(_: Installation) -> Any:
    def own(record: Record) -> str:
        return f"{record.topic}-{record.partition}-{record.offset}"

    return _both(patch.object(reading, "position_of", own), patch.object(consumer, "position_of", own))


# ---- ticks and resets ------------------------------------------------------------------------------------------------


def _no_budget(_: Installation) -> Any:
    return patch.object(Planner, "take", lambda _self, _tick, customers: customers)


def _plan_not_read(_: Installation) -> Any:
    def anew(self: Any, tick: Any, control: Any) -> Any:
        plan = self._new(tick, control)
        key = rows.plan_key(tick.tick_id)
        before = self._table.read([key]).get(key)
        self._table.write(
            [Write(key, before, Row(key, 1 + (before.version if before else 0), self._stamp(), rows.to_json(plan)))]
        )
        return plan

    return patch.object(Planner, "plan", anew)


def _as_of_believed(_: Installation) -> Any:
    read = ticking.read_tick
    return _both(
        patch.object(ticking, "read_tick", lambda record, _now: read(record, 1 << 61)),
        patch.object(sweep, "min", max, create=True),
        patch.object(commands, "min", max, create=True),
    )


def _reset_to_the_end(_: Installation) -> Any:
    def to_end(*_: Any) -> Any:
        return lambda logs: {number: log.end for number, log in logs.items()}

    return patch.object(offsets, "to_backup", to_end)


BUSY: Final = {"unreadable": 6, "redrive": 5, "kill": 10}
SLOW: Final = {"put_table_back": 20, "back_up": 16, "postpone": 30, "kill": 20, "start": 5, "tick": 24}
PAUSED: Final = {"come_back": 40, "tick": 24, "forget": 24, "waken": 12}
AWAY: Final = {"come_back": 16, "tick": 24}
MUTANTS: Final = (
    Mutant("barrier: skipped", _barrier_skipped),
    Mutant("barrier: by the position read", _barrier_by_position_read, {"postpone": 24, "schedule": 20, "time": 10}),
    Mutant(
        "barrier: by the group's offset",
        _barrier_by_group_offset,
        {"put_table_back": 20, "back_up": 16, "postpone": 24},
    ),
    Mutant("barrier: row before the items", _row_before_the_items, {"kill": 16}),
    Mutant("state: offset before the write", _offset_before_the_write, {"kill": 16}),
    Mutant("state: unconditional", _unconditional("state")),
    Mutant("commit: due date not checked", _due_not_checked, {"policy": 14, "tick": 24}),
    Mutant("commit: unconditional", _unconditional("crm", "cards", "loans", "ledger"), {"postpone": 40, "tick": 30}),
    Mutant("commit: votes not checked", _votes_not_checked, {"forge": 16, "tick": 24}),
    Mutant("commit: vote survives its attempt", _vote_survives, {"weather": 10, "tick": 24, "activity": 10}),
    Mutant("commit: id not made anew", _id_kept, AWAY),
    Mutant("replay: ledger ignored", _ledger_ignored, {**AWAY, "come_back": 30, "kill": 24, "reset": 10}),
    Mutant("replay: not written", _replay_not_written, {**PAUSED, "restore_database": 24, "back_up": 16}),
    Mutant("replay: newer activity ignored", _newer_activity_ignored, {**AWAY, "restore_database": 10, "back_up": 8}),
    Mutant("completion: one service is enough", _one_is_enough),
    Mutant("completion: dry run counts", _dry_run_counts, {"take_out": 30, "tick": 30}),
    Mutant("completion: SUPERSEDED counts", _superseded_counts, {"hold": 10, "stop": 8, "tick": 24}),
    Mutant("completion: a result is believed", _result_believed, {"forge": 40, "tick": 40, "time": 24}),
    Mutant("life: lease never over", _lease_never_over),
    Mutant("life: id from a counter", _id_from_a_counter, AWAY),
    Mutant("life: id from schedules only", _id_from_schedules, AWAY),
    Mutant("life: always sent again", _always_sent_again, {"hold": 12, "policy": 10, "stop": 6}),
    Mutant("due: cutoff by time", _cutoff_by_time),
    Mutant("due: newest register only", _newest_only),
    Mutant("due: newest marked only", _newest_marked_only),
    Mutant("due: a tie goes to the schedule", _tie_to_the_schedule, {"tie": 16}),
    Mutant("holds: lifted at the command line", _lifted_at_the_command_line, BUSY),
    Mutant("holds: discard forgotten", _discard_forgotten, {"unreadable": 8, "discard": 10, "reset": 8}),
    Mutant("holds: named by the copy", _named_by_the_copy, BUSY),
    Mutant("ticks: no budget", _no_budget),
    Mutant("ticks: plan not read", _plan_not_read, {"kill": 16, "tick": 30}),
    Mutant("ticks: as_of believed", _as_of_believed, {"tick_of_tomorrow": 20}),
    Mutant("resets: to the end", _reset_to_the_end, {"restore_database": 12, "back_up": 10, "tick": 24}),
)
