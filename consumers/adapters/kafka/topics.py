"""Topics as they are, against what `schemas/topics` says they must be."""

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from typing import NamedTuple

from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its re-exports are unmarked
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from consumers.adapters.kafka.answers import answer, existing, metadata
from consumers.adapters.kafka.config import ANSWER_SECONDS, KafkaConfig, admin_properties
from consumers.adapters.kafka.offsets import KafkaOffsets
from consumers.domain.errors import PermanentError, TransientError
from schemas.topics import TopicDescriptor

_EXISTS = "exists"
_PARTITIONS = "partitions"
_REPLICAS = "replication factor"
# What is decided once, when a topic is made.
_FIXED = {
    _PARTITIONS: "another count would move customers to other partitions and break the order of their events",
    _REPLICAS: "it is changed with kafka-reassign-partitions.sh",
}
# What makes a role wrong, not only slower or less safe: without it records are lost or out of order.
_VITAL = {_EXISTS, _PARTITIONS, "cleanup.policy"}


class Difference(NamedTuple):
    """A setting of a topic (its full name) that is not what it must be."""

    topic: str
    setting: str
    wanted: str
    found: str


class KafkaTopics:
    """Makes and checks topics.

    Args:
        config: librdkafka properties.
        prefix: Put before each descriptor's name.
        dev: For a single broker: replication is loosened, nothing else.
    """

    def __init__(self, config: KafkaConfig, prefix: str, *, dev: bool = False) -> None:
        self._config = config
        self._admin = AdminClient(admin_properties(config))
        self._prefix = prefix
        self._dev = dev

    def diff(self, descriptors: Iterable[TopicDescriptor]) -> list[Difference]:
        """What is not as described, sorted; empty: nothing to do.

        Raises:
            TransientError: The broker is away.
        """
        wanted = {self._prefix + each.name: each for each in descriptors}
        there = existing(self._admin)
        missing = [Difference(topic, _EXISTS, "yes", "no") for topic in wanted.keys() - there.keys()]
        kept = {topic: each for topic, each in wanted.items() if topic in there}
        shapes = [each for topic in kept for each in self._shape(topic, kept[topic], there[topic])]
        return sorted(missing + shapes + self._settings(kept))

    def apply(self, descriptors: Sequence[TopicDescriptor]) -> list[Difference]:
        """Make topics that are missing and correct settings that differ; what was changed. A second call changes none.

        Raises:
            TransientError: The broker is away; some of it may be done.
            PermanentError: Partition count or replication factor differ; nothing was changed.
        """
        differences = self.diff(descriptors)
        _refuse([each for each in differences if each.setting in _FIXED])
        self._create([each for each in descriptors if self._prefix + each.name in _missing(differences)])
        self._alter([each for each in differences if each.setting != _EXISTS])
        self._settle(descriptors)
        return differences

    def check(self, descriptor: TopicDescriptor) -> None:
        """Whether a role may start on this topic.

        Raises:
            TransientError: The broker is away.
            PermanentError: It is missing, or its partition count or cleanup policy contradict the description.
        """
        wrong = [each for each in self.diff([descriptor]) if each.setting in _VITAL]
        if wrong:
            found = "; ".join(f"{each.topic}: {each.setting} is {each.found}, not {each.wanted}" for each in wrong)
            raise PermanentError(f"{found}. See: lapse topics diff, lapse topics apply", code="topic_contradicts")

    def cluster(self) -> str:
        """The id of the cluster, which no other cluster has.

        Raises:
            TransientError: The broker is away.
        """
        return str(metadata(self._admin).cluster_id)

    def _shape(self, topic: str, wanted: TopicDescriptor, found: object) -> list[Difference]:
        partitions: Mapping[int, object] = getattr(found, "partitions", {})
        replicas = {len(getattr(each, "replicas", ())) for each in partitions.values()}
        checks = (
            (_PARTITIONS, str(wanted.partitions), str(len(partitions))),
            (_REPLICAS, str(wanted.replicas(dev=self._dev)), ", ".join(map(str, sorted(replicas)))),
        )
        return [Difference(topic, *check) for check in checks if check[1] != check[2]]

    def _settings(self, wanted: Mapping[str, TopicDescriptor]) -> list[Difference]:
        if not wanted:
            return []
        resources = [ConfigResource(ResourceType.TOPIC, topic) for topic in wanted]
        futures = self._admin.describe_configs(resources, request_timeout=ANSWER_SECONDS)
        found = {resource.name: answer(future, f"settings of {resource.name}") for resource, future in futures.items()}
        return [
            Difference(topic, setting, value, _value(found[topic], setting))
            for topic, descriptor in wanted.items()
            for setting, value in descriptor.config(self._dev).items()
            if _value(found[topic], setting) != value
        ]

    def _create(self, descriptors: Sequence[TopicDescriptor]) -> None:
        if not descriptors:
            return
        new = [self._new(each) for each in descriptors]
        futures = self._admin.create_topics(new, request_timeout=ANSWER_SECONDS, operation_timeout=ANSWER_SECONDS)
        for topic, future in futures.items():
            answer(future, f"creating {topic}")

    def _new(self, descriptor: TopicDescriptor) -> NewTopic:
        return NewTopic(
            self._prefix + descriptor.name,
            descriptor.partitions,
            descriptor.replicas(dev=self._dev),
            config=descriptor.config(self._dev),
        )

    def _settle(self, descriptors: Sequence[TopicDescriptor]) -> None:
        # Done is what the controller says; clients ask brokers, and these hear of it a little later.
        deadline = time.monotonic() + ANSWER_SECONDS
        while self.diff(descriptors) or not self._led(descriptors):
            if time.monotonic() >= deadline:
                raise TransientError("the brokers do not show the topics as they were made", code="timed_out")
            time.sleep(0.05)

    def _led(self, descriptors: Iterable[TopicDescriptor]) -> bool:
        """Whether every partition answers: whoever asks for offsets before its broker leads it is refused."""
        with closing(KafkaOffsets(self._config)) as offsets:
            try:
                for each in descriptors:
                    offsets.beginning(self._prefix + each.name)
            except TransientError:
                return False
        return True

    def _alter(self, differences: Sequence[Difference]) -> None:
        resources = [_changes(topic, differences) for topic in sorted({each.topic for each in differences})]
        if not resources:
            return
        futures = self._admin.incremental_alter_configs(resources, request_timeout=ANSWER_SECONDS)
        for resource, future in futures.items():
            answer(future, f"changing {resource.name}")


def _missing(differences: Iterable[Difference]) -> set[str]:
    return {each.topic for each in differences if each.setting == _EXISTS}


def _refuse(differences: Sequence[Difference]) -> None:
    if differences:
        reasons = (
            f"{each.topic}: {each.setting} is {each.found}, not {each.wanted}: {_FIXED[each.setting]}"
            for each in differences
        )
        raise PermanentError("; ".join(reasons), code="topic_contradicts")


def _value(entries: Mapping[str, ConfigEntry], setting: str) -> str:
    return str(entries[setting].value) if setting in entries else "unset"


def _changes(topic: str, differences: Iterable[Difference]) -> ConfigResource:
    entries = [
        ConfigEntry(each.setting, each.wanted, incremental_operation=AlterConfigOpType.SET)
        for each in differences
        if each.topic == topic
    ]
    return ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
