"""What the topics are, and what is refused in a description of one."""

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.library import newest
from schemas.topics import TopicDescriptor, load_topics, milliseconds

DAY = 86_400_000


def described(**changes: Any) -> TopicDescriptor:
    plain = {"name": "events", "records": [], "partitions": 12, "cleanup_policy": "delete", "retention": "400 days"}
    replication = {"replication_factor": 3, "min_insync_replicas": 2, "unclean_leader_election": False}
    rest = {"message_timestamp_type": "LogAppendTime", "max_message_bytes": 1_000_000}
    return TopicDescriptor.model_validate({**plain, **replication, **rest, **changes})


def test_load_topics_finds_them_all() -> None:
    shape = {name: (topic.partitions, topic.cleanup_policy, topic.retention) for name, topic in load_topics().items()}
    assert shape == {
        "commands": (12, "delete", 400 * DAY),
        "dead-letters": (3, "delete", 400 * DAY),
        "events": (12, "delete", 400 * DAY),
        "results": (12, "delete", 400 * DAY),
        "state": (12, "compact", None),
        "ticks": (1, "delete", 30 * DAY),
    }


def test_every_record_is_carried_by_one_topic() -> None:
    carried = [record for topic in load_topics().values() for record in topic.records]
    assert sorted(carried) == sorted(newest())


@pytest.mark.parametrize("name", sorted(load_topics()))
def test_config_keeps_what_was_acknowledged(name: str) -> None:
    config = load_topics()[name].config(dev=False)
    assert load_topics()[name].replicas(dev=False) == 3
    assert config["min.insync.replicas"] == "2"
    assert config["unclean.leader.election.enable"] == "false"
    assert config["message.timestamp.type"] == "LogAppendTime"


@pytest.mark.parametrize("name", sorted(load_topics()))
def test_dev_config_differs_in_replication_only(name: str) -> None:
    topic = load_topics()[name]
    differing = {key for key, value in topic.config(dev=True).items() if topic.config(dev=False)[key] != value}
    assert differing == {"min.insync.replicas"}
    assert topic.replicas(dev=True) == 1


def test_config_of_a_deleting_topic() -> None:
    config = load_topics()["events"].config(dev=False)
    assert config["cleanup.policy"] == "delete"
    assert config["retention.ms"] == "34560000000"
    assert config["retention.bytes"] == "-1"


def test_config_of_the_state_forgets_within_a_day() -> None:
    config = load_topics()["state"].config(dev=False)
    assert config["cleanup.policy"] == "compact"
    assert config["max.compaction.lag.ms"] == str(DAY)
    assert int(config["delete.retention.ms"]) > int(config["max.compaction.lag.ms"])
    assert "retention.ms" not in config


def test_a_dead_letter_fits_the_largest_record_and_its_headers() -> None:
    topics = dict(load_topics())
    dead_letters = topics.pop("dead-letters")
    assert dead_letters.max_message_bytes > max(topic.max_message_bytes for topic in topics.values())


@pytest.mark.parametrize(
    ("text", "expected"),
    [("400 days", 400 * DAY), ("1 day", DAY), ("12 hours", DAY // 2), ("1 minute", 60_000)],
)
def test_milliseconds_reads_durations(text: str, expected: int) -> None:
    assert milliseconds(text) == expected


@pytest.mark.parametrize(
    "text", ["", "400", "400days", "-1 days", "0 days", "1.5 days", "1 year", 400, None, "1 day\n"]
)
def test_milliseconds_refuses_everything_else(text: object) -> None:
    with pytest.raises(ValueError, match="a duration is"):
        milliseconds(text)


@pytest.mark.parametrize(
    "changes",
    [
        {"retention": None},
        {"cleanup_policy": "compact"},
        {"compaction": {"within": "1 day", "dirty_ratio": 0.1, "tombstones_kept": "1 day"}},
        {"partitions": 0},
        {"message_timestamp_type": "CreateTime"},
        {"partition": 12},
    ],
    ids=str,
)
def test_descriptor_refuses_contradictions(changes: dict[str, Any]) -> None:
    assert described().retention == 400 * DAY
    with pytest.raises(ValidationError):
        described(**changes)
