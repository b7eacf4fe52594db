"""lapse.state read as a whole: the newest record of each customer, a partition at a time.

Memory: one small entry per customer of a partition. A record may be older than one before it (a paused writer); the
version tells. A tombstone ends what was before it.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from consumers.domain.errors import InvalidRecordError, PermanentError
from consumers.item_record import Published, published
from consumers.operations.batches import batches
from consumers.ports import Record, TopicOffsets, TopicReader
from consumers.runtime.records import position_of


class Seen(NamedTuple):
    """A customer's newest record: where it stands, by which write; a tombstone is of version 0."""

    offset: int
    version: int = 0
    stamp: str = ""


class StateLog:
    """Reads lapse.state."""

    def __init__(self, reader: TopicReader, offsets: TopicOffsets, topic: str) -> None:
        self._reader, self._offsets, self._topic = reader, offsets, topic

    def newest(self) -> Iterator[Mapping[str, Seen]]:
        """Per partition: the newest record of each customer, the forgotten included. TransientError: begin again."""
        for partition in self._offsets.end(self._topic):
            yield self._newest(partition)

    def customers(self) -> Iterator[list[str]]:
        """Every customer who was not forgotten, in batches."""
        for seen in self.newest():
            yield from batches([customer for customer, newest in seen.items() if newest.version])

    def items(self) -> Iterator[dict[str, Published]]:
        """The newest item of every customer, in batches."""
        for partition in self._offsets.end(self._topic):
            wanted = {each.offset for each in self._newest(partition).values()}
            records = self._reader.read(self._topic, self._only(partition))
            found = (
                (record.key.decode(), _item(record, record.value))
                for record in records
                if record.offset in wanted and record.value is not None and record.key is not None
            )
            yield from map(dict, batches(found))

    def _newest(self, partition: int) -> dict[str, Seen]:
        seen: dict[str, Seen] = {}
        for record in self._reader.read(self._topic, self._only(partition)):
            customer = (record.key or b"").decode()
            if record.value is None:
                seen[customer] = Seen(record.offset)
                continue
            found = _item(record, record.value)
            if customer not in seen or seen[customer].version <= found.version:
                seen[customer] = Seen(record.offset, found.version, found.stamp)
        return seen

    def _only(self, partition: int) -> dict[int, int]:
        ends = self._offsets.end(self._topic)
        first = self._offsets.beginning(self._topic)[partition]
        return {**ends, partition: first}


def _item(record: Record, value: bytes) -> Published:
    try:
        return published(value)
    except InvalidRecordError as error:
        code = error.code
    raise PermanentError(
        f"{position_of(record)} is no item ({code}). Read it with the version of Lapse that wrote it; if none did, "
        "send a tombstone under its key: the events then say all that is known of who it was about"
    )
