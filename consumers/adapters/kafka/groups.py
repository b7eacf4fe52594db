"""Setting the offsets of a group that nobody is a member of."""

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial

from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient

from consumers.adapters.kafka.answers import answer
from consumers.adapters.kafka.commits import Commits, leave
from consumers.adapters.kafka.config import ANSWER_SECONDS, KafkaConfig, admin_properties, observer_properties
from consumers.adapters.kafka.offsets import committed_offsets
from consumers.adapters.record_rules import PARTITION_REVOKED
from consumers.domain.errors import LapseError, PermanentError
from consumers.ports import Moved, Partition


class KafkaGroups:
    """Groups of consumers, from outside."""

    def __init__(self, config: KafkaConfig) -> None:
        self._config = config
        self._admin = AdminClient(admin_properties(config))

    def members(self, group: str) -> int:
        """How many members a group has; 0 for one that does not exist. One that died counts until its session is over.

        Raises:
            TransientError: The broker is away.
        """
        future = self._admin.describe_consumer_groups([group], request_timeout=ANSWER_SECONDS)[group]
        return len(answer(future, f"members of {group}").members)

    def reset(self, group: str, topic: str, offsets: Mapping[int, int]) -> Moved:
        """Set a group's offsets by partition.

        Raises:
            TransientError: The broker is away.
            PermanentError: The group has members, or what was read back is not what was set.
        """
        members = self.members(group)
        if members:
            raise _has_members(group, f"{members}")
        # Never subscribes: it writes as an outsider, which the broker allows for a group without members only.
        commits = Commits()
        properties = {**observer_properties(self._config, group), "on_commit": commits.answered}
        with ExitStack() as open_:
            outsider = Consumer(properties)
            open_.callback(leave, outsider)
            partitions = {Partition(topic, number): offset for number, offset in offsets.items()}
            before = committed_offsets(outsider, partitions)
            _commit(outsider, commits, group, partitions)
            after = committed_offsets(outsider, partitions)
        if _numbers(after) != dict(offsets):
            raise PermanentError(f"group {group}: offsets read back differ from those written", code="not_as_written")
        return Moved(_numbers(before), _numbers(after))


def _commit(outsider: Consumer, commits: Commits, group: str, offsets: Mapping[Partition, int]) -> None:
    try:
        commits.commit(outsider, offsets, partial(outsider.poll, 0))
    except LapseError as error:
        raise _refused(group, error) from error


def _refused(group: str, error: LapseError) -> LapseError:
    # A member that joined after the count: the broker takes the outsider for one that was thrown out.
    return _has_members(group, "new") if error.code == PARTITION_REVOKED else error


def _has_members(group: str, how_many: str) -> PermanentError:
    return PermanentError(f"group {group} has {how_many} members; stop them first", code="group_has_members")


def _numbers(offsets: Mapping[Partition, int | None]) -> dict[int, int | None]:
    return {at.partition: offset for at, offset in offsets.items()}
