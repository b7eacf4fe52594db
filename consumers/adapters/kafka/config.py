"""librdkafka properties per client: what a person configured, and what correctness hangs on.

Properties pass through under librdkafka's names. One that would break a promise is refused, not overridden in silence.
"""

import logging
from collections.abc import Mapping
from typing import Any

from consumers.domain.errors import PermanentError

KafkaConfig = Mapping[str, str | int | float | bool]

LOGGER = logging.getLogger("consumers.adapters.kafka")
ANSWER_SECONDS = 10.0
"""How long to wait for an answer of the broker before it counts as away."""

_EVERY_CLIENT: dict[str, Any] = {
    # A broker that is silent is given up on after this long; 60 s by default, which would outlast a shutdown.
    "socket.timeout.ms": int(ANSWER_SECONDS * 1000),
    "reconnect.backoff.max.ms": 2000,
}
_CONSUMER: dict[str, Any] = {
    # An eighth of what librdkafka would hoard: a rebalance throws it away.
    "queued.max.messages.kbytes": 8192,
    # When that much is waiting, look again this soon; the default of 1 s idles (a fifth of the records per second).
    "fetch.queue.backoff.ms": 10,
    "fetch.error.backoff.ms": 100,
}
_CONSUMER_FIXED: dict[str, Any] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "isolation.level": "read_committed",
    "enable.partition.eof": True,
    # An offset that is gone is reported, never replaced by a guess.
    "auto.offset.reset": "error",
    "allow.auto.create.topics": False,
}
PROTOCOL = "group.protocol"
_BY_PROTOCOL: dict[str, dict[str, Any]] = {
    # Eager: all partitions are given back before any is given out, so that no two members hold one.
    "classic": {PROTOCOL: "classic", "partition.assignment.strategy": "range"},
    "consumer": {PROTOCOL: "consumer"},
}
# Under KIP-848 the broker decides these; librdkafka refuses them without saying what to do.
_OF_CLASSIC = ("session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy", "group.protocol.type")
_PRODUCER: dict[str, Any] = {
    "linger.ms": 5,
    # a dead letter is a record of full size with headers added; 1 MB by default
    "message.max.bytes": 2 * 1024 * 1024,
    # A record that was not acknowledged by then has failed, so that `flush` gets an answer about every record.
    "delivery.timeout.ms": 30_000,
}
_PRODUCER_FIXED: dict[str, Any] = {
    "enable.idempotence": True,
    "acks": "all",
    # The partitioner of Java clients: one customer has one partition, whoever writes.
    "partitioner": "murmur2_random",
}
# Nobody polls these clients, so their log lines would pile up; their errors are raised where they are called.
_SILENT: dict[str, Any] = {"log_level": 2}


def consumer_properties(given: KafkaConfig, group: str) -> dict[str, Any]:
    """Properties of a consumer that joins `group`.

    Raises:
        PermanentError: A configured property contradicts one that must be as it is.
    """
    protocol = _text(given.get(PROTOCOL, "classic"))
    if protocol not in _BY_PROTOCOL:
        raise PermanentError(f"kafka property {PROTOCOL} must be one of: {', '.join(_BY_PROTOCOL)}")
    if protocol == "consumer" and (misplaced := sorted(given.keys() & set(_OF_CLASSIC))):
        raise PermanentError(f"kafka properties the broker decides with {PROTOCOL} consumer: {', '.join(misplaced)}")
    return _joined(given, _CONSUMER, {**_CONSUMER_FIXED, **_BY_PROTOCOL[protocol], "group.id": group})


def producer_properties(given: KafkaConfig) -> dict[str, Any]:
    """Properties of a producer.

    Raises:
        PermanentError: A configured property contradicts one that must be as it is.
    """
    return _joined(_without_protocol(given), _PRODUCER, _PRODUCER_FIXED)


def observer_properties(given: KafkaConfig, group: str) -> dict[str, Any]:
    """Properties of a consumer that never joins `group`, only reads or writes its offsets."""
    return {**consumer_properties(_without_protocol(given), group), **_SILENT}


def admin_properties(given: KafkaConfig) -> dict[str, Any]:
    """Properties of an admin client."""
    return {**_EVERY_CLIENT, **_without_protocol(given), **_SILENT}


def _without_protocol(given: KafkaConfig) -> KafkaConfig:
    """What is left for a client that joins no group."""
    return {name: value for name, value in given.items() if name != PROTOCOL}


def _joined(given: KafkaConfig, defaults: Mapping[str, Any], fixed: Mapping[str, Any]) -> dict[str, Any]:
    contradicted = sorted(name for name in fixed.keys() & given.keys() if _text(given[name]) != _text(fixed[name]))
    if contradicted:
        raise PermanentError(f"kafka properties that cannot be configured: {', '.join(contradicted)}")
    return {**_EVERY_CLIENT, **defaults, **given, **fixed}


def _text(value: object) -> str:
    return str(value).lower()
