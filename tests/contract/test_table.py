"""What every `Table` does, whichever adapter: one suite over the table in memory and the one on DynamoDB."""

import threading
from collections.abc import Callable, Sequence

import pytest

from consumers.domain.index import IndexKeys
from consumers.domain.rows import ALL_MODE, Key, state_key
from consumers.ports import Lost, Row, Table, Write
from tests.support.table_rows import LATER, a_row, delete, insert, stored, update


def test_read_gives_the_row_as_written(table: Table) -> None:
    rows = stored(
        table,
        a_row("c-1", version=2**53 + 1, body=bytes(range(256)), keys=IndexKeys("due#7", 1_800_000_000_000_001)),
        a_row("c-2", body=b""),
        a_row("kund-åäö ☃ '\"", version=2**32),
        a_row(ALL_MODE),
    )

    assert table.read([row.key for row in rows]) == {row.key: row for row in rows}


def test_read_leaves_out_unknown_keys_and_takes_a_key_twice(table: Table) -> None:
    (row,) = stored(table, a_row("c-1"))

    assert table.read([row.key, state_key("c-2"), Key("c-1", "MODE"), row.key]) == {row.key: row}


def test_read_and_write_of_nothing_do_nothing(table: Table) -> None:
    assert not table.read([])
    assert not table.write([])


def test_read_refuses_an_empty_key(table: Table) -> None:
    with pytest.raises(ValueError, match="both its parts"):
        table.read([Key("", "STATE")])


def test_insert_over_a_row_gives_the_row_that_stands(table: Table) -> None:
    (first,) = stored(table, a_row("c-1"))

    assert list(table.write([insert(a_row("c-1"))])) == [Lost(first)]
    assert table.read([first.key]) == {first.key: first}


def test_update_replaces_the_row_that_was_read(table: Table) -> None:
    (first,) = stored(table, a_row("c-1", keys=IndexKeys("due#1", 5)))
    second = a_row("c-1", version=2, body=b"new", keys=IndexKeys("lease#1", 6))

    assert list(table.write([update(first, second)])) == [None]
    assert table.read([first.key]) == {first.key: second}


@pytest.mark.parametrize("keys", [None, IndexKeys("due#1", 5)])
def test_update_of_a_row_that_changed_gives_the_row_that_stands(table: Table, keys: IndexKeys | None) -> None:
    (first,) = stored(table, a_row("c-1"))
    winner, loser = a_row("c-1", version=2, keys=keys), a_row("c-1", version=2)

    assert list(table.write([update(first, winner)])) == [None]
    assert list(table.write([update(first, loser)])) == [Lost(winner)]
    assert table.read([first.key]) == {first.key: winner}


def test_update_needs_both_version_and_stamp(table: Table) -> None:
    (first,) = stored(table, a_row("c-1", version=7))

    for other in (first._replace(stamp="other"), first._replace(version=8)):
        assert list(table.write([update(other, a_row("c-1", version=9))])) == [Lost(first)]


def test_update_of_no_row_is_lost_to_no_row(table: Table) -> None:
    absent = a_row("c-1")

    assert list(table.write([update(absent, a_row("c-1", version=2))])) == [Lost(None)]
    assert not table.read([absent.key])


def test_delete_removes_the_row_that_was_read(table: Table) -> None:
    (row,) = stored(table, a_row("c-1", keys=IndexKeys("forget#1", 5)))

    assert list(table.write([delete(row)])) == [None]
    assert not table.read([row.key])
    assert not table.due("forget#1", LATER, 10)


def test_delete_of_a_row_that_changed_gives_the_row_that_stands(table: Table) -> None:
    (row,) = stored(table, a_row("c-1"))
    winner = a_row("c-1", version=2)
    table.write([update(row, winner)])

    assert list(table.write([delete(row)])) == [Lost(winner)]
    assert table.read([row.key]) == {row.key: winner}


def test_a_write_that_stands_already_counts_as_written(table: Table) -> None:
    (first, gone) = stored(table, a_row("c-1"), a_row("c-2"))
    second = a_row("c-1", version=2)
    batch = [update(first, second), delete(gone), insert(a_row("c-3"))]

    assert list(table.write(batch)) == [None, None, None]
    assert list(table.write(batch)) == [None, None, None]
    assert table.read([first.key]) == {first.key: second}


def test_a_lost_write_leaves_the_rest_of_its_batch_alone(table: Table) -> None:
    (standing,) = stored(table, a_row("c-1"))
    writes = [insert(a_row("c-0")), insert(a_row("c-1")), update(a_row("c-2"), a_row("c-2")), insert(a_row("c-3"))]

    assert list(table.write(writes)) == [None, Lost(standing), Lost(None), None]


def test_a_large_batch_is_written_and_read_as_a_whole(table: Table) -> None:
    rows = [a_row(f"c-{number}", keys=IndexKeys("due#1", number)) for number in range(257)]
    conflict = rows[130]
    (standing,) = stored(table, a_row(conflict.key))

    outcomes = table.write([insert(row) for row in rows])

    assert [outcome for outcome in outcomes if outcome] == [Lost(standing)]
    assert outcomes[130] == Lost(standing)
    expected = {row.key: row for row in rows} | {standing.key: standing}
    assert table.read([row.key for row in rows][:101]) == {row.key: row for row in rows[:101]}
    assert table.read([row.key for row in rows]) == expected
    assert table.count("due#1", LATER) == 256


def test_of_two_writers_one_wins_each_round(table: Table) -> None:
    (row,) = stored(table, a_row("c-1", version=0))
    rounds, writers = 10, 2

    def count_up() -> None:
        current = row
        for _ in range(rounds):
            current = incremented(table, current)

    threads = [threading.Thread(target=count_up) for _ in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert table.read([row.key])[row.key].version == rounds * writers


def incremented(table: Table, seen: Row) -> Row:
    """Write the next version over whatever stands, as roles do: a lost race means decide again."""
    while True:
        following = a_row(seen.key, version=seen.version + 1)
        (lost,) = table.write([update(seen, following)])
        if lost is None:
            return following
        assert lost.current is not None
        seen = lost.current


SENSELESS: dict[str, Callable[[], Sequence[Write]]] = {
    "a key twice": lambda: [insert(a_row("c-1")), insert(a_row("c-1"))],
    "an empty id": lambda: [insert(a_row(Key("", "STATE")))],
    "an empty sub id": lambda: [insert(a_row(Key("c-1", "")))],
    "nothing over nothing": lambda: [Write(state_key("c-1"), None, None)],
    "a row of another key": lambda: [Write(state_key("c-1"), None, a_row("c-2"))],
    "an expected row of another key": lambda: [Write(state_key("c-1"), a_row("c-2"), None)],
    "index keys on a control row": lambda: [insert(a_row(ALL_MODE, keys=IndexKeys("due#1", 5)))],
}


@pytest.mark.parametrize("senseless", SENSELESS)
def test_write_refuses_a_senseless_batch_as_a_whole_and_names_nobody(table: Table, senseless: str) -> None:
    good = a_row("c-good")

    with pytest.raises(ValueError, match=r"key|write|customers") as refused:
        table.write([insert(good), *SENSELESS[senseless]()])

    assert "c-" not in str(refused.value)
    assert not table.read([good.key])
