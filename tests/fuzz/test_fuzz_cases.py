"""The fuzzer itself: it makes the same case twice, and it notices what it is there to notice."""

from typing import Any

import pytest

from tests.fuzz import cases, csvs, frames, headers, rules, settings, worlds
from tests.fuzz.cases import Target, case_of, run

TARGETS = [each.TARGET for each in (frames, worlds, headers, rules, settings, csvs)]


@pytest.mark.parametrize("target", TARGETS, ids=[each.name for each in TARGETS])
def test_a_number_is_the_same_case_again_and_another_number_another_one(target: Target) -> None:
    made = [_plain(case_of(target, 3, number)) for number in (5, 5, 6)]
    assert made[0] == made[1] != made[2]


def _plain(case: Any) -> Any:
    # statements about good customers get ids of their own
    return case.frames if isinstance(case, worlds.History) else case


def _judge(case: int) -> str:
    match case:
        case 3:
            raise ZeroDivisionError("three")
        case 5:
            raise SystemExit(0)
        case 7:
            bytearray(4 * cases.MEMORY)
        case 9:
            while True:
                pass
    return "odd" if case % 2 else "even"


def test_whatever_a_case_does_is_reported_by_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases, "SECONDS", 0.2)
    numbers = iter(range(12))
    report = run(Target("sample", lambda _: next(numbers), _judge), 12, 1)
    assert {failure.number: failure.error.partition(":")[0] for failure in report.failures} == {
        3: "ZeroDivisionError",
        5: "SystemExit",
        7: "MemoryError",
        9: "HangError",
    }
    assert report.outcomes == {"even": 6, "odd": 2}
    assert report.slowest == 9
    assert "--seed 1 --replay sample:3" in str(report)
