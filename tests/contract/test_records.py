"""What every source, sink and offsets promise, in memory as on a real broker."""

import pytest

from consumers.domain.errors import PermanentError
from consumers.ports import Partition
from tests.support.records import Backend, new_name

MINUTE = 60_000_000


def values(first: int, last: int) -> list[bytes]:
    return [b"%d" % number for number in range(first, last)]


# ---- records ---------------------------------------------------------------------------------------------------------


def test_records_of_a_key_arrive_in_the_order_sent(backend: Backend) -> None:
    topic, sink = backend.topic(4), backend.sink()
    for number in range(300):
        sink.send(topic, b"customer-%d" % (number % 20), b"%d" % number)
    sink.flush()
    reader = backend.reader(topic, topic)
    reader.until(lambda: len(reader.records) >= 300)
    for key in {record.key for record in reader.records}:
        of_key = [int(record.value or b"") for record in reader.records if record.key == key]
        assert of_key == sorted(of_key)
    assert len({record.partition for record in reader.records}) == 4


def test_a_tombstone_is_a_record_unlike_an_empty_value(backend: Backend) -> None:
    topic = backend.topic()
    backend.write(topic, None, b"", b"last")
    reader = backend.reader(topic, topic)
    reader.until(lambda: len(reader.records) >= 3)
    assert reader.values == [None, b"", b"last"]


def test_a_record_without_a_key_keeps_none(backend: Backend) -> None:
    topic = backend.topic()
    backend.write(topic, b"v", key=None)
    backend.write(topic, b"v", key=b"")
    reader = backend.reader(topic, topic)
    reader.until(lambda: len(reader.records) >= 2)
    assert [record.key for record in reader.records] == [None, b""]


def test_headers_arrive_byte_identical(backend: Backend) -> None:
    topic = backend.topic()
    headers = (("a", b"\x00\xff"), ("a", None), ("b", b""), ("å", b"v"))
    backend.write(topic, b"v", headers=headers)
    backend.write(topic, b"v")
    reader = backend.reader(topic, topic)
    reader.until(lambda: len(reader.records) >= 2)
    assert [tuple(record.headers) for record in reader.records] == [headers, ()]


def test_the_timestamp_is_the_time_of_appending_in_microseconds(backend: Backend) -> None:
    topic = backend.topic()
    before = backend.now() // 1000 * 1000
    backend.write(topic, b"v")
    after = backend.now()
    reader = backend.reader(topic, topic)
    reader.until(lambda: bool(reader.records))
    assert before <= reader.records[0].timestamp <= after


def test_a_poll_gives_no_more_than_asked_for(backend: Backend) -> None:
    topic = backend.topic()
    backend.write(topic, *values(0, 20))
    reader = backend.reader(topic, topic)
    while len(reader.records) < 20:
        before = len(reader.records)
        reader.poll(max_records=7)
        assert len(reader.records) - before <= 7
    assert reader.values == values(0, 20)


# ---- where reading begins --------------------------------------------------------------------------------------------


def test_assigned_partitions_deliver_nothing_until_started(backend: Backend) -> None:
    topic = backend.topic(2)
    backend.write(topic, *values(0, 10))
    source = backend.source(topic, topic)
    assigned = next(polled.assigned for polled in iter(lambda: source.poll(10, 0.5), None) if polled.assigned)
    assert sorted(assigned) == [Partition(topic, 0), Partition(topic, 1)]
    assert not any(source.poll(10, 0.3))
    source.start({Partition(topic, 0): 0})
    assert not any(source.poll(10, 0.3))
    source.start({Partition(topic, 1): 0})
    assert any(source.poll(10, 0.5).records for _ in range(20))


def test_a_restarted_group_goes_on_at_its_committed_offset(backend: Backend) -> None:
    topic = backend.topic()
    backend.write(topic, *values(0, 10))
    first = backend.reader(topic, topic)
    first.until(lambda: len(first.records) >= 10)
    first.source.commit({Partition(topic, 0): 6})
    first.source.close()
    second = backend.reader(topic, topic)
    second.until(lambda: len(second.records) >= 4)
    assert second.offsets == [6, 7, 8, 9]


def test_a_given_offset_counts_more_than_the_committed_one(backend: Backend) -> None:
    topic, group = backend.topic(), new_name()
    at = Partition(topic, 0)
    backend.write(topic, *values(0, 10))
    first = backend.reader(topic, group)
    first.until(lambda: len(first.records) >= 10)
    first.source.commit({at: 10})
    first.source.close()
    second = backend.reader(topic, group, {at: 3})
    second.until(lambda: len(second.records) >= 7)
    assert second.offsets[0] == 3
    assert second.source.committed([at]) == {at: 10}


