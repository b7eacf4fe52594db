"""What roles tell on topics, looked at when it is sent: by then the table has to bear it out."""

from consumers.adapters.memory.table import MemoryTable
from consumers.domain import rows
from consumers.domain.names import Names
from consumers.item_record import from_bytes, published
from consumers.ports import Headers, Row
from consumers.runtime.letterhead import dead_of
from tests.simulation.known import Known
from tests.simulation.processes import Process
from tests.simulation.promises import promise


class Telling:
    """Watches dead letters of events, and lapse.state."""

    def __init__(self, known: Known, table: MemoryTable, names: Names) -> None:
        self._known, self._table, self._names = known, table, names
        self._held: set[tuple[str, str]] = set()
        self._halted: set[str] = set()
        self._versions: dict[Process, dict[str, int]] = {}

    def began(self, process: Process) -> None:
        """A role begins a step: nothing it publishes in it may be older than the table is now."""
        keys = {rows.state_key(customer): customer for customer in self._known.entries}
        self._versions[process] = {keys[key]: row.version for key, row in self._table.read(keys).items()}

    def wrote(self, row: Row) -> None:
        """A row was written: whom it holds, or what halts."""
        if row.key == rows.ALL_HALT:
            self._halted |= set(rows.halt(row.body).positions)
        elif row.key.sub_id == "STATE":
            item = from_bytes(row.body)
            self._held |= {(item.customer_id, name) for name in item.holds}

    def sent(self, process: Process, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        """A record is on its way."""
        if topic == self._names.dead_letters:
            self._letter(headers)
        elif topic == self._names.state and key and value:
            before, version = self._versions[process].get(key.decode(), 0), published(value).version
            promise(4, version >= before, f"{key.decode()} published at {version}, the table was at {before}")

    def _letter(self, headers: Headers) -> None:
        """Whoever has the letter may redrive or discard it: the hold it is to lift must be there before it."""
        dead = dead_of(headers)
        position = str(dead.origin) if dead else ""
        for customer, entries in self._known.entries.items():
            for entry in entries:
                if entry.position == position and not entry.event:
                    held = {(customer, position), (customer, "overflow")} & self._held
                    kept = bool(held) or self._known.is_in(self._known.item(customer), entry)
                    promise(2, kept, f"{position} is a dead letter and does not hold {customer}")
        for entry in self._known.halting:
            if entry.position == position:
                halts = position in self._halted or self._known.released(entry)
                promise(2, halts, f"{position} is a dead letter and halts nothing")
