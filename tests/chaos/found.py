"""What stands at the end: read from every database, the table and the topics."""

from collections.abc import Collection, Iterable
from contextlib import closing

from consumers.domain.index import FAR, SHARDS, Prefix
from consumers.domain.item import Item
from consumers.domain.retention import micros
from consumers.operations import dlq
from consumers.runtime.index_pages import index_pages
from schemas.codec import decode
from schemas.library import COMMANDS
from tests.chaos.books import Entry, Found
from tests.chaos.storm import ROLES
from tests.support.installation import Installation, wait_for

QUIET_SECONDS = 20.0
LEDGER = "SELECT customer_id, command_id, committed_at, outcome FROM lapse.lapse_ledger"
BATCH = 500


def find(lapse: Installation, customers: Collection[str]) -> Found:
    """Read everything; nothing may be under way any more."""
    trail = lapse.results("LATE")
    letters = dlq.letters(lapse.app.reader, lapse.app.names.dead_letters)
    return Found(
        now=lapse.app.clock.now(),
        rows={service: lapse.rows(service) for service in lapse.names},
        ledgers={service: _ledger(lapse, service) for service in lapse.names},
        sent=_sent(lapse),
        items=_items(lapse, list(customers)),
        late={(fields["customer_id"], fields["command_id"]) for fields in trail if fields["service"] == "lapse.state"},
        letters={str(letter.origin): letter.code for letter in letters},
    )


def _ledger(lapse: Installation, service: str) -> dict[str, list[Entry]]:
    entries: dict[str, list[Entry]] = {}
    with lapse.connect(service) as database:
        for customer, command, committed_at, outcome in database.execute(LEDGER):
            entries.setdefault(customer, []).append(Entry(command, micros(committed_at), outcome))
    return entries


def _sent(lapse: Installation) -> dict[str, int]:
    """When each command was first sent to be carried out, by the broker's clock."""
    sent: dict[str, int] = {}
    for record in lapse.records("commands"):
        name, fields = decode(record.value, COMMANDS)
        if name == "AnonymizeCustomer":
            command = str(fields["command_id"])
            sent[command] = min(record.timestamp, sent.get(command, record.timestamp))
    return sent


def _items(lapse: Installation, customers: list[str]) -> dict[str, Item]:
    with closing(lapse.app.sink()) as sink:
        items = lapse.app.items(sink)
        read = [items.read(customers[at : at + BATCH]) for at in range(0, len(customers), BATCH)]
    return {customer: stored.item for found in read for customer, stored in found.items()}


def settled(lapse: Installation, active: Collection[str]) -> bool:
    """Whether a tick leaves nothing to be done. `active` are those whom a guard keeps due for ever.

    AssertionError: something is still under way after a while.
    """
    lapse.tick()
    wait_for("nothing is under way", lambda: _nothing_under_way(lapse), QUIET_SECONDS)
    return _entries(lapse, ("due",), lapse.app.clock.now()) <= set(active)


def _nothing_under_way(lapse: Installation) -> bool:
    unread = any(lapse.app.offsets.lag(*lapse.group_and_topic(role)) for role in ROLES)
    return not unread and lapse.folded() and not _entries(lapse, ("lease", "partial"), FAR)


def _entries(lapse: Installation, prefixes: Iterable[Prefix], until: int) -> set[str]:
    pages = (
        page
        for prefix in prefixes
        for number in range(SHARDS)
        for page in index_pages(lapse.app.table, prefix, number, until)
    )
    return {entry.id for page in pages for entry in page}
