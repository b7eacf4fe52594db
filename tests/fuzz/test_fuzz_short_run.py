"""A few of each, the same ones every time; `python -m tests.fuzz` runs as many as one likes."""

import random
import tracemalloc

import pytest

from consumers.domain.errors import InvalidRecordError
from schemas.codec import decode
from tests.fuzz import csvs, frames, headers, rules, settings, worlds
from tests.fuzz.cases import Target, run
from tests.fuzz.growing import NAMES, record_of
from tests.fuzz.mutation import HUGE

SEED = 20260615


@pytest.mark.parametrize(
    ("target", "count", "among"),
    [
        (frames.TARGET, 20_000, {"events: understood", "commands: understood", "ticks: understood", "state: item"}),
        (worlds.TARGET, 20, {"event folded", "event holding", "event halting", "event of nobody", "commands dead"}),
        (headers.TARGET, 4_000, {"copy", "letter", "neither"}),
        (rules.TARGET, 2_000, {"rules", "refused: yaml", "refused: guard", "refused: variable"}),
        (settings.TARGET, 1_000, {"settings", "refused"}),
        (csvs.TARGET, 3_000, {"line good", "line not_csv", "line not_utf8", "line too_long", "header refused"}),
    ],
    ids=lambda value: value.name if isinstance(value, Target) else None,
)
def test_whatever_comes_in_is_understood_or_refused(target: Target, count: int, among: set[str]) -> None:
    report = run(target, count, SEED)
    assert not report.failures, str(report)
    assert among <= report.outcomes.keys(), "the cases have become too tame, or too wild"


@pytest.mark.parametrize("name", NAMES)
def test_a_length_that_is_not_there_is_not_believed_wherever_it_stands(name: str) -> None:
    value, _ = record_of(random.Random(name), name)
    tracemalloc.start()
    try:
        for at in range(10, len(value)):
            for huge in HUGE:
                _read(value[:at] + huge + value[at:], name)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000 + 200 * len(value)
    finally:
        tracemalloc.stop()


def _read(value: bytes, name: str) -> None:
    try:
        decode(value, {name})
    except InvalidRecordError:
        return
