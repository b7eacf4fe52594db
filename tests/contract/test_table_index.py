"""The index of every `Table`, whichever adapter: who stands in it, in which order, page by page."""

import pytest

from consumers.domain.index import IndexKeys
from consumers.ports import IndexEntry, Table
from tests.support.table_rows import LATER, a_row, delete, entries, stored, update


def paged(table: Table, shard: str, until: int, size: int) -> list[IndexEntry]:
    found: list[IndexEntry] = []
    while True:
        page = table.due(shard, until, size, found[-1] if found else None)
        assert len(page) <= size
        found += page
        if len(page) < size:
            return found


def test_only_rows_with_keys_stand_in_the_index(table: Table) -> None:
    listed, _ = stored(table, a_row("c-1", keys=IndexKeys("due#1", 5)), a_row("c-2"))

    assert list(table.due("due#1", LATER, 10)) == entries(listed)


def test_a_row_enters_moves_and_leaves_the_index_with_its_keys(table: Table) -> None:
    (row,) = stored(table, a_row("c-1"))
    for keys in (IndexKeys("due#1", 5), IndexKeys("due#1", 9), IndexKeys("lease#1", 9), None, IndexKeys("held#1", 1)):
        following = a_row("c-1", version=row.version + 1, keys=keys)
        assert list(table.write([update(row, following)])) == [None]
        row = following
        found = [(shard, *table.due(shard, LATER, 10)) for shard in ("due#1", "lease#1", "held#1")]
        expected = [(keys.due_shard, *entries(row))] if keys else []
        assert [entry for entry in found if len(entry) > 1] == expected


def test_due_gives_the_oldest_first_up_to_the_time_asked_for(table: Table) -> None:
    times = [2**33, 10, 9, 100, 2]
    rows = stored(table, *[a_row(f"c-{at}", keys=IndexKeys("due#1", at)) for at in times])
    other = a_row("c-other", keys=IndexKeys("due#2", 1))
    stored(table, other)

    oldest = sorted(entries(*rows), key=lambda entry: entry.next_action_at)
    assert list(table.due("due#1", LATER, 10)) == oldest
    assert list(table.due("due#1", 100, 10)) == oldest[:4]
    assert list(table.due("due#1", 99, 10)) == oldest[:3]
    assert list(table.due("due#1", LATER, 2)) == oldest[:2]
    assert list(table.due("due#1", LATER, 2, oldest[1])) == oldest[2:4]
    assert not table.due("due#1", LATER, 0)
    assert not table.due("due#3", LATER, 10)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_due_pages_through_entries_of_one_time_without_gap_or_repeat(table: Table, size: int) -> None:
    rows = stored(table, *[a_row(f"c-{number}", keys=IndexKeys("due#1", number // 5)) for number in range(12)])

    found = paged(table, "due#1", LATER, size)

    assert sorted(found) == sorted(entries(*rows))
    assert [entry.next_action_at for entry in found] == sorted(entry.next_action_at for entry in found)


def test_due_goes_on_after_an_entry_that_left_the_index(table: Table) -> None:
    rows = stored(table, *[a_row(f"c-{at}", keys=IndexKeys("due#1", at)) for at in range(4)])
    (first, second, third, fourth) = rows
    table.write([update(second, a_row("c-1", version=2)), delete(first)])

    assert list(table.due("due#1", LATER, 10, *entries(second))) == entries(third, fourth)


def test_due_after_an_entry_later_than_asked_for_is_empty(table: Table) -> None:
    (row,) = stored(table, a_row("c-1", keys=IndexKeys("due#1", 5)))

    assert not table.due("due#1", 4, 10, *entries(row))


def test_count_is_how_many_due_would_give(table: Table) -> None:
    stored(table, *[a_row(f"c-{at}", keys=IndexKeys("due#1", at)) for at in range(30)], a_row("c-x"))

    assert [table.count("due#1", until) for until in (-1, 0, 14, LATER)] == [0, 1, 15, 30]
    assert table.count("due#2", LATER) == 0
