"""The Kafka client's configuration: what the caller sets, and what must hold whatever the caller sets."""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from producer_client.errors import ProducerConfigError

DEFAULTS: Final[dict[str, object]] = {
    "linger.ms": 5,  # batches a burst; a caller who waits for one acknowledgement hardly notices
    # Outlives a broker's restart and an election of leaders. The client's own default of 5 minutes hides an outage.
    "delivery.timeout.ms": 120_000,
}

# property: (value, what else says the same, why)
REQUIRED: Final[dict[str, tuple[object, frozenset[str], str]]] = {
    "enable.idempotence": (True, frozenset({"true", "1"}), "a retry must neither duplicate nor reorder events"),
    "acks": ("all", frozenset({"all", "-1"}), "an acknowledged event must survive the loss of a broker"),
    "partitioner": (
        "murmur2_random",
        frozenset({"murmur2_random"}),
        "all events of a customer must meet in one partition, whichever client sends them",
    ),
}

REFUSED: Final[dict[str, str]] = {
    "transactional.id": "events are acknowledged one by one; to tie them to a database row, use an outbox table",
    "default.topic.config": "set the properties themselves",
    "delivery.report.only.error": "a caller that waits for an acknowledgement would wait for ever",
    "dr_cb": "pass on_delivery to the producer",
    "dr_msg_cb": "pass on_delivery to the producer",
    "on_delivery": "pass on_delivery to the producer",
}

_ALIASES: Final[dict[str, str]] = {
    "metadata.broker.list": "bootstrap.servers",
    "message.timeout.ms": "delivery.timeout.ms",
    "queue.buffering.max.ms": "linger.ms",
    "request.required.acks": "acks",
}


class ProducerSettings(BaseModel):
    """The configuration as a model, for services that read theirs from a file or the environment.

    Attributes:
        bootstrap_servers: `host:port`, several with commas.
        linger_ms: How long a batch is held open.
        delivery_timeout_ms: After how long an event that was not acknowledged is reported as failed.
        properties: Further librdkafka properties (`security.protocol`, `sasl.password`, ...); never shown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    bootstrap_servers: str = Field(min_length=1)
    linger_ms: int = Field(default=5, ge=0, le=10_000)
    delivery_timeout_ms: int = Field(default=120_000, ge=1_000)
    properties: dict[str, Any] = Field(default_factory=dict, repr=False)

    def client_properties(self) -> dict[str, object]:
        """Returns the librdkafka properties.

        Raises:
            ProducerConfigError: One of `properties` would weaken what must hold.
        """
        return checked_properties(
            {
                **self.properties,
                "bootstrap.servers": self.bootstrap_servers,
                "linger.ms": self.linger_ms,
                "delivery.timeout.ms": self.delivery_timeout_ms,
            }
        )


def checked_properties(given: Mapping[str, object]) -> dict[str, object]:
    """Returns librdkafka properties with the defaults filled in and what must hold set.

    Raises:
        ProducerConfigError: A property would weaken what must hold, is not for this producer, or is missing.
    """
    properties = {_ALIASES.get(name, name): value for name, value in given.items()}
    for name, why in REFUSED.items():
        if name in properties:
            raise ProducerConfigError(f"{name} cannot be set: {why}")
    for name, (value, same, why) in REQUIRED.items():
        if str(properties.get(name, value)).lower() not in same:
            raise ProducerConfigError(f"{name} must stay {value}: {why}")
    if not properties.get("bootstrap.servers"):
        raise ProducerConfigError("bootstrap.servers is missing: name at least one broker as host:port")
    return DEFAULTS | properties | {name: value for name, (value, _, _) in REQUIRED.items()}
