"""Dead letters: what a consumer cannot handle, kept byte for byte, with the reason as a code."""

import hashlib
import hmac

from consumers.ports import Headers, Metrics, Record, RecordSink
from consumers.runtime.letterhead import BLOCK, MOST_DELIVERIES, WITHHELD, Origin, block, original_of
from consumers.runtime.measures import DEAD_LETTERS


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
        bare = headers(record, self.group, code)[-len(BLOCK) :]
        self._sink.send(self._topic, digest.encode(), None, [*bare, (WITHHELD, b"1")])
        self._metrics.count(DEAD_LETTERS, group=self.group, code=code)


def headers(record: Record, group: str, code: str) -> Headers:
    """The record's own headers, then the block; of a copy, the own headers and the position of its original."""
    dead = original_of(record.headers)
    if dead:
        again = dead.origin._replace(deliveries=min(dead.origin.deliveries + 1, MOST_DELIVERIES))
        return [*dead.own, *block(again, group, code)]
    origin = Origin(record.topic, record.partition, record.offset, record.timestamp, 1)
    return [*record.headers, *block(origin, group, code)]
