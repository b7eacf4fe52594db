"""What each topic must be: `topics/NAME.yaml`, read and checked."""

import re
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from ruamel.yaml import YAML

_UNIT_MS = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
_DURATION = re.compile(r"(?P<count>[1-9][0-9]{0,5}) (?P<unit>minute|hour|day)s?")


def milliseconds(text: object) -> int:
    """Milliseconds of a duration such as `400 days`, `1 hour`, `30 minutes`.

    Raises:
        ValueError: It is none.
    """
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        message = "a duration is a whole number and a unit: 400 days, 12 hours, 30 minutes"
        raise ValueError(message)
    return int(match["count"]) * _UNIT_MS[match["unit"]]


Milliseconds = Annotated[int, BeforeValidator(milliseconds)]


class _Described(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Compaction(_Described):
    """How a compacted topic forgets what is superseded.

    Attributes:
        within: Milliseconds after which a superseded record is gone, also where nothing else is written.
        dirty_ratio: Share of the log that may be superseded before it is cleaned earlier than that.
        tombstones_kept: Milliseconds for which a reader still meets a tombstone.
    """

    within: Milliseconds
    dirty_ratio: float = Field(gt=0, lt=1)
    tombstones_kept: Milliseconds


class TopicDescriptor(_Described):
    """One topic, by its name without prefix.

    Attributes:
        retention: Milliseconds, None on a compacted topic.
        records: Names of the records it carries; empty: any bytes.
        max_message_bytes: Largest record batch, in bytes.
    """

    name: str
    records: tuple[str, ...]
    partitions: int = Field(ge=1)
    cleanup_policy: Literal["delete", "compact"]
    retention: Milliseconds | None = None
    replication_factor: int = Field(ge=1)
    min_insync_replicas: int = Field(ge=1)
    unclean_leader_election: bool
    message_timestamp_type: Literal["LogAppendTime"]
    max_message_bytes: int = Field(ge=1)
    compaction: Compaction | None = None

    @model_validator(mode="after")
    def _retention_or_compaction(self) -> Self:
        wanted = (self.retention, self.compaction)[self.cleanup_policy == "compact"]
        if wanted is None or None not in {self.retention, self.compaction}:
            message = "delete goes with retention, compact with compaction, and with nothing of the other"
            raise ValueError(message)
        return self

    def replicas(self, *, dev: bool) -> int:
        """Replication factor; 1 on a developer's single broker."""
        return 1 if dev else self.replication_factor

    def config(self, dev: bool) -> dict[str, str]:
        """Kafka's topic configuration, by Kafka's names; `dev` is for a single broker and loosens replication only."""
        common = {
            "cleanup.policy": self.cleanup_policy,
            "min.insync.replicas": "1" if dev else str(self.min_insync_replicas),
            "unclean.leader.election.enable": str(self.unclean_leader_election).lower(),
            "message.timestamp.type": self.message_timestamp_type,
            "max.message.bytes": str(self.max_message_bytes),
        }
        return common | (_compacted(self.compaction) if self.compaction else _deleted(self.retention))


@cache
def load_topics() -> dict[str, TopicDescriptor]:
    """Every topic, by its name without prefix: events, state, ticks, commands, results, dead-letters."""
    found = (entry for entry in (files(__package__) / "topics").iterdir() if entry.name.endswith(".yaml"))
    topics = [_descriptor(entry.name.removesuffix(".yaml"), entry.read_text("utf-8")) for entry in found]
    return {topic.name: topic for topic in sorted(topics, key=lambda topic: topic.name)}


def _descriptor(name: str, text: str) -> TopicDescriptor:
    return TopicDescriptor.model_validate({"name": name, **YAML(typ="safe", pure=True).load(text)})


def _deleted(retention: int | None) -> dict[str, str]:
    # a broker's log.retention.bytes must not cut short what is promised in days
    return {"retention.ms": str(retention), "retention.bytes": "-1"}


def _compacted(compaction: Compaction) -> dict[str, str]:
    return {
        "max.compaction.lag.ms": str(compaction.within),
        # only closed segments are compacted
        "segment.ms": str(compaction.within),
        "min.cleanable.dirty.ratio": str(compaction.dirty_ratio),
        "delete.retention.ms": str(compaction.tombstones_kept),
    }
