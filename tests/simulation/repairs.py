"""What an operator does about what is broken, each a command line."""

from functools import partial

from consumers.adapters.memory.reader import MemoryReader
from consumers.domain import rows
from consumers.domain.item import PERSON
from consumers.domain.policy import Policy
from consumers.operations import dlq
from consumers.operations.discarding import discard_halting, discard_held, halting
from consumers.operations.policies import apply_policy
from consumers.operations.statelog import StateLog
from consumers.operations.tending import touch
from consumers.operations.ticking import approve_tick
from schemas.codec import decode
from tests.simulation.installation import CUSTOMERS, POLICY, Installation, Seen


def redrive(seen: Seen) -> None:
    """`lapse dlq redrive --parked --execute`."""
    letters = dlq.letters(MemoryReader(seen.broker), seen.names.dead_letters)
    again = dlq.Redrive(MemoryReader(seen.broker), seen.sink, seen.names.dead_letters, seen.clock)
    again.run(dlq.redrivable(letters, parked=True), "ann")


def discard_the_hopeless(seen: Seen) -> None:
    """`lapse dlq discard` for every record that still holds somebody, or everybody."""
    for position in halting(seen.table):
        discard_halting(seen.table, position, seen.stamp)
    for customer, stored in seen.items.read(CUSTOMERS).items():
        for name in stored.item.holds:
            if not name.startswith(PERSON):
                discard_held(seen.items, customer, name, "ann", "hopeless", POLICY, seen.clock)
    seen.sink.flush()


def apply(seen: Seen, rules: Policy) -> None:
    """`lapse policy apply` and `lapse state touch`."""
    apply_policy(seen.table, rules, seen.stamp)
    log = StateLog(MemoryReader(seen.broker), seen.offsets, seen.names.state)
    touch(seen.table, log, seen.items, seen.sink, execute=True)


def approve_the_halted(whole: Installation) -> None:
    """`lapse tick approve` for every tick that was halted."""
    for record in whole.world.records("ticks"):
        tick = decode(record.value, {"TickRequested"}).fields["tick_id"]
        row = whole.world.table.read([rows.plan_key(tick)]).get(rows.plan_key(tick))
        if row and rows.tick_plan(row.body).state == "HALTED":
            whole.person("approve", partial(_approve, tick))


def _approve(tick: str, seen: Seen) -> None:
    approve_tick(seen.table, seen.sink, seen.names.ticks, tick, "ann", seen.clock, seen.stamp)
