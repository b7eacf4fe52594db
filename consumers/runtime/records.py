"""Records and offsets, as every role speaks of them."""

from consumers.ports import Headers, Partition, Polled, Record

TRACEPARENT = "traceparent"


def position_of(record: Record) -> str:
    """A record's name: topic-partition-offset."""
    return f"{record.topic}-{record.partition}-{record.offset}"


def next_offsets(polled: Polled) -> dict[Partition, int]:
    """The offsets to commit after a batch, an end that stands behind transaction markers included."""
    offsets: dict[Partition, int] = {}
    for record in polled.records:
        offsets[Partition(record.topic, record.partition)] = record.offset + 1
    for partition, end in polled.ends.items():
        offsets[partition] = max(end, offsets.get(partition, end))
    return offsets


def trace_of(headers: Headers) -> str | None:
    """The W3C trace context a record came with."""
    for name, value in headers:
        if name == TRACEPARENT and value:
            return value.decode(errors="replace")[:64]
    return None
