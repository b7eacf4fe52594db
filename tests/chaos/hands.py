"""Whether a process has work in hand: records of the partitions it holds that its group has not committed.

Asked in a process of its own: librdkafka 2.16 aborts its process now and then when a group's coordinator goes away
while it is asked about the group (issue 5040, as for the offsets of a group).
"""

import json
import subprocess
import sys
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # its re-exports are unmarked

from consumers.adapters.kafka.config import admin_properties, observer_properties

ANSWER_SECONDS = 2.0
_LATEST = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # its return types are missing


class Hands:
    """Asks for one process at a time. `reads` are group and topic of each role."""

    def __init__(self, bootstrap_servers: str, reads: Mapping[str, tuple[str, str]]) -> None:
        self._words = [bootstrap_servers, json.dumps(reads)]
        self._asked = self._start()

    def of(self, role: str, client: str) -> int:
        """How many records the process of this client id has before it; 0 where that cannot be told."""
        assert self._asked.stdin is not None
        assert self._asked.stdout is not None
        with suppress(OSError, ValueError):
            self._asked.stdin.write(f"{role} {client}\n")
            self._asked.stdin.flush()
            return int(self._asked.stdout.readline())
        self.close()
        self._asked = self._start()
        return 0

    def close(self) -> None:
        """End the process that is asked."""
        self._asked.kill()
        for pipe in (self._asked.stdin, self._asked.stdout):
            with suppress(OSError):
                assert pipe is not None
                pipe.close()
        self._asked.wait()

    def _start(self) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "tests.chaos.hands", *self._words]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, start_new_session=True
        )


class _Reads(NamedTuple):
    """A role's group and topic, and a client that asks for the group's offsets without joining it."""

    group: str
    topic: str
    outsider: Consumer


class _Broker:
    """Looks from outside, as the broker knows the groups."""

    def __init__(self, bootstrap_servers: str, reads: Mapping[str, tuple[str, str]]) -> None:
        config = {"bootstrap.servers": bootstrap_servers}
        self._admin = AdminClient(admin_properties(config))
        self._reads = {
            role: _Reads(group, topic, Consumer(observer_properties(config, group)))
            for role, (group, topic) in reads.items()
        }

    def unread(self, role: str, client: str) -> int:
        reads = self._reads[role]
        try:
            held = self._held(reads, client)
            return self._unread(reads, held) if held else 0
        except (KafkaException, TimeoutError):
            with suppress(KafkaException):
                # after an election librdkafka asks under the old epoch until metadata are read
                self._admin.list_topics(reads.topic, ANSWER_SECONDS)
            return 0

    def _unread(self, reads: _Reads, held: Collection[tuple[str, int]]) -> int:
        committed = reads.outsider.committed([TopicPartition(*at) for at in held], ANSWER_SECONDS)
        ends = self._ends(held)
        return sum(max(0, ends[at.topic, at.partition] - max(at.offset, 0)) for at in committed if not at.error)

    def _held(self, reads: _Reads, client: str) -> list[tuple[str, int]]:
        asked = self._admin.describe_consumer_groups([reads.group], request_timeout=ANSWER_SECONDS)
        members = asked[reads.group].result(ANSWER_SECONDS).members
        held = [at for member in members if member.client_id == client for at in member.assignment.topic_partitions]
        return [(at.topic, at.partition) for at in held]

    def _ends(self, held: Collection[tuple[str, int]]) -> dict[tuple[str, int], int]:
        asked = {TopicPartition(*at): _LATEST for at in held}
        futures = self._admin.list_offsets(asked, request_timeout=ANSWER_SECONDS)
        return {(at.topic, at.partition): future.result(ANSWER_SECONDS).offset for at, future in futures.items()}


def _serve(bootstrap_servers: str, reads: str) -> None:
    broker = _Broker(bootstrap_servers, json.loads(reads))
    for line in sys.stdin:
        sys.stdout.write(f"{broker.unread(*line.split())}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve(*sys.argv[1:])
