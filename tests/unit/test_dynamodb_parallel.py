"""Several calls at once: order kept, failures raised, nothing left under way."""

import threading

import pytest

from consumers.adapters.dynamodb.parallel import THREADS, Parallel


def test_each_keeps_the_order_of_the_parts() -> None:
    later = threading.Event()

    def work(part: int) -> int:
        if part == 0:
            assert later.wait(timeout=30)
        else:
            later.set()
        return part * 10

    assert Parallel().each(work, range(50)) == [part * 10 for part in range(50)]


def test_each_works_on_several_parts_at_once() -> None:
    together = threading.Barrier(THREADS, timeout=30)

    Parallel().each(lambda _: together.wait(), range(THREADS))


def test_each_of_one_part_stays_in_its_thread() -> None:
    assert Parallel().each(lambda _: threading.get_ident(), [1]) == [threading.get_ident()]
    assert Parallel().each(lambda _: threading.get_ident(), []) == []


def test_each_raises_what_failed_and_begins_nothing_more() -> None:
    begun: list[int] = []

    def work(part: int) -> None:
        begun.append(part)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Parallel().each(work, range(1000))

    assert len(begun) <= THREADS


def test_each_leaves_nothing_under_way_when_it_raises() -> None:
    begun, failed, ended = threading.Event(), threading.Event(), threading.Event()

    def fail() -> None:
        assert begun.wait(timeout=30)
        failed.set()
        raise ZeroDivisionError

    def go_on() -> None:
        begun.set()
        assert failed.wait(timeout=30)
        ended.set()

    with pytest.raises(ZeroDivisionError):
        Parallel().each(lambda part: part(), [fail, go_on])

    assert ended.is_set()
