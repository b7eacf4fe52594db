"""Where a group is set back to."""

import pytest

from consumers.domain import resetting
from consumers.domain.errors import PermanentError
from consumers.domain.resetting import HOUR, Log

LOGS = {0: Log(50, 10, 100), 1: Log(None, 0, 7), 2: Log(20, 20, 20)}
T = 1_000 * HOUR


def test_an_offset_goes_as_far_as_the_log_reaches() -> None:
    assert resetting.to_offset(LOGS, 15) == {0: 15, 1: 7, 2: 20}
    assert resetting.to_offset(LOGS, 0) == {0: 10, 1: 0, 2: 20}


def test_current_is_the_end_where_nothing_was_committed() -> None:
    assert resetting.to_current(LOGS) == {0: 50, 1: 7, 2: 20}


def test_a_shift_needs_somewhere_to_shift_from() -> None:
    known = {number: log for number, log in LOGS.items() if number != 1}
    assert resetting.shifted(known, -45) == {0: 10, 2: 20}
    assert resetting.shifted(known, 3) == {0: 53, 2: 20}
    with pytest.raises(PermanentError, match="partitions 1 have no committed offset"):
        resetting.shifted(LOGS, 1)


def test_a_file_sets_what_it_names() -> None:
    assert resetting.to_given(LOGS, {0: 12, 1: 900}) == {0: 12, 1: 7}
    with pytest.raises(PermanentError, match="partitions 9"):
        resetting.to_given(LOGS, {9: 1})


def test_a_ledger_is_left_by_twice_the_largest_batch_and_never_passed() -> None:
    assert resetting.to_backup_by_ledger(LOGS, {0: 40}, 10) == {0: 20, 1: 0, 2: 20}
    assert resetting.to_backup_by_ledger(LOGS, {0: 900}, 10)[0] == 50


def test_without_a_ledger_the_lowest_command_finished_since_the_backup_is_taken() -> None:
    finished = [(0, 30, T - 2 * HOUR), (0, 44, T + 5), (0, 42, T - HOUR + 1), (0, 43, T), (2, 19, T - HOUR)]
    assert resetting.to_backup_by_trail(LOGS, finished, T)[0] == 42
    assert resetting.to_backup_by_trail({0: Log(5, 0, 9)}, [(0, 8, T)], T) == {0: 5}


def test_without_an_answer_since_the_backup_a_group_stays_where_it_stands_and_never_goes_to_the_end() -> None:
    logs = {0: Log(50, 10, 100), 1: Log(None, 3, 7)}
    assert resetting.to_backup_by_trail(logs, [], T) == {0: 50, 1: 3}
    assert resetting.to_backup_by_ledger(logs, {0: 90, 1: 6}, 1) == {0: 50, 1: 3}


def test_the_lower_of_ledger_and_trail_is_taken_by_partition() -> None:
    assert resetting.lower({0: 5, 1: 9}, {0: 7, 1: 2}) == {0: 5, 1: 2}


@pytest.mark.parametrize(
    ("log", "row", "limit"),
    [
        (Log(50, 10, 100), 80, 50),  # the lower of both is where it starts: higher would skip
        (Log(50, 10, 100), 20, 50),  # it starts at the row, whatever is committed
        (Log(None, 10, 100), 80, 80),  # Kafka has forgotten the group: the row says what is folded
        (Log(None, 10, 100), None, 0),
        (Log(5, 10, 100), 80, 5),  # lost by retention: nobody knows what was in between
    ],
)
def test_the_state_group_does_not_skip(log: Log, row: int | None, limit: int) -> None:
    resetting.refuse_forward({3: log}, {3: row}, {3: limit})
    with pytest.raises(PermanentError, match=r"only goes back: partitions 3 would.*lapse state rebuild"):
        resetting.refuse_forward({3: log}, {3: row}, {3: limit + 1})
