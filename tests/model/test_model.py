"""The model explored: the design breaks no promise, and each rule taken away breaks the one it is there for."""

import os
from collections.abc import Iterator

import pytest

from tests.model.checker import LIVENESS, Explored, Move, explore
from tests.model.mutants import KEPT_TWICE, MUTANTS, Mutant
from tests.model.protocol import check
from tests.model.rules import Rules
from tests.model.scenarios import SCENARIOS, with_faults
from tests.model.world import Scenario

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


def told(name: str, seen: Explored) -> str:
    """What an exploration says for itself, also in a test that passes (`-rP`) or fails."""
    lines = [f"{name}: {seen.states} states, {seen.transitions} transitions, complete: {seen.complete}"]
    return "\n  ".join(lines + ([seen.found.breaks, *seen.found.history] if seen.found else []))


@pytest.mark.timeout(0)  # LAPSE_MODEL_FAULTS=2 takes as long as it takes
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_design_breaks_no_promise_and_gets_done(scenario: Scenario) -> None:
    seen = check(with_faults(scenario, int(os.environ.get("LAPSE_MODEL_FAULTS", "0"))))
    print(told(scenario.name, seen))  # noqa: T201 - shown by -rP, for docs/model.md
    assert seen.found is None, told(scenario.name, seen)
    assert seen.complete


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_rule_taken_away_breaks_its_promise(mutant: Mutant) -> None:
    scenario = BY_NAME[mutant.scenario]
    seen = check(scenario._replace(rules=mutant.rules, budget=mutant.budget or scenario.budget))
    print(told(mutant.name, seen))  # noqa: T201 - shown by -rP
    assert seen.found is not None
    assert (seen.found.breaks, len(seen.found.history)) == (mutant.breaks, mutant.steps), told(mutant.name, seen)


@pytest.mark.parametrize("rules", KEPT_TWICE)
def test_write_order_and_start_each_keep_what_the_other_would_lose(rules: Rules) -> None:
    seen = check(BY_NAME["writes"]._replace(rules=rules))
    assert (seen.found, seen.complete) == (None, True)


# ---- the explorer itself ---------------------------------------------------------------------------------------------


def counting(number: int) -> Iterator[Move[int]]:
    """Up by one or by two to ten; a step back is not certain, and seven is forbidden to those who come from five."""
    for by in (1, 2):
        if number + by <= 10:
            yield Move(f"+{by}", number + by, breaks="seven" if (number, by) == (5, 2) else None)
    yield Move("back", max(number - 1, 0), certain=False)


def test_shortest_history_is_told() -> None:
    seen = explore(0, counting, lambda number: number == 10)
    assert seen.found is not None
    assert (seen.found.breaks, seen.complete) == ("seven", False)
    assert sorted(seen.found.history) == ["+1", "+2", "+2", "+2"]


def test_state_that_only_an_uncertain_step_leaves_is_stuck() -> None:
    def moves(number: int) -> Iterator[Move[int]]:
        return (move for move in counting(number) if move.breaks is None)

    reached = explore(0, moves, lambda number: number == 10)
    assert (reached.found, reached.states, reached.complete) == (None, 11, True)
    stuck = explore(0, moves, lambda number: number == 4)
    assert stuck.found is not None
    assert (stuck.found.breaks, len(stuck.found.history)) == (LIVENESS, 3)


def test_limit_ends_an_exploration_that_is_not_complete() -> None:
    seen = explore(0, lambda number: [Move("on", number + 1)], lambda _: True, limit=100)
    assert (seen.found, seen.complete) == (None, False)
