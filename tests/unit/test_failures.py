"""The failure table, row by row."""

import pytest

from consumers.domain.errors import InvalidRecordError, PermanentError, PoisonError, TransientError
from consumers.domain.failures import (
    FLOOD_MICROS,
    UNTRIED,
    Kind,
    Share,
    Step,
    code_of,
    decide,
    flooded,
    kind_of,
    records_at_once,
)
from consumers.runtime.barrier import NoPositionError
from consumers.runtime.control import NoPolicyError

ALONE = Share(1, 1)
FEW, HALF, MOST = Share(1, 500), Share(250, 500), Share(251, 500)


@pytest.mark.parametrize(
    ("kind", "tries", "share", "step"),
    [
        (Kind.BAD_RECORD, 1, UNTRIED, Step.DEAD_LETTER),
        (Kind.BAD_RECORD, 9, MOST, Step.DEAD_LETTER),
        (Kind.POISON, 1, UNTRIED, Step.RETRY),
        (Kind.POISON, 2, UNTRIED, Step.RETRY),
        (Kind.POISON, 3, UNTRIED, Step.DEAD_LETTER),
        (Kind.POISON, 3, ALONE, Step.DEAD_LETTER),
        (Kind.POISON, 3, Share(9, 9), Step.DEAD_LETTER),
        (Kind.POISON, 3, Share(6, 10), Step.PAUSE),
        (Kind.POISON, 3, FEW, Step.DEAD_LETTER),
        (Kind.POISON, 3, HALF, Step.DEAD_LETTER),
        (Kind.POISON, 3, MOST, Step.PAUSE),
        (Kind.AWAY, 1, UNTRIED, Step.PAUSE),
        (Kind.AWAY, 1_000_000, ALONE, Step.PAUSE),
        (Kind.MISCONFIGURED, 1, UNTRIED, Step.STOP),
        (Kind.MISCONFIGURED, 9, MOST, Step.STOP),
    ],
)
def test_failure_is_answered_as_the_table_says(kind: Kind, tries: int, share: Share, step: Step) -> None:
    assert decide(kind, tries, share) is step


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InvalidRecordError("tombstone"), Kind.BAD_RECORD),
        (TransientError(), Kind.AWAY),
        (PermanentError(), Kind.MISCONFIGURED),
        (NoPolicyError(), Kind.MISCONFIGURED),
        (NoPositionError(), Kind.MISCONFIGURED),
        (PoisonError(), Kind.POISON),
        (KeyError("c-1"), Kind.POISON),
        (AssertionError(), Kind.POISON),
    ],
)
def test_error_is_of_a_kind(error: Exception, kind: Kind) -> None:
    assert kind_of(error) is kind


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyError("c-1"), "key_error"),
        (ZeroDivisionError("c-1"), "zero_division_error"),
        (PoisonError("c-1", code="ValidationError"), "ValidationError"),
        (TransientError(), "TransientError"),
    ],
)
def test_code_names_an_error_without_its_text(error: Exception, code: str) -> None:
    assert code_of(error) == code


def test_ten_unknown_schemas_in_a_minute_are_a_flood() -> None:
    nine = {f"t-0-{number}": 0 for number in range(9)}
    assert not flooded({}, nine, 0)
    assert flooded(nine, ["t-0-9"], FLOOD_MICROS - 1)
    assert not flooded(nine, ["t-0-9"], FLOOD_MICROS)
    assert flooded(dict.fromkeys(nine, FLOOD_MICROS), ["t-0-9"], FLOOD_MICROS + 1)
    assert not flooded(nine, ["t-0-8"], 0), "the same record again"
    assert flooded({}, [f"t-0-{number}" for number in range(10)], 0)
    assert not flooded(dict.fromkeys(map(str, range(20)), 0), [], 0)


def test_batches_shrink_over_the_budget_and_grow_back_well_within_it() -> None:
    assert records_at_once(500, 500, 61, 60) == 250
    assert records_at_once(500, 500, 60, 60) == 500
    assert isinstance(records_at_once(501, 501, 61, 60), int)
    assert [records_at_once(100, 500, took, 60) for took in (14, 15)] == [200, 100]
    assert records_at_once(1, 500, 61, 60) == 1
    assert records_at_once(250, 500, 30, 60) == 250
    assert records_at_once(250, 500, 14, 60) == 500
    assert records_at_once(400, 500, 14, 60) == 500
