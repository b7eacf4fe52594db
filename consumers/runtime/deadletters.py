"""Dead letters: what a consumer cannot handle, kept byte for byte, with the reason as a code."""

import hashlib
import hmac
from collections.abc import Sequence

from consumers.ports import Metrics, Record, RecordSink
from consumers.runtime.measures import DEAD_LETTERS

DLQ = "__dlq.errors."
SPRING = "kafka_dlt-original-"


class DeadLetters:
    """The dead-letter topic as one group writes to it."""

    def __init__(self, sink: RecordSink, topic: str, group: str, metrics: Metrics, secret: bytes) -> None:
        self._sink, self._topic, self._group = sink, topic, group
        self._metrics, self._secret = metrics, secret

    def send(self, record: Record, code: str) -> None:
        """Keep the record as it was. Safe after the sink's flush."""
        self._sink.send(self._topic, record.key, record.value, headers(record, self._group, code))
        self._metrics.count(DEAD_LETTERS, group=self._group, code=code)

    def send_without_content(self, record: Record, code: str) -> None:
        """Keep only where the record stood and a keyed hash of its key: it holds a person's data."""
        digest = hmac.new(self._secret, record.key or b"", hashlib.sha256).hexdigest()
        bare = record._replace(headers=())
        self._sink.send(self._topic, digest.encode(), None, headers(bare, self._group, code))
        self._metrics.count(DEAD_LETTERS, group=self._group, code=code)


def headers(record: Record, group: str, code: str) -> Sequence[tuple[str, bytes | None]]:
    """The record's own headers, then where it stood and why it is here, as text and as Spring's readers expect it."""
    told = {
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
        "group": group,
        "delivery.count": "1",
        "message": code,
    }
    return [
        *record.headers,
        *((DLQ + name, value.encode()) for name, value in told.items()),
        (SPRING + "topic", record.topic.encode()),
        (SPRING + "partition", record.partition.to_bytes(4, "big")),
        (SPRING + "offset", record.offset.to_bytes(8, "big")),
        (SPRING + "timestamp", (record.timestamp // 1000).to_bytes(8, "big", signed=True)),
        (SPRING + "consumer-group", group.encode()),
    ]
