"""The two protocols of a consumer group, made alike: a rebalance takes everything down, then all is started anew.

| `group.protocol` | who assigns | how it reaches the client |
|---|---|---|
| classic | the group's leader, eagerly | everything revoked, then everything assigned |
| consumer (KIP-848) | the broker, incrementally | what changes; the rest goes on unless it is taken down here |

Records in hand of a partition that stays are dropped with the others, so its position must go back as well.
"""

from collections.abc import Mapping
from typing import Protocol

from confluent_kafka import Consumer, TopicPartition

from consumers.ports import Partition


class GroupProtocol(Protocol):
    """What a member does to its client; `accept` and `release` within the callbacks of a rebalance."""

    def accept(self, consumer: Consumer) -> None:
        """Agree to an assignment without reading anything."""

    def release(self, consumer: Consumer) -> None:
        """Agree to lose partitions, and read nothing any more."""

    def begin(self, consumer: Consumer, starts: Mapping[Partition, int]) -> None:
        """Read these partitions from these offsets, and nothing else."""


class Eager:
    """`classic` with the range assignor."""

    def accept(self, consumer: Consumer) -> None:
        """Assign nothing yet."""
        consumer.assign([])

    def release(self, consumer: Consumer) -> None:
        """Unassign all."""
        consumer.unassign()

    def begin(self, consumer: Consumer, starts: Mapping[Partition, int]) -> None:
        """Assign all of them."""
        consumer.assign(_placed(starts))


class Incremental:
    """`consumer`: only incremental calls are allowed, of partitions that are there."""

    def accept(self, consumer: Consumer) -> None:
        """Take down what stays."""
        self.release(consumer)
        consumer.incremental_assign([])

    def release(self, consumer: Consumer) -> None:
        """Take all down, also what stays."""
        consumer.incremental_unassign(consumer.assignment())

    def begin(self, consumer: Consumer, starts: Mapping[Partition, int]) -> None:
        """Take down what runs, then assign all of them."""
        self.release(consumer)
        consumer.incremental_assign(_placed(starts))


PROTOCOLS: Mapping[str, GroupProtocol] = {"classic": Eager(), "consumer": Incremental()}


def _placed(starts: Mapping[Partition, int]) -> list[TopicPartition]:
    return [TopicPartition(*at, offset) for at, offset in starts.items()]
