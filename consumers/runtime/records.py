"""Records and offsets, as every role speaks of them."""

import re
from collections.abc import Sequence

from consumers.ports import Headers, Partition, Polled, Record
from consumers.runtime.letterhead import original_of

TRACEPARENT = "traceparent"
_TRACE = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def position_of(record: Record) -> str:
    """A record's name: topic-partition-offset; of a redriven copy that of the original, so that it lifts its hold."""
    original = original_of(record.headers)
    return str(original.origin) if original else f"{record.topic}-{record.partition}-{record.offset}"


def meant_for(records: Sequence[Record], group: str) -> list[Record]:
    """The records a group handles: all but the copies redriven to another one, which are not even decoded."""
    return [each for each in records if (copy := original_of(each.headers)) is None or copy.group == group]


def next_offsets(polled: Polled) -> dict[Partition, int]:
    """The offsets to commit after a batch, an end that stands behind transaction markers included."""
    offsets: dict[Partition, int] = {}
    for record in polled.records:
        offsets[Partition(record.topic, record.partition)] = record.offset + 1
    for partition, end in polled.ends.items():
        offsets[partition] = max(end, offsets.get(partition, end))
    return offsets


def trace_headers(trace: str | None) -> Headers:
    """The header that hands a trace context on; none where there is none."""
    return [(TRACEPARENT, trace.encode())] if trace else ()


def trace_of(headers: Headers) -> str | None:
    """The W3C trace context a record came with. Anything else goes no further: no ledger takes a NUL, say."""
    for name, value in headers:
        if name == TRACEPARENT and value and _TRACE.fullmatch(value):
            return value.decode()
    return None
