"""Records written by hand, as anybody with access to a topic could, and what may not change because of them."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from consumers.domain.due import command_id
from consumers.domain.item import Item
from consumers.domain.rows import state_key
from consumers.ports import Record, Row
from consumers.process import Process
from consumers.runtime.letterhead import DLQ
from consumers.runtime.measures import PAUSES
from schemas.codec import encode
from schemas.edge import to_micros
from tests.support.installation import PURPOSE, Installation, _role, wait_for


def ago(**length: float) -> datetime:
    """A moment before now, aware."""
    return datetime.now(UTC) - timedelta(**length)


def ahead(**length: float) -> datetime:
    """A moment after now, aware."""
    return datetime.now(UTC) + timedelta(**length)


def schedule(customer: str, *, product: str = "loan/1", occurred: datetime | None = None, **fields: Any) -> bytes:
    """A schedule of a product that was closed when it occurred: by default, 60 days ago."""
    at = to_micros(occurred or ago(days=60))
    return _event("ScheduleAnonymization", customer, product, at, retention_starts_at=at, **fields)


def postpone(customer: str, *, product: str = "loan/1", occurred: datetime | None = None, **fields: Any) -> bytes:
    """An open-ended postpone, now."""
    return _event("PostponeAnonymization", customer, product, to_micros(occurred or ago()), **fields)


def _event(name: str, customer: str, product: str, at: int, **fields: Any) -> bytes:
    known = {"event_id": str(uuid.uuid4()), "customer_id": customer, "product": product, "occurred_at": at}
    return encode(name, {**known, "source": "test", **fields})


def command(customer: str, message: str, *, purpose: str = PURPOSE, check: bool = False) -> bytes:
    """An AnonymizeCustomer, or a CheckCustomer."""
    fields = {"command_id": message, "attempt": 1, "customer_id": customer, "purpose": purpose, "sent_at": 0}
    return encode("CheckCustomer" if check else "AnonymizeCustomer", fields)


def result(customer: str, message: str, service: str) -> bytes:
    """A DONE that no service sent."""
    fields = {"command_id": message, "attempt": 1, "customer_id": customer, "purpose": PURPOSE, "service": service}
    return encode("AnonymizationResult", {**fields, "outcome": "DONE", "rows_by_table": {}, "finished_at": 0})


def tick(tick_id: str, as_of: datetime, *, dry_run: bool = False) -> bytes:
    """A TickRequested."""
    fields = {"tick_id": tick_id, "as_of": to_micros(as_of), "dry_run": dry_run, "requested_by": "mallory"}
    return encode("TickRequested", fields)


def rightful(lapse: Installation, item: Item) -> str:
    """The id a command for these facts would have."""
    policy = lapse.app.settings.policy()
    return command_id(item, policy.purposes[PURPOSE], policy)


def append(
    lapse: Installation, topic: str, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]] = ()
) -> None:
    """Write a record with headers, byte for byte."""
    with closing(lapse.app.sink()) as sink:
        sink.send(lapse.app.names.prefix + topic, key, value, headers)
        sink.flush()


class Standing(NamedTuple):
    """All that Lapse may change about some customers: items as written, rows and ledgers of every service."""

    items: Mapping[str, Row | None]
    rows: Mapping[str, Any]
    ledgers: Mapping[str, Any]


def standing(lapse: Installation, customers: Iterable[str], services: Collection[str] | None = None) -> Standing:
    """How these customers stand now, to be compared with later; in these services only, if some are named."""
    keys = {state_key(each): each for each in customers}
    found = lapse.app.table.read(keys)
    items = {each: found.get(key) for key, each in keys.items()}
    asked = lapse.names if services is None else services
    rows = {service: _rows(lapse, service, "people", list(items)) for service in asked}
    return Standing(
        items, rows, {service: _rows(lapse, service, "lapse.lapse_ledger", list(items)) for service in asked}
    )


def _rows(lapse: Installation, service: str, table: str, customers: list[str]) -> list[Any]:
    query = f"SELECT CAST(t AS text) FROM {table} AS t WHERE customer_id = ANY(%s) ORDER BY 1"
    with lapse.connect(service) as database:
        return database.execute(query.encode(), [customers]).fetchall()


def restore(lapse: Installation, service: str, customer: str) -> None:
    """Bring back a customer's row as a backup from before the command has it: also without the ledger's row."""
    with lapse.connect(service) as database:
        database.execute("DELETE FROM lapse.lapse_ledger WHERE customer_id = %s", [customer])
        database.execute("DELETE FROM people WHERE customer_id = %s", [customer])
        row = (customer, f"Name of {customer}", f"{customer}@example.invalid")
        database.execute("INSERT INTO people (customer_id, name, email) VALUES (%s, %s, %s)", row)


def read_all(lapse: Installation, *roles: str) -> None:
    """Wait until these roles have read all there is."""

    def behind(role: str) -> int:
        topic, group = lapse.app._reads(_role(role))
        return lapse.app.offsets.lag(group, topic)

    for role in roles:
        wait_for(f"{role} has read everything", lambda role=role: not behind(role))  # type: ignore[misc] # mypy cannot infer a lambda with a default


def waits_for(process: Process, role: str, code: str) -> None:
    """Wait until a role has paused for this reason."""
    labels = {"role": role, "code": code}
    wait_for(f"{role}: {code}", lambda: process._app.metrics.registry.get_sample_value(PAUSES, labels))


def dead_letters(lapse: Installation, code: str | None = None) -> list[Record]:
    """The dead letters; only those of a code, if one is named."""
    found = lapse.records("dead-letters")
    return [each for each in found if code is None or dict(each.headers)[DLQ + "message"] == code.encode()]


def topic_end(lapse: Installation, topic: str) -> int:
    """How many records a topic has."""
    return sum(lapse.app.offsets.end(lapse.app.names.prefix + topic).values())
