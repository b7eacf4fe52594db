"""A restored or lost table, rebuilt from what was published of it; the events are then folded over it again."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from consumers.domain import rows
from consumers.domain.errors import PermanentError
from consumers.domain.names import Names
from consumers.domain.policy import Policy
from consumers.domain.rebuilding import REBUILT, claimed_lately, is_open, lay_over
from consumers.domain.rows import Position
from consumers.domain.ticks import Used
from consumers.item_record import Published
from consumers.items import Change, Items, RaceLostError, Stored
from consumers.operations.batches import batches
from consumers.operations.results import result_of
from consumers.operations.statelog import StateLog
from consumers.ports import Clock, Groups, Record, RecordSink, Stamp, Table, TopicOffsets, TopicReader, Write
from consumers.runtime.control import read_policy, rewrite

CARRIED_OUT = frozenset({"DONE", "ALREADY_DONE", "NOTHING_FOUND"})


class Rebuilt(NamedTuple):
    """What a rebuild found: customers published, those whose item was not there or older, those claimed in a day."""

    customers: int
    written: int
    claimed_lately: int


class Open(NamedTuple):
    """A command a service has carried out, but which the table does not call committed."""

    command_id: str
    purpose: str
    service: str


class Rebuild:
    """Lays lapse.state over the table. Every role must be stopped."""

    def __init__(
        self,
        *,
        table: Table,
        items: Items,
        sink: RecordSink,
        reader: TopicReader,
        offsets: TopicOffsets,
        groups: Groups,
        names: Names,
        clock: Clock,
        stamp: Stamp,
    ) -> None:
        self._table, self._items, self._sink = table, items, sink
        self._reader, self._offsets, self._groups = reader, offsets, groups
        self._names, self._clock, self._stamp = names, clock, stamp
        self._log = StateLog(reader, offsets, names.state)

    def run(self, *, execute: bool, done: Callable[[int], None] = lambda _: None) -> Rebuilt:
        """Write every item as it was published or better, then the POSITION rows back to the start of the events.

        Until it has come to its end there are no POSITION rows, so that no role starts on half a table. Who was
        forgotten since the copy is forgotten again in his own time. A second call changes versions only. `done` hears
        of each batch.

        Raises:
            PermanentError: A role still runs, or there is no policy.
            TransientError: Something is away; run it again, from the beginning.
        """
        policy = read_policy(self._table)
        self._refuse_while_running(policy)
        if execute:
            self._remove_positions()
        found = Rebuilt(0, 0, 0)
        for batch in self._log.items():
            found = _sum(found, self._batch(batch, policy, execute=execute))
            done(len(batch))
        if execute:
            self._remember_claims(found.claimed_lately)
            self._start_over()
        return found

    def still_open(self) -> Iterator[Open]:
        """Commands with an outcome on the trail that the table, as it stands, does not call committed."""
        policy = read_policy(self._table)
        for batch in batches(self._reader.read(self._names.results)):
            yield from self._open_of(batch, policy)

    def _batch(self, batch: Mapping[str, Published], policy: Policy, *, execute: bool) -> Rebuilt:
        now = self._clock.now()
        changes = [_laid_over(stored, batch[customer]) for customer, stored in self._items.read(batch).items()]
        news = [change for change in changes if change.before.row is None or change.after != change.before.item]
        if execute:
            for stored, written in self._items.write(changes, policy):
                if not written:
                    raise RaceLostError
                self._items.publish(stored)
            self._sink.flush()
        return Rebuilt(len(changes), len(news), sum(claimed_lately(change.after, now) for change in changes))

    def _refuse_while_running(self, policy: Policy) -> None:
        anonymizers = map(self._names.anonymizer_group, policy.services)
        groups = [self._names.state_group, self._names.ticker_group, *anonymizers]
        running = [group for group in groups if self._groups.members(group)]
        if running:
            raise PermanentError(f"still running: {', '.join(running)}; stop every role first")

    def _remember_claims(self, customers: int) -> None:
        """Claims of the last day that the lost rows knew of count against the caps again."""
        used = Used(self._clock.now(), customers)

        def written(body: bytes | None) -> bytes:
            return rows.to_json({**(rows.history(body) if body else {}), "rebuild": used})

        rewrite(self._table, rows.HISTORY, self._stamp, written)

    def _remove_positions(self) -> None:
        found = self._table.read([rows.position_key(number) for number in self._offsets.beginning(self._names.events)])
        if any(self._table.write([Write(key, row, None) for key, row in found.items()])):
            raise RaceLostError

    def _start_over(self) -> None:
        beginning = self._offsets.beginning(self._names.events)
        # the group too: an offset the log has lost is lower than any row, and would keep it from starting
        self._groups.reset(self._names.state_group, self._names.events, beginning)
        for partition, first in beginning.items():
            start = rows.to_json(Position(first, ""))
            rewrite(self._table, rows.position_key(partition), self._stamp, lambda _, body=start: body)  # type: ignore[misc]

    def _open_of(self, records: Sequence[Record], policy: Policy) -> Iterator[Open]:
        told = [each for each in map(result_of, records) if each and each["outcome"] in CARRIED_OUT]
        items = self._items.read({each["customer_id"] for each in told})
        for each in told:
            purpose = policy.purposes.get(each["purpose"])
            if purpose and is_open(items[each["customer_id"]].item, purpose, each["command_id"], policy):
                yield Open(each["command_id"], each["purpose"], each["service"])


def _laid_over(stored: Stored, newest: Published) -> Change:
    version = stored.row.version if stored.row else 0
    after = lay_over(stored.item, version, newest.item, newest.version)
    return Change(stored, after, max(version, newest.version) + REBUILT)


def _sum(one: Rebuilt, other: Rebuilt) -> Rebuilt:
    return Rebuilt(*(first + second for first, second in zip(one, other, strict=True)))
