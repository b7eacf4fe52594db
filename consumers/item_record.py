"""The item as bytes: one `CustomerState` record, the same in the table and on lapse.state.

The table keeps the very bytes that are published, so nothing can be published but what was written.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from consumers.domain.item import Command, Discarded, Hold, Item, Last, PurposeState, Vote
from consumers.domain.registers import Product, Register
from schemas.codec import decode, encode

RECORD = "CustomerState"


def to_bytes(item: Item, version: int, stamp: str, now: int) -> bytes:
    """The item framed as a CustomerState written at `now`."""
    return encode(RECORD, _fields(item, version, stamp, now))


class Published(NamedTuple):
    """An item as written once; version and stamp name that write."""

    item: Item
    version: int
    stamp: str


def published(body: bytes) -> Published:
    """The item in a CustomerState, with its write. InvalidRecordError: the bytes are none."""
    fields = decode(body, {RECORD}).fields
    return Published(_item(fields), fields["version"], fields["stamp"])


def from_bytes(body: bytes) -> Item:
    """The item in a CustomerState. InvalidRecordError: the bytes are none."""
    return _item(decode(body, {RECORD}).fields)


def _item(fields: Mapping[str, Any]) -> Item:
    return Item(
        customer_id=fields["customer_id"],
        products={each["product"]: _product(each) for each in fields["products"]},
        purposes={each["purpose"]: _purpose(each) for each in fields["purposes"]},
        holds={each["position"]: Hold(*_rest(each, Hold._fields)) for each in fields["holds"]},
        discarded={each["position"]: Discarded(*_rest(each, Discarded._fields)) for each in fields["discarded"]},
    )


def _rest(fields: Mapping[str, Any], names: tuple[str, ...]) -> list[Any]:
    return [fields[name] for name in names]


def _product(fields: Mapping[str, Any]) -> Product:
    return Product(_register(fields["schedule"]), _register(fields["postpone"]))


def _register(fields: Mapping[str, Any] | None) -> Register | None:
    if fields is None:
        return None
    return Register(
        fields["occurred_at"],
        fields["event_id"],
        fields["digest"],
        fields["date"],
        fields["not_before"],
        frozenset(fields["spent"]),
        fields["traceparent"],
    )


def _purpose(fields: Mapping[str, Any]) -> PurposeState:
    last = fields["last"]
    return PurposeState(
        attempt=fields["attempt"],
        retry_at=fields["retry_at"],
        command=_command(fields["command"]),
        last=last and Last(**{**last, "services": tuple(last["services"])}),
        deferred=fields["deferred"],
    )


def _command(fields: Mapping[str, Any] | None) -> Command | None:
    if fields is None:
        return None
    votes = {service: Vote(**vote) for service, vote in fields["votes"].items()}
    return Command(**{**fields, "services": tuple(fields["services"]), "votes": votes})


def _fields(item: Item, version: int, stamp: str, now: int) -> dict[str, Any]:
    return {
        "customer_id": item.customer_id,
        "version": version,
        "stamp": stamp,
        "products": [_product_fields(name, product) for name, product in item.products.items()],
        "purposes": [_purpose_fields(name, state) for name, state in item.purposes.items()],
        "holds": [{"position": name, **hold._asdict()} for name, hold in item.holds.items()],
        "discarded": [{"position": name, **record._asdict()} for name, record in item.discarded.items()],
        "updated_at": now,
    }


def _product_fields(name: str, product: Product) -> dict[str, Any]:
    schedule, postpone = product
    return {
        "product": name,
        "schedule": schedule and _register_fields(schedule),
        "postpone": postpone and _register_fields(postpone),
    }


def _register_fields(register: Register) -> dict[str, Any]:
    # a literal, not _asdict: this runs for every register of every write
    return {
        "occurred_at": register.occurred_at,
        "event_id": register.event_id,
        "digest": register.digest,
        "date": register.date,
        "not_before": register.not_before,
        "spent": sorted(register.spent) if register.spent else (),
        "traceparent": register.traceparent,
    }


def _purpose_fields(name: str, state: PurposeState) -> dict[str, Any]:
    command, last = state.command, state.last
    return {
        "purpose": name,
        "attempt": state.attempt,
        "retry_at": state.retry_at,
        "command": command and _command_fields(command),
        "last": last and last._asdict(),
        "deferred": dict(state.deferred),
    }


def _command_fields(command: Command) -> dict[str, Any]:
    votes = {service: vote._asdict() for service, vote in command.votes.items()}
    maps = {"outcomes": dict(command.outcomes), "reopened": dict(command.reopened)}
    return {**command._asdict(), "votes": votes, **maps}
