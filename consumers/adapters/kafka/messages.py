"""A message of the client in our own words."""

from confluent_kafka import Message

from consumers.ports import Partition, Record


def partition_of(message: Message) -> Partition:
    """Where a message or an event of a partition belongs."""
    return Partition(message.topic() or "", message.partition() or 0)


def record_of(message: Message, new: type[Record] = Record) -> Record:
    """A message without an error, as a record."""
    # Called for every record there is: positional, nothing looked up twice.
    return new(
        message.topic(),  # type: ignore[arg-type]  # never None on a message without an error, nor are the next two
        message.partition(),  # type: ignore[arg-type]
        message.offset(),  # type: ignore[arg-type]
        message.timestamp()[1] * 1000,
        message.key(),
        message.value(),
        message.headers() or (),  # type: ignore[arg-type]  # bytes unless set by hand
    )
