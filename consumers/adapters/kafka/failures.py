"""What a Kafka error means to Lapse: the failure table of every adapter in this package.

| failure | the source's poll | any other call |
|---|---|---|
| RECOVERS: librdkafka reconnects, rejoins or finds the new leader by itself | goes on | TransientError |
| OVER: the group has moved on, this member's partitions are not its own any more | goes on | TransientError |
| OFFSET_GONE: the log does not hold the offset to read at (retention, a new topic) | PermanentError | PermanentError |
| TOPIC_MISSING | PermanentError | PermanentError |
| FATAL: the client has given up for good | PermanentError | PermanentError |
| AWAY: everything else, authentication and authorization among it | TransientError | TransientError |
"""

from enum import Enum, auto

from confluent_kafka import KafkaError, KafkaException

from consumers.adapters.record_rules import PARTITION_REVOKED, topic_missing
from consumers.domain.errors import LapseError, PermanentError, TransientError


class Failure(Enum):
    """A row of the failure table."""

    RECOVERS = auto()
    OVER = auto()
    OFFSET_GONE = auto()
    TOPIC_MISSING = auto()
    FATAL = auto()
    AWAY = auto()


# By name, as librdkafka's own codes are private to its binding.
_TABLE: dict[Failure, tuple[str, ...]] = {
    Failure.RECOVERS: (
        "_TRANSPORT",
        "_ALL_BROKERS_DOWN",
        "_RESOLVE",
        "_TIMED_OUT",
        "_TIMED_OUT_QUEUE",
        "_WAIT_COORD",
        "_MAX_POLL_EXCEEDED",
        "COORDINATOR_LOAD_IN_PROGRESS",
        "COORDINATOR_NOT_AVAILABLE",
        "NOT_COORDINATOR",
        "LEADER_NOT_AVAILABLE",
        "NOT_LEADER_FOR_PARTITION",
        "REQUEST_TIMED_OUT",
        "NETWORK_EXCEPTION",
    ),
    Failure.OVER: (
        "ILLEGAL_GENERATION",
        "UNKNOWN_MEMBER_ID",
        "REBALANCE_IN_PROGRESS",
        "_ASSIGNMENT_LOST",
    ),
    Failure.OFFSET_GONE: ("_AUTO_OFFSET_RESET", "OFFSET_OUT_OF_RANGE", "_LOG_TRUNCATION"),
    Failure.TOPIC_MISSING: (
        "UNKNOWN_TOPIC_OR_PART",
        "UNKNOWN_TOPIC_ID",
        "_UNKNOWN_TOPIC",
        "_UNKNOWN_PARTITION",
    ),
    # What a client that has given up says from then on: bare, without the flag that its first error bears.
    Failure.FATAL: ("_FATAL",),
}
_BY_NAME = {name: failure for failure, names in _TABLE.items() for name in names}


def failure_of(error: KafkaError) -> Failure:
    """The row of the table for an error."""
    return Failure.FATAL if error.fatal() else _BY_NAME.get(error.name(), Failure.AWAY)


def code_of(error: KafkaError) -> str:
    """The error's name, fit for a header, a log line or a label: `topic_authorization_failed`."""
    return "unknown_topic" if failure_of(error) is Failure.TOPIC_MISSING else error.name().strip("_").lower()


def kafka_error(raised: KafkaException) -> KafkaError:
    """What a KafkaException carries."""
    carried = raised.args[0]
    return carried if isinstance(carried, KafkaError) else KafkaError(KafkaError.UNKNOWN)


def raisable(error: KafkaError, doing: str) -> LapseError:
    """The error of Lapse for any call but a poll. `doing` names the call, without any record's content."""
    failure, code = failure_of(error), code_of(error)
    if failure is Failure.OVER:
        return TransientError(f"{doing}: the group has moved on ({code})", code=PARTITION_REVOKED)
    if failure is Failure.TOPIC_MISSING:
        return topic_missing(doing)
    if failure in {Failure.FATAL, Failure.OFFSET_GONE}:
        return PermanentError(f"{doing}: {code}", code=code)
    return TransientError(f"{doing}: {code}", code=code)
