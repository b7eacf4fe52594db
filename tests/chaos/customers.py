"""Customers, and what the books must know of each: what was said, what held, which rows were written."""

import hashlib
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from consumers.domain.registers import Event, Register
from consumers.domain.retention import micros
from producer_client import Postpone, Schedule, encode

FOREVER: Final = 1 << 62


@dataclass
class Said:
    """A statement. `sent`: before it was first sent; `acknowledged`: when its delivery was reported; microseconds."""

    event: Event
    sent: int = FOREVER
    acknowledged: int = FOREVER


@dataclass
class Unreadable:
    """A record on the events topic that is dead-lettered with this code and holds its customer until `released`.

    `event`: what it says once it is believed, from `released` on.
    """

    code: str
    value: bytes
    event: Event | None = None
    position: str = ""
    acknowledged: int = FOREVER
    released: int = FOREVER


def event_of(statement: Schedule | Postpone) -> Event:
    """A statement as the state consumer will read it; its position is not known yet."""
    schedule = isinstance(statement, Schedule)
    date = statement.retention_starts_at if isinstance(statement, Schedule) else statement.until
    register = Register(
        occurred_at=micros(statement.occurred_at),
        event_id=str(statement.event_id),
        digest=hashlib.blake2b(encode(statement).value, digest_size=8).hexdigest(),
        date=None if date is None else micros(date),
    )
    return Event("schedule" if schedule else "postpone", statement.product, register, "")


class Row(NamedTuple):
    """A customer's row in every service, written by the application from `at` on."""

    at: int
    name: str
    email: str


@dataclass
class Customer:
    """One customer. `active_until`: since before anything was said until then the voting service objects."""

    id: str
    fate: str
    said: list[Said] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    active_until: int = 0
