"""One seed, one history: chaos, then peace, then the books."""

from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext
from random import Random
from typing import NamedTuple

from tests.simulation.chaos import Chaos
from tests.simulation.installation import Installation
from tests.simulation.mutants import Mutant
from tests.simulation.settling import settle
from tests.simulation.truth import ViolationError

STEPS = 2000


class History(NamedTuple):
    """What became of a seed. `violation` None: every promise was kept."""

    seed: int
    steps: int
    violation: ViolationError | None
    seen: Counter[str]
    story: list[str]


def run(seed: int, weights: Mapping[str, int] | None = None, mutant: Mutant | None = None) -> History:
    """Run the history of a seed; `mutant`: with a rule taken out."""
    chance = Random(seed)
    whole = Installation(chance)
    chaos = Chaos(whole, chance, weights)
    violation = None
    try:
        with mutant.apply(whole) if mutant else nullcontext():
            _rage(whole, chaos, chance, chance.randrange(STEPS // 5, STEPS))
            settle(whole, chaos)
    except ViolationError as broken:
        violation = broken
    finally:
        for process in whole.scheduler.processes:
            process.kill()
    return History(seed, whole.scheduler.steps, violation, whole.truth.seen, whole.truth.story)


def _rage(whole: Installation, chaos: Chaos, chance: Random, steps: int) -> None:
    whole.start_missing()
    busy = True
    for _ in range(steps):
        if chance.random() < (0.06 if busy else 0.5):
            chaos.strike()
        busy = whole.scheduler.step()
