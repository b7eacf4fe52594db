"""The anonymizer's handler, step by step as a batch of commands goes through it.

0. ledger  1. mode and pre-flight  2. barrier  3. guard  4. commit point or replay  5. database  6. verification (the
store, before it commits)  7. outcome, trail, offsets. Questions for a vote go before orders: they are short, and others
wait.
"""

from collections.abc import Collection, Mapping, Sequence

import structlog

from consumers.anonymizer.carrying import Carrying
from consumers.anonymizer.purpose import purpose_in_force
from consumers.anonymizer.reading import Order, read_command
from consumers.anonymizer.trail import Answer, Trail
from consumers.anonymizer.voting import Voting
from consumers.domain.errors import InvalidRecordError, TransientError
from consumers.domain.failures import UNKNOWN_SCHEMA
from consumers.domain.item import Item, outstanding
from consumers.items import Items
from consumers.ports import Clock, FaultPoints, Partition, Record, RecordSink, Stamp, Store, Table
from consumers.runtime.control import Control, announce_guard
from consumers.runtime.deadletters import DeadLetters
from consumers.runtime.records import meant_for, position_of
from consumers.runtime.unknown_schemas import UnknownSchemas

PREFLIGHT_MICROS = 60 * 1_000_000
log = structlog.get_logger()


class ServiceStoppedError(TransientError):
    """The service is stopped, or owes a committed command while not live: `lapse service enable` lets it go on."""


class RulesRefusedError(TransientError):
    """The rules do not fit the live schema; `lapse rules check` says where. Nothing is touched until they do."""


class Anonymizer:
    """Carries out commands in one service."""

    def __init__(
        self,
        service: str,
        purpose: str,
        *,
        table: Table,
        items: Items,
        store: Store,
        sink: RecordSink,
        carrying: Carrying,
        voting: Voting,
        trail: Trail,
        dead_letters: DeadLetters,
        clock: Clock,
        faults: FaultPoints,
        stamp: Stamp,
    ) -> None:
        self._service, self._purpose = service, purpose
        self._table, self._items, self._store, self._sink = table, items, store, sink
        self._carrying, self._voting, self._trail, self._dead_letters = carrying, voting, trail, dead_letters
        self._clock, self._faults, self._stamp = clock, faults, stamp
        self._unknown_schemas = UnknownSchemas(clock)
        self._preflight_at = 0

    def assigned(self, partitions: Collection[Partition]) -> Mapping[Partition, int | None]:
        """Check policy and rules, then start where the group left off."""
        purpose_in_force(Control.read(self._table, [self._service]), self._purpose, self._service)
        self._preflight()
        announce_guard(self._table, self._service, self._clock.now(), self._stamp, guard=self._store.votes)
        return dict.fromkeys(partitions)

    def idle(self) -> None:
        """Nothing to do between commands."""

    def handle(self, records: Sequence[Record]) -> None:
        """Carry out a batch."""
        orders, refused = self._read(records)
        self._unknown_schemas.admit([position_of(each) for each, code in refused if code == UNKNOWN_SCHEMA])
        for asks in (True, False):
            for wave in _waves([order for order in orders if order.asks is asks]):
                self._carry_out({order: orders[order] for order in wave})
        for record, code in refused:
            self._dead_letters.send(record, code)
            log.warning("dead_letter", position=position_of(record), code=code)
        self._sink.flush()
        self._faults.reach("anonymizer.before_offset")

    def give_up(self, record: Record, code: str) -> None:
        """Keep a command that keeps failing as a dead letter; one committed already has FAILED here, which pages."""
        try:
            order = read_command(record, self._service, self._purpose)
        except Exception:  # noqa: BLE001 - reading it may be what fails; nobody can be told by it then
            order = None
        if order and not order.asks:
            self._carrying.fail(order, code)
        self._dead_letters.send(record, code)
        self._sink.flush()

    def advance(self, offsets: Mapping[Partition, int]) -> None:
        """Nothing to say: what was done stands in the items."""

    def _read(self, records: Sequence[Record]) -> tuple[dict[Order, Record], list[tuple[Record, str]]]:
        """The newest attempt of each order, and the records that are no commands, each with a code."""
        orders: dict[tuple[str, bool], tuple[Order, Record]] = {}
        refused: list[tuple[Record, str]] = []
        for record in meant_for(records, self._dead_letters.group):
            try:
                order = read_command(record, self._service, self._purpose)
            except InvalidRecordError as error:
                refused.append((record, error.code))
            else:
                if order:
                    key = order.command_id, order.asks
                    if key not in orders or orders[key][0].attempt <= order.attempt:
                        orders[key] = order, record
        return dict(orders.values()), refused

    def _carry_out(self, orders: Mapping[Order, Record]) -> None:
        control = Control.read(self._table, [self._service])
        purpose_in_force(control, self._purpose, self._service)
        mode = control.modes.get(self._service, "dry_run")
        if mode == "live":
            self._preflight()
            if next(iter(orders)).asks:
                self._voting.vote(list(orders), control)
            else:
                self._carrying.carry_out(orders)
            return
        if mode == "stopped" or self._owes(orders):
            raise ServiceStoppedError
        self._preflight()
        self._rehearse([order for order in orders if not order.asks])

    def _preflight(self) -> None:
        if self._clock.now() - self._preflight_at < PREFLIGHT_MICROS and not self._store.altered():
            return
        self._preflight_at = 0  # what is refused, or could not be asked, is asked again with the next try
        findings = self._store.preflight()
        for finding in findings:
            log.error("rules_refused", service=self._service, code=finding.code, place=finding.place)
        if findings:
            raise RulesRefusedError
        self._preflight_at = self._clock.now()

    def _owes(self, orders: Collection[Order]) -> bool:
        """Whether a committed command waits for this service, which is not live."""
        items = self._items.read({order.customer_id for order in orders})
        return any(_owed(items[order.customer_id].item, order, self._service) for order in orders)

    def _rehearse(self, orders: Sequence[Order]) -> None:
        """A dry run: count, answer, touch nothing."""
        started = self._clock.now()
        counted = self._store.count([order.customer_id for order in orders])
        for order in orders:
            self._trail.send(Answer(order, "DRY_RUN", counted.get(order.customer_id, {}), started))


def _owed(item: Item, order: Order, service: str) -> bool:
    command = item.of(order.purpose).command
    return (
        command is not None
        and command.id == order.command_id
        and command.phase == "COMMITTED"
        and service in outstanding(command)
    )


def _waves(orders: Sequence[Order]) -> list[list[Order]]:
    """The orders in waves with no customer twice: at most one command of a customer can stand, and only in its turn."""
    waves: list[dict[str, Order]] = []
    for order in orders:
        wave = next((wave for wave in waves if order.customer_id not in wave), None)
        if wave is None:
            waves.append({order.customer_id: order})
        else:
            wave[order.customer_id] = order
    return [list(wave.values()) for wave in waves]