def test_a_new_group_starts_at_the_beginning_and_commits_it_at_once(backend: Backend) -> None:
    topic = backend.topic()
    at = Partition(topic, 0)
    backend.write(topic, *values(0, 5))
    backend.delete_before(topic, 2)
    reader = backend.reader(topic, topic)
    assert reader.source.committed([at]) == {at: None}
    reader.until(lambda: len(reader.records) >= 3)
    assert reader.offsets == [2, 3, 4]
    assert reader.source.committed([at]) == {at: 2}


def test_a_new_group_commits_at_once_where_it_was_told_to_start(backend: Backend) -> None:
    topic = backend.topic()
    at = Partition(topic, 0)
    backend.write(topic, *values(0, 5))
    reader = backend.reader(topic, topic, {at: 3})
    reader.until(lambda: bool(reader.held))
    assert reader.source.committed([at]) == {at: 3}


def test_groups_do_not_share(backend: Backend) -> None:
    topic = backend.topic()
    backend.write(topic, *values(0, 5))
    one, other = backend.reader(topic, new_name()), backend.reader(topic, new_name())
    one.until(lambda: len(one.records) >= 5)
    other.until(lambda: len(other.records) >= 5)
    assert one.values == other.values == values(0, 5)


def test_a_committed_offset_that_is_gone_is_refused_with_its_repair(backend: Backend) -> None:
    topic, group = backend.topic(), new_name()
    backend.write(topic, *values(0, 10))
    first = backend.reader(topic, group)
    first.until(lambda: bool(first.held))
    first.source.commit({Partition(topic, 0): 4})
    first.source.close()
    backend.delete_before(topic, 7)
    reader = backend.reader(topic, group)
    with pytest.raises(PermanentError) as refused:
        reader.until(lambda: bool(reader.records))
    assert f"group {group}: {topic}-0 offset 4" in str(refused.value)
    assert f"lapse offsets reset --group {group} --topic {topic} --to-earliest --execute" in str(refused.value)
    with pytest.raises(PermanentError):
        reader.poll()


# ---- ends ------------------------------------------------------------------------------------------------------------


def test_an_end_is_one_past_the_last_record(backend: Backend) -> None:
    topic = backend.topic(2)
    reader = backend.reader(topic, topic)
    reader.until(lambda: len(reader.ends) == 2)
    assert set(reader.ends.values()) == {0}
    backend.write(topic, *values(0, 5))
    reader.until(lambda: 5 in reader.ends.values())
    assert len(reader.records) == 5


@pytest.mark.parametrize("committed", [True, False])
def test_an_end_is_past_the_marker_of_a_transaction(backend: Backend, committed: bool) -> None:
    topic = backend.topic()
    backend.write(topic, b"before")
    backend.transaction(topic, [b"1", b"2"], committed=committed)
    reader = backend.reader(topic, topic)
    reader.until(lambda: bool(reader.ends))
    assert reader.ends == {Partition(topic, 0): 4}
    assert reader.values == ([b"before", b"1", b"2"] if committed else [b"before"])
    assert backend.offsets().end(topic) == {0: 4}


# ---- commits ---------------------------------------------------------------------------------------------------------


def test_committing_between_polls_loses_and_repeats_nothing(backend: Backend) -> None:
    topic, sink = backend.topic(3), backend.sink()
    for number in range(5000):
        sink.send(topic, b"%d" % number, b"%d" % number)
    sink.flush()
    reader = backend.reader(topic, topic)
    while len(reader.records) < 5000:
        reader.poll(max_records=70)
        done = {Partition(topic, record.partition): record.offset + 1 for record in reader.records}
        reader.source.commit(done)
        assert reader.source.committed(done.keys()) == done
    assert sorted(int(value or b"") for value in reader.values) == list(range(5000))


# ---- pause -----------------------------------------------------------------------------------------------------------


def test_pause_delivers_nothing_and_resume_loses_and_repeats_nothing(backend: Backend) -> None:
    topic = backend.topic(3)
    sink = backend.sink()
    for number in range(2000):
        sink.send(topic, b"%d" % number, b"%d" % number)
    sink.flush()
    reader = backend.reader(topic, topic)
    for wanted in (5, 300, 1200):
        reader.until(lambda wanted=wanted: len(reader.records) >= wanted, max_records=90)  # type: ignore[misc]  # bound per turn
        reader.source.pause()
        assert not any(reader.source.poll(100, 0.2).records for _ in range(3))
        reader.source.resume()
    reader.until(lambda: len(reader.records) >= 2000)
    assert sorted(int(value or b"") for value in reader.values) == list(range(2000))


def test_what_is_assigned_during_a_pause_stays_paused(backend: Backend) -> None:
    topic = backend.topic()
    backend.write(topic, *values(0, 5))
    reader = backend.reader(topic, topic)
    reader.source.pause()
    reader.until(lambda: bool(reader.held))
    for _ in range(3):
        reader.poll()
    assert reader.records == []
    reader.source.resume()
    reader.until(lambda: len(reader.records) >= 5)
    assert reader.values == values(0, 5)
