"""Records and offsets, as every role speaks of them."""

from collections.abc import Sequence

from consumers.ports import Headers, Partition, Polled, Record

TRACEPARENT = "traceparent"
REDRIVE_GROUP = "lapse-redrive-group"
DLQ = "__dlq.errors."


def position_of(record: Record) -> str:
    """A record's name: topic-partition-offset; of a redriven copy that of the original, so that it lifts its hold."""
    found = origin_of(record.headers) if redriven_to(record) else None
    return found or f"{record.topic}-{record.partition}-{record.offset}"


def redriven_to(record: Record) -> str | None:
    """The group a copy was redriven to, None for a record that is no copy."""
    name, value = record.headers[-1] if record.headers else ("", None)
    return value.decode(errors="replace") if name == REDRIVE_GROUP and value else None


def origin_of(headers: Headers) -> str | None:
    """Where the record behind a dead letter, or behind a copy of it, stood first."""
    told = {name.removeprefix(DLQ): value for name, value in headers if name.startswith(DLQ) and value}
    if not {"topic", "partition", "offset"} <= told.keys():
        return None
    return "-".join(told[name].decode(errors="replace") for name in ("topic", "partition", "offset"))


def meant_for(records: Sequence[Record], group: str) -> list[Record]:
    """The records a group handles: all but the copies redriven to another one, which are not even decoded."""
    return [record for record in records if redriven_to(record) in {None, group}]


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
    """The W3C trace context a record came with."""
    for name, value in headers:
        if name == TRACEPARENT and value:
            return value.decode(errors="replace")[:64]
    return None
