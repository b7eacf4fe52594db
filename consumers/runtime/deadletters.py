"""Dead letters: what a consumer cannot handle, kept byte for byte, with the reason as a code.

A letter is the record's key, value and headers, then a block of headers of ours. A copy redriven from it is the letter
with `lapse-redrive-group` behind that; so over any number of redrives what stands before the block stays as it was.
"""

import hashlib
import hmac
from typing import NamedTuple

from consumers.ports import Headers, Metrics, Record, RecordSink
from consumers.runtime.measures import DEAD_LETTERS
from consumers.runtime.records import DLQ, REDRIVE_GROUP, redriven_to

SPRING = "kafka_dlt-original-"
WITHHELD = DLQ + "withheld"
ACTION = "lapse-dlq-action"
_TOLD = ("topic", "partition", "offset", "group", "delivery.count", "message")
_SPRING = ("topic", "partition", "offset", "timestamp", "consumer-group")
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


class DeadLetters:
    """The dead-letter topic as one group writes to it."""

    def __init__(self, sink: RecordSink, topic: str, group: str, metrics: Metrics, secret: bytes) -> None:
        self._sink, self._topic, self.group = sink, topic, group
        self._metrics, self._secret = metrics, secret

    def send(self, record: Record, code: str) -> None:
        """Keep the record as it was. Safe after the sink's flush."""
        self._sink.send(self._topic, record.key, record.value, headers(record, self.group, code))
        self._metrics.count(DEAD_LETTERS, group=self.group, code=code)

    def send_without_content(self, record: Record, code: str) -> None:
        """Keep only where the record stood and a keyed hash of its key: it holds a person's data."""
        digest = hmac.new(self._secret, record.key or b"", hashlib.sha256).hexdigest()
        bare = headers(record._replace(headers=()), self.group, code)
        self._sink.send(self._topic, digest.encode(), None, [*bare, (WITHHELD, b"1")])
        self._metrics.count(DEAD_LETTERS, group=self.group, code=code)


def headers(record: Record, group: str, code: str) -> Headers:
    """The record's own headers, then where it stood and why it is here, as text and as Spring's readers expect it."""
    dead = dead_of(record.headers[:-1]) if redriven_to(record) else None
    own = dead.own if dead else record.headers
    origin = (
        dead.origin._replace(deliveries=dead.origin.deliveries + 1)
        if dead
        else Origin(record.topic, record.partition, record.offset, record.timestamp, 1)
    )
    told = (origin.topic, str(origin.partition), str(origin.offset), group, str(origin.deliveries), code)
    spring = (
        origin.topic.encode(),
        origin.partition.to_bytes(4, "big"),
        origin.offset.to_bytes(8, "big"),
        (origin.timestamp // 1000).to_bytes(8, "big", signed=True),
        group.encode(),
    )
    return [*own, *zip(BLOCK, [*(each.encode() for each in told), *spring], strict=True)]


def dead_of(found: Headers) -> Dead | None:
    """What a dead letter's headers say; None where they are none of a dead letter, as those of a marker."""
    withheld = bool(found) and found[-1][0] == WITHHELD
    all_of_it = found[:-1] if withheld else found
    own, block = all_of_it[: -len(BLOCK)], all_of_it[-len(BLOCK) :]
    if tuple(name for name, _ in block) != BLOCK:
        return None
    topic, partition, offset, group, deliveries, code = (value or b"" for _, value in block[: len(_TOLD)])
    timestamp = int.from_bytes(block[len(_TOLD) + 3][1] or b"", "big", signed=True) * 1000
    origin = Origin(topic.decode(), int(partition), int(offset), timestamp, int(deliveries))
    return Dead(own, origin, group.decode(), code.decode(), withheld)


def copy_headers(letter: Headers, group: str) -> Headers:
    """The headers of a copy of a dead letter for the group that failed."""
    return [*letter, (REDRIVE_GROUP, group.encode())]
