"""What every reader of a whole topic promises, in memory as on a real broker."""

import pytest

from consumers.domain.errors import PermanentError
from tests.support.records import Backend, new_name


def test_a_topic_is_read_whole_and_in_the_order_of_each_partition(backend: Backend) -> None:
    topic, sink = backend.topic(3), backend.sink()
    for number in range(2500):
        sink.send(topic, b"customer-%d" % (number % 40), b"%d" % number, [("h", b"v")])
    sink.flush()
    found = list(backend.topic_reader().read(topic))
    assert sorted(int(each.value or b"") for each in found) == list(range(2500))
    for partition in range(3):
        offsets = [each.offset for each in found if each.partition == partition]
        assert offsets == list(range(len(offsets)))
    assert {tuple(each.headers) for each in found} == {(("h", b"v"),)}


def test_markers_and_aborted_records_are_passed_over(backend: Backend) -> None:
    topic = backend.topic()
    backend.write(topic, b"first")
    backend.transaction(topic, [b"aborted"], committed=False)
    backend.transaction(topic, [b"second"], committed=True)
    assert [each.value for each in backend.topic_reader().read(topic)] == [b"first", b"second"]


def test_it_starts_where_told_or_at_what_is_left(backend: Backend) -> None:
    topic = backend.topic()
    backend.write(topic, b"0", b"1", b"2", b"3")
    assert [each.value for each in backend.topic_reader().read(topic, {0: 2})] == [b"2", b"3"]
    backend.delete_before(topic, 3)
    assert [each.value for each in backend.topic_reader().read(topic, {0: 1})] == [b"3"]
    assert list(backend.topic_reader().read(topic, {0: 4})) == []


def test_what_is_written_during_the_reading_is_left_out(backend: Backend) -> None:
    topic = backend.topic()
    backend.write(topic, *(b"%d" % number for number in range(5)))
    reading = backend.topic_reader().read(topic)
    first = next(reading)
    backend.write(topic, b"later")
    assert [first.value, *(each.value for each in reading)] == [b"0", b"1", b"2", b"3", b"4"]


def test_no_such_topic_is_refused(backend: Backend) -> None:
    with pytest.raises(PermanentError):
        list(backend.topic_reader().read(new_name()))
