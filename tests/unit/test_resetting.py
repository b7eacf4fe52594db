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
    # nothing finished since: where the group stands, never the end
    assert resetting.to_backup_by_trail(LOGS, finished, T) == {0: 42, 1: 7, 2: 20}
    assert resetting.to_backup_by_trail({0: Log(5, 0, 9)}, [(0, 8, T)], T) == {0: 5}


def test_the_state_group_does_not_skip() -> None:
    resetting.refuse_forward(LOGS, {0: 50, 1: 0})
    for after in ({0: 51}, {1: 1}):
        with pytest.raises(PermanentError, match="only goes back"):
            resetting.refuse_forward(LOGS, after)
