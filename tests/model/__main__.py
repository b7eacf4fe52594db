"""`LAPSE_MODEL_FAULTS=2 python -m tests.model [SCENARIO...]`: explores, prints; without names all; 1: a violation."""

import os
import sys
import time

from tests.model.protocol import check
from tests.model.scenarios import SCENARIOS, with_faults


def main(names: list[str]) -> int:
    """Explore the scenarios of these names, each to its end, with the shortest history of what breaks."""
    broken, faults = 0, int(os.environ.get("LAPSE_MODEL_FAULTS", "0"))
    for scenario in SCENARIOS:
        if names and scenario.name not in names:
            continue
        wide, began = with_faults(scenario, faults), time.process_time()
        seen = check(wide)
        took = time.process_time() - began
        size = f"{seen.states} states, {seen.transitions} transitions, {took:.1f} s"
        print(f"{wide.name}, {wide.budget} faults: {size}{'' if seen.complete else ', NOT COMPLETE'}", flush=True)  # noqa: T201
        if seen.found:
            broken = 1
            print(seen.found.breaks, *seen.found.history, sep="\n  ", flush=True)  # noqa: T201
    return broken


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
