"""Making and checking topics on a real broker."""

import time

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # its re-exports are unmarked
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from consumers.adapters.kafka import Difference, KafkaTopics
from consumers.domain.errors import PermanentError
from schemas.topics import TopicDescriptor, load_topics
from tests.support.records import new_name

pytestmark = pytest.mark.integration

DESCRIPTORS = tuple(load_topics().values())
EVENTS = load_topics()["events"]


@pytest.fixture
def prefix() -> str:
    return f"{new_name()}."


@pytest.fixture
def topics(kafka: str, prefix: str) -> KafkaTopics:
    return KafkaTopics({"bootstrap.servers": kafka}, prefix, dev=True)


def with_partitions(descriptor: TopicDescriptor, partitions: int) -> TopicDescriptor:
    return descriptor.model_copy(update={"partitions": partitions})


def set_by_hand(kafka: str, topic: str, setting: str, value: str) -> None:
    entry = ConfigEntry(setting, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.incremental_alter_configs([resource])[resource].result(20)
    asked = ConfigResource(ResourceType.TOPIC, topic)
    deadline = time.monotonic() + 20
    while admin.describe_configs([asked])[asked].result(20)[setting].value != value:
        assert time.monotonic() < deadline


def test_apply_makes_every_topic_once(topics: KafkaTopics, prefix: str) -> None:
    made = topics.apply(DESCRIPTORS)
    assert made == [Difference(prefix + name, "exists", "yes", "no") for name in sorted(load_topics())]
    assert topics.diff(DESCRIPTORS) == []
    assert topics.apply(DESCRIPTORS) == []


def test_apply_corrects_a_setting_that_differs(topics: KafkaTopics, prefix: str, kafka: str) -> None:
    topics.apply([EVENTS])
    set_by_hand(kafka, prefix + "events", "retention.ms", "60000")
    wanted = EVENTS.config(dev=True)["retention.ms"]
    assert topics.diff([EVENTS]) == [Difference(prefix + "events", "retention.ms", wanted, "60000")]
    topics.apply([EVENTS])
    assert topics.diff([EVENTS]) == []


def test_apply_refuses_another_partition_count_and_changes_nothing(topics: KafkaTopics, prefix: str) -> None:
    topics.apply([with_partitions(EVENTS, 3)])
    with pytest.raises(PermanentError, match="partitions is 3, not 12: another count would move customers"):
        topics.apply(DESCRIPTORS)
    assert Difference(prefix + "state", "exists", "yes", "no") in topics.diff(DESCRIPTORS)


def test_diff_names_a_replication_factor_that_differs(kafka: str, prefix: str, topics: KafkaTopics) -> None:
    topics.apply([EVENTS])
    found = KafkaTopics({"bootstrap.servers": kafka}, prefix).diff([EVENTS])
    assert Difference(prefix + "events", "replication factor", "3", "1") in found


def test_a_role_may_start_on_a_topic_as_described(topics: KafkaTopics, prefix: str, kafka: str) -> None:
    topics.apply([EVENTS])
    set_by_hand(kafka, prefix + "events", "retention.ms", "60000")
    topics.check(EVENTS)


def test_a_role_may_not_start_on_a_missing_topic(topics: KafkaTopics) -> None:
    with pytest.raises(PermanentError, match=r"exists is no, not yes.*lapse topics apply"):
        topics.check(EVENTS)


def test_a_role_may_not_start_where_cleanup_contradicts(topics: KafkaTopics, prefix: str, kafka: str) -> None:
    topics.apply([EVENTS])
    set_by_hand(kafka, prefix + "events", "cleanup.policy", "compact")
    with pytest.raises(PermanentError, match=r"cleanup.policy is compact, not delete"):
        topics.check(EVENTS)


def test_a_role_may_not_start_where_partitions_contradict(topics: KafkaTopics) -> None:
    topics.apply([with_partitions(EVENTS, 2)])
    with pytest.raises(PermanentError, match="partitions is 2, not 12"):
        topics.check(EVENTS)
