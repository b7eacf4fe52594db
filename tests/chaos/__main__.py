"""`python -m tests.chaos --seconds 600 --seed 7 --customers 5000`: run, print the figures, exit 1 if a thing is wrong.

A failing run says its seed and keeps its folder: logs of every process and server, the storm as it struck.
"""

import argparse
import logging
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.report import ENOUGH_IN_HAND, ENOUGH_KILLS, lines
from tests.chaos.run import Outcome, Plan, run

SHOWN = 40


def main() -> int:
    """Parse, run, print."""
    plan = _plan()
    logging.disable(logging.ERROR)  # what Kafka's clients here say of the storm
    # as Ctrl-C: everything that was started ends
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = Path(tempfile.mkdtemp(prefix="lapse-chaos-"))
    _say(f"seed {plan.seed}, {plan.seconds:.0f} s of storm, {plan.customers} customers; logs in {folder}")
    try:
        outcome = run(plan, folder, _say)
    except KeyboardInterrupt:
        _say("interrupted; everything is stopped")
        return 130
    except BaseException:
        _say(f"failed with seed {plan.seed}; see {folder}")
        raise
    return _told(plan, outcome, folder)


def _plan() -> Plan:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="length of the storm")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="decides faults and customers")
    parser.add_argument("--customers", type=int, default=5000)
    given = parser.parse_args()
    return Plan(given.seed, given.seconds, given.customers)


def _told(plan: Plan, outcome: Outcome, folder: Path) -> int:
    for line in lines(outcome.figures):
        _say(line)
    wrong = [f"{each.wrong}: {each.customer} {each.why}" for each in outcome.differences]
    wrong += [f"surprise: {each}" for each in outcome.surprises]
    if len(outcome.figures.kills) >= ENOUGH_KILLS and outcome.figures.share < ENOUGH_IN_HAND:
        wrong.append(f"only {outcome.figures.share:.0%} of the kills hit a role with work in hand")
    for line in wrong[:SHOWN]:
        _say(line)
    if not wrong:
        shutil.rmtree(folder)
        _say("the books are right")
        return 0
    _say(f"{len(wrong)} things are wrong with seed {plan.seed}; see {folder}")
    return 1


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
