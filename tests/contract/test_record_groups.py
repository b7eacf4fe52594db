"""What every group, sink and offsets promise, in memory as on a real broker."""

import pytest

from consumers.domain.errors import PermanentError, TransientError
from consumers.ports import Partition, Unread
from tests.support.records import Backend, new_name

MINUTE = 60_000_000


def values(first: int, last: int) -> list[bytes]:
    return [b"%d" % number for number in range(first, last)]


# ---- members ---------------------------------------------------------------------------------------------------------


def test_two_members_share_and_hand_over(backend: Backend) -> None:
    topic = backend.topic(4)
    everything = {Partition(topic, number) for number in range(4)}
    one = backend.reader(topic, topic)
    one.until(lambda: one.held == everything)
    other = backend.reader(topic, topic)
    one.until(lambda: len(one.held) == len(other.held) == 2, other)
    assert one.held | other.held == everything
    assert set(one.revoked) == everything
    other.source.close()
    one.until(lambda: one.held == everything)


def test_what_one_member_committed_the_next_does_not_read(backend: Backend) -> None:
    topic, group = backend.topic(), new_name()
    at = Partition(topic, 0)
    backend.write(topic, *values(0, 10))
    one = backend.reader(topic, group)
    one.until(lambda: len(one.records) >= 10)
    other = backend.reader(topic, group)
    one.source.commit({at: 7})
    one.source.close()
    other.until(lambda: len(other.records) >= 3)
    assert other.offsets == [7, 8, 9]


def test_a_revoked_partition_cannot_be_committed(backend: Backend) -> None:
    topic = backend.topic(2)
    one = backend.reader(topic, topic)
    one.until(lambda: len(one.held) == 2)
    other = backend.reader(topic, topic)
    one.until(lambda: len(one.held) == 1, other)
    gone = next(iter(other.held))
    with pytest.raises(TransientError) as refused:
        one.source.commit({gone: 1})
    assert refused.value.code == "partition_revoked"
    assert other.source.committed([gone]) == {gone: 0}
    other.source.commit({gone: 0})


# ---- sink and offsets ------------------------------------------------------------------------------------------------


def test_flush_reports_a_failure_once_and_without_the_key(backend: Backend) -> None:
    topic, sink = backend.topic(), backend.sink()
    sink.send(topic, b"customer-1", b"v")
    sink.send("no-such-topic-" + topic, b"customer-2", b"v")
    with pytest.raises(TransientError) as failed:
        sink.flush()
    assert failed.value.code == "unknown_topic"
    assert "customer" not in str(failed.value)
    sink.send(topic, b"customer-3", b"v")
    sink.flush()
    assert sum(backend.offsets().end(topic).values()) == 2


def test_beginning_and_end_bound_the_log(backend: Backend) -> None:
    topic, offsets = backend.topic(), backend.offsets()
    backend.write(topic, *values(0, 5))
    backend.delete_before(topic, 3)
    assert offsets.beginning(topic) == {0: 3}
    assert offsets.end(topic) == {0: 5}


def test_lag_counts_what_is_left_to_read(backend: Backend) -> None:
    topic, group = backend.topic(), new_name()
    offsets, at = backend.offsets(), Partition(topic, 0)
    backend.write(topic, *values(0, 8))
    backend.delete_before(topic, 2)
    assert offsets.lag(group, topic) == 6
    reader = backend.reader(topic, group)
    reader.until(lambda: bool(reader.held))
    reader.source.commit({at: 5})
    assert offsets.lag(group, topic) == 3
    reader.source.commit({at: 8})
    assert offsets.lag(group, topic) == 0


def test_unread_is_what_can_be_read_and_since_when(backend: Backend) -> None:
    topic, group = backend.topic(), new_name()
    offsets, at = backend.offsets(), Partition(topic, 0)
    assert offsets.unread(group, topic) == Unread()
    backend.write(topic, *values(0, 5))
    reader = backend.reader(topic, group)
    reader.until(lambda: len(reader.records) == 5)
    reader.source.commit({at: 3})
    assert offsets.unread(group, topic) == Unread(2, reader.records[3].timestamp)
    reader.source.commit({at: 5})
    backend.transaction(topic, [b"decided"], committed=True)
    reader.until(lambda: len(reader.records) == 6)
    assert offsets.unread(group, topic).records >= 1
    reader.source.commit({at: 6})
    reader.until(lambda: offsets.lag(group, topic) == 1)  # the marker, written after the commit is answered
    assert offsets.unread(group, topic) == Unread()


def test_offsets_of_a_missing_topic_name_the_repair(backend: Backend) -> None:
    with pytest.raises(PermanentError, match="lapse topics apply"):
        backend.offsets().end("no-such-" + new_name())


def test_a_group_has_passed_a_time_once_it_reached_what_came_after(backend: Backend) -> None:
    topic, group = backend.topic(), new_name()
    offsets, at = backend.offsets(), Partition(topic, 0)
    assert offsets.passed(group, topic, backend.now())
    backend.write(topic, b"early")
    assert not offsets.passed(group, topic, backend.now() + MINUTE)
    reader = backend.reader(topic, group)
    reader.until(lambda: bool(reader.records))
    between = reader.records[0].timestamp + 1
    reader.until(lambda: backend.now() > between + 10_000)
    backend.write(topic, b"late")
    assert not offsets.passed(group, topic, between)
    reader.source.commit({at: 1})
    assert offsets.passed(group, topic, between)
    assert not offsets.passed(group, topic, between + MINUTE)
    reader.source.commit({at: 2})
    assert offsets.passed(group, topic, between + MINUTE)
