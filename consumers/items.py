"""Items in the table: read strongly, written under their condition, published as written."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from consumers.domain.errors import TransientError
from consumers.domain.index import index_keys
from consumers.domain.item import Item
from consumers.domain.policy import Policy
from consumers.domain.rows import state_key
from consumers.item_record import from_bytes, to_bytes
from consumers.ports import Clock, Lost, RecordSink, Row, Stamp, Table, Write

MAX_RACES = 20


class Stored(NamedTuple):
    """An item with the row it was read from; `row` None: there is none yet."""

    item: Item
    row: Row | None = None


class Change(NamedTuple):
    """An item to be written over what was read; `version` where it is not the next one."""

    before: Stored
    after: Item
    version: int | None = None


class RaceLostError(TransientError):
    """Another writer was first, again and again; the work is tried again later."""


class Items:
    """The customers' rows of the table and their records on lapse.state."""

    def __init__(self, table: Table, sink: RecordSink, topic: str, clock: Clock, stamp: Stamp) -> None:
        self._table, self._sink, self._topic = table, sink, topic
        self._clock, self._stamp = clock, stamp

    def read(self, customer_ids: Iterable[str]) -> dict[str, Stored]:
        """The items of these customers as the table has them now; a blank one where there is no row."""
        keys = {state_key(customer): customer for customer in customer_ids}
        rows = self._table.read(keys)
        return {customer: stored(customer, rows.get(key)) for key, customer in keys.items()}

    def write(self, changes: Sequence[Change], policy: Policy) -> list[tuple[Stored, bool]]:
        """Write each change if its row is as it was read.

        Returns per change the item that stands now and whether it is the one to be written. Index keys are
        recomputed. TransientError: any of them may have been written.
        """
        if not changes:
            return []
        now = self._clock.now()
        writes = [self._write(change, policy, now) for change in changes]
        answers = self._table.write(writes)
        return [_outcome(change, write, lost) for change, write, lost in zip(changes, writes, answers, strict=True)]

    def _write(self, change: Change, policy: Policy, now: int) -> Write:
        before, after, named = change
        # a customer who was forgotten and came back must not fall behind the old life, which a backup may still hold
        version = named or (before.row.version + 1 if before.row else now)
        mark = self._stamp()
        body = to_bytes(after, version, mark, now)
        key = state_key(after.customer_id)
        return Write(key, before.row, Row(key, version, mark, body, index_keys(after, policy)))

    def publish(self, written: Stored) -> None:
        """Hand the item's bytes, exactly as in the table, to lapse.state. Safe after the sink's flush."""
        assert written.row is not None, "only what was written is published"
        self._sink.send(self._topic, written.item.customer_id.encode(), written.row.body)

    def forget(self, item: Stored) -> bool:
        """Delete the row if it is as it was read, then publish the tombstone."""
        assert item.row is not None, "only what is there is forgotten"
        lost = self._table.write([Write(item.row.key, item.row, None)])[0]
        if lost is None:
            self._sink.send(self._topic, item.item.customer_id.encode(), None)
        return lost is None


def rewrite_item(items: Items, customer_id: str, change: Callable[[Item], Item], policy: Policy) -> None:
    """Write an item as `change` makes it, deciding again after a lost race, and publish it. Safe after the flush."""
    found = items.read([customer_id])[customer_id]
    for _ in races():
        found, written = items.write([Change(found, change(found.item))], policy)[0]
        if written:
            items.publish(found)
            return


def stored(customer_id: str, row: Row | None) -> Stored:
    """The item in a row."""
    return Stored(from_bytes(row.body), row) if row else Stored(Item(customer_id))


def races() -> Iterator[int]:
    """Rounds of read, decide, write; more than a few lost in a row are a RaceLostError."""
    yield from range(MAX_RACES)
    raise RaceLostError


def _outcome(change: Change, write: Write, lost: Lost | None) -> tuple[Stored, bool]:
    if lost is None:
        return Stored(change.after, write.row), True
    return stored(change.after.customer_id, lost.current), False
