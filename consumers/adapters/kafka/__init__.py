"""Kafka through confluent-kafka. No type of that client leaves this package."""

from consumers.adapters.kafka.config import KafkaConfig
from consumers.adapters.kafka.groups import KafkaGroups
from consumers.adapters.kafka.offsets import KafkaOffsets
from consumers.adapters.kafka.reader import KafkaReader
from consumers.adapters.kafka.sink import KafkaSink
from consumers.adapters.kafka.source import KafkaSource
from consumers.adapters.kafka.topics import Difference, KafkaTopics

__all__ = [
    "Difference",
    "KafkaConfig",
    "KafkaGroups",
    "KafkaOffsets",
    "KafkaReader",
    "KafkaSink",
    "KafkaSource",
    "KafkaTopics",
]
