"""The one table in this process: for tests, simulations and a look at a role without a cloud."""

import heapq
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from threading import Lock

from consumers.adapters.table_rules import check_key, check_writes, stands
from consumers.domain.rows import Key
from consumers.ports import IndexEntry, Lost, Row, Write


class MemoryTable:
    """`Table` in memory. Any number of threads may use one; each call is carried out as a whole."""

    def __init__(self) -> None:
        self._rows: dict[Key, Row] = {}
        self._index: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self._lock = Lock()

    def read(self, keys: Collection[Key]) -> Mapping[Key, Row]:
        """The rows that exist among these keys."""
        for key in keys:
            check_key(key)
        with self._lock:
            return {key: self._rows[key] for key in keys if key in self._rows}

    def write(self, writes: Sequence[Write]) -> Sequence[Lost | None]:
        """Carry out conditional writes, each on its own.

        A write that stands already counts as written, and so does the removal of a row that is gone.

        Raises:
            ValueError: See `check_writes`; nothing was written.
        """
        check_writes(writes)
        with self._lock:
            return [self._write(write) for write in writes]

    def due(self, due_shard: str, until: int, limit: int, after: IndexEntry | None = None) -> Sequence[IndexEntry]:
        """Entries of an index partition with `next_action_at <= until`, oldest first, after a given one."""
        with self._lock:
            waiting = (
                entry for entry in self._entries(due_shard, until) if after is None or _place(entry) > _place(after)
            )
            return heapq.nsmallest(limit, waiting, key=_place)

    def count(self, due_shard: str, until: int) -> int:
        """How many entries `due` would give."""
        with self._lock:
            return sum(1 for _ in self._entries(due_shard, until))

    def backup(self) -> Mapping[Key, Row]:
        """The rows as they stand; for `restore`."""
        with self._lock:
            return dict(self._rows)

    def restore(self, backup: Mapping[Key, Row]) -> None:
        """Be as at the time of a backup, index included; an empty one is a lost table."""
        with self._lock:
            self._rows = dict(backup)
            self._index.clear()
            for row in backup.values():
                if row.keys:
                    self._index[row.keys.due_shard][row.key.id] = row.keys.next_action_at

    def _entries(self, due_shard: str, until: int) -> Iterator[IndexEntry]:
        entries = self._index.get(due_shard, {}).items()
        return (IndexEntry(customer, at) for customer, at in entries if at <= until)

    def _write(self, write: Write) -> Lost | None:
        current = self._rows.get(write.key)
        if stands(write.row, current):
            return None
        if not stands(write.expected, current):
            return Lost(current)
        self._put(write.key, current, write.row)
        return None

    def _put(self, key: Key, old: Row | None, new: Row | None) -> None:
        if old is not None and old.keys is not None:
            del self._index[old.keys.due_shard][key.id]
        if new is None:
            del self._rows[key]
            return
        self._rows[key] = new
        if new.keys is not None:
            self._index[new.keys.due_shard][key.id] = new.keys.next_action_at


def _place(entry: IndexEntry) -> tuple[int, str]:
    return entry.next_action_at, entry.id
