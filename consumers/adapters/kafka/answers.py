"""Answers of an AdminClient, or the error of Lapse."""

from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from consumers.adapters.kafka.config import ANSWER_SECONDS
from consumers.adapters.kafka.failures import kafka_error, raisable
from consumers.adapters.record_rules import topic_missing
from consumers.domain.errors import TransientError


def answer(future: Future[Any], doing: str) -> Any:
    """The result of an admin call; `doing` names it in the error.

    Raises:
        TransientError: The broker is away.
        PermanentError: It was refused for good.
    """
    try:
        # Longer than the request's own limit: that one says why.
        return future.result(2 * ANSWER_SECONDS)
    except KafkaException as error:
        raise raisable(kafka_error(error), doing) from error
    except TimeoutError as error:
        raise TransientError(f"{doing}: no answer", code="timed_out") from error


def existing(admin: AdminClient) -> dict[str, Any]:
    """Metadata of every topic by name.

    Raises:
        TransientError: The broker is away.
    """
    return dict(metadata(admin).topics)


def metadata(admin: AdminClient) -> Any:
    """Metadata of the cluster and its topics.

    Raises:
        TransientError: The broker is away.
    """
    try:
        # All topics: asked for one by name, a broker may create it.
        return admin.list_topics(timeout=ANSWER_SECONDS)
    except KafkaException as error:
        raise raisable(kafka_error(error), "topics") from error


def partition_counts(admin: AdminClient, topics: Iterable[str]) -> dict[str, int]:
    """Partitions per topic.

    Raises:
        TransientError: The broker is away.
        PermanentError: A topic does not exist.
    """
    found = existing(admin)
    missing = sorted(set(topics) - found.keys())
    if missing:
        raise topic_missing(", ".join(missing))
    return {topic: len(found[topic].partitions) for topic in topics}
