"""Tells Lapse when the reason for a customer's data has ended, and when it has not: start with `LapseProducer`."""

from producer_client.checks import DEFAULT_PERSONAL_DATA
from producer_client.client_properties import ProducerSettings
from producer_client.delivery import DeliveryCallback, DeliveryReport
from producer_client.errors import (
    ClosedProducerError,
    ForkedProducerError,
    InvalidEventError,
    KafkaClientError,
    PersonalDataError,
    ProducerClientError,
    ProducerConfigError,
    QueueFullError,
    UndeliveredError,
)
from producer_client.events import DEFAULT_TOPIC, EncodedEvent, Event, Postpone, Schedule, encode
from producer_client.producer import LapseProducer

__all__ = [
    "DEFAULT_PERSONAL_DATA",
    "DEFAULT_TOPIC",
    "ClosedProducerError",
    "DeliveryCallback",
    "DeliveryReport",
    "EncodedEvent",
    "Event",
    "ForkedProducerError",
    "InvalidEventError",
    "KafkaClientError",
    "LapseProducer",
    "PersonalDataError",
    "Postpone",
    "ProducerClientError",
    "ProducerConfigError",
    "ProducerSettings",
    "QueueFullError",
    "Schedule",
    "UndeliveredError",
    "encode",
]
