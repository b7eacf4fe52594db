"""The headers of a dead letter and of a copy redriven from it.

A letter bears the record's own headers, then a block of ours. A copy bears the letter's with `lapse-redrive-group`
behind them; so over any number of redrives what stands before the block stays as it was.
"""

import re
from typing import NamedTuple

from consumers.ports import Headers

DLQ = "__dlq.errors."
SPRING = "kafka_dlt-original-"
WITHHELD = DLQ + "withheld"
REDRIVE_GROUP = "lapse-redrive-group"
_TOLD = ("topic", "partition", "offset", "group", "delivery.count", "message")
_SPRING = ("topic", "partition", "offset", "timestamp", "consumer-group")
MOST_DELIVERIES = (1 << 31) - 1
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")  # Kafka's own rule
BLOCK = (*(DLQ + name for name in _TOLD), *(SPRING + name for name in _SPRING))


class Origin(NamedTuple):
    """Where a dead record stood first, and how often it has been delivered in vain."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    deliveries: int

    def __str__(self) -> str:
        """Its name: topic-partition-offset."""
        return f"{self.topic}-{self.partition}-{self.offset}"


class Dead(NamedTuple):
    """What the headers of a dead letter say. `own` are the headers the record came with."""

    own: Headers
    origin: Origin
    group: str
    code: str
    withheld: bool


def block(origin: Origin, group: str, code: str) -> Headers:
    """Where a record stood and why it is here, as text and as Spring's readers expect it."""
    told = (origin.topic, str(origin.partition), str(origin.offset), group, str(origin.deliveries), code)
    spring = (
        origin.topic.encode(),
        origin.partition.to_bytes(4, "big"),
        origin.offset.to_bytes(8, "big"),
        (origin.timestamp // 1000).to_bytes(8, "big", signed=True),
        group.encode(),
    )
    return list(zip(BLOCK, [*(each.encode() for each in told), *spring], strict=True))


def dead_of(found: Headers) -> Dead | None:
    """What a dead letter's headers say; None where they are none of a dead letter, as those of a marker.

    Headers that only bear our names, put on a record by whoever sent it, say nothing.
    """
    withheld = bool(found) and found[-1][0] == WITHHELD
    all_of_it = found[:-1] if withheld else found
    own, rest = all_of_it[: -len(BLOCK)], all_of_it[-len(BLOCK) :]
    if tuple(name for name, _ in rest) != BLOCK:
        return None
    try:
        topic, partition, offset, group, deliveries, code = ((value or b"").decode() for _, value in rest[: len(_TOLD)])
        timestamp = int.from_bytes(rest[len(_TOLD) + 3][1] or b"", "big", signed=True) * 1000
        origin = Origin(topic, int(partition), int(offset), timestamp, int(deliveries))
        ours = _possible(origin) and block(origin, group, code) == list(rest)
    except (ValueError, OverflowError):
        ours = False
    return Dead(own, origin, group, code, withheld) if ours else None


def _possible(origin: Origin) -> bool:
    """Whether Kafka can have had such a record: what is counted on and kept as a name in items must have an end."""
    return (
        _TOPIC.fullmatch(origin.topic) is not None
        and 0 <= origin.partition < 1 << 31
        and 0 <= origin.offset < 1 << 63
        and 0 < origin.deliveries <= MOST_DELIVERIES
    )


def copy_headers(letter: Headers, group: str) -> Headers:
    """The headers of a copy of a dead letter for the group that failed."""
    return [*letter, (REDRIVE_GROUP, group.encode())]


def original_of(found: Headers) -> Dead | None:
    """What a copy's headers say of the record it was made of; None where they are none of a copy."""
    if not found or found[-1][0] != REDRIVE_GROUP:
        return None
    dead = dead_of(found[:-1])
    return dead if dead and found[-1][1] == dead.group.encode() else None
