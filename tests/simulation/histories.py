"""One seed, one history: chaos, then peace, then the books."""

from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext
from random import Random
from typing import NamedTuple

from tests.simulation.chaos import Chaos
from tests.simulation.installation import Installation
from tests.simulation.mutants import Mutant
from tests.simulation.promises import ViolationError
from tests.simulation.settling import settle

STEPS = 2000
DANGEROUS = frozenset({"store.guarded", "store.anonymize", "store.anonymized"})
"""Where a decision has been made and is not yet carried out, or is, and nobody has been told."""


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
    odds = 0.06
    for _ in range(steps):
        if chance.random() < odds:
            chaos.strike()
        busy = whole.scheduler.step()
        dangerous = any(each.point in DANGEROUS for each in whole.scheduler.processes)
        odds = 0.5 if not busy else 0.25 if dangerous else 0.06
