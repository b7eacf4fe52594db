"""What every RecordSource and TopicOffsets says alike: Kafka's and the one in memory."""

from consumers.domain.errors import PermanentError, TransientError
from consumers.domain.names import Names
from consumers.ports import Partition

PARTITION_REVOKED = "partition_revoked"
"""Code of a commit that came too late: poll again, it names the partitions that are gone."""


def partition_revoked() -> TransientError:
    """A commit for a partition that is another member's now."""
    return TransientError("commit: a partition was revoked", code=PARTITION_REVOKED)


def offset_gone(group: str, at: Partition, offset: int) -> PermanentError:
    """Where a group stands, the log holds nothing any more; names the command that repairs it.

    The state group must not skip what nobody has folded: what the table lacks is in the state topic, if anywhere.
    """
    names = Names(group.removesuffix("state"))
    repair = f"lapse offsets reset --group {group} --topic {at.topic} --to-earliest --execute"
    if (group, at.topic) == (names.state_group, names.events):
        repair = "stop every role, then lapse state rebuild --execute"
    where = f"{at.topic}-{at.partition} offset {offset}"
    return PermanentError(f"group {group}: {where} is not in the log any more; repair: {repair}", code="offset_gone")


def topic_missing(doing: str) -> PermanentError:
    """A topic that nobody has created."""
    return PermanentError(f"{doing}: no such topic; create it with: lapse topics apply", code="unknown_topic")
