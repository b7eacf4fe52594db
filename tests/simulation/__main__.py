"""`python -m tests.simulation`: many histories, or the mutants, or the story of one seed."""

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import structlog

from tests.simulation.coverage import EXPECTED, missing
from tests.simulation.histories import run
from tests.simulation.mutants import MUTANTS

CRITICAL = 50
PART = 50


class Part(NamedTuple):
    """What became of some seeds in a row."""

    histories: int
    steps: int
    violations: list[str]
    seen: Counter[str]


def main() -> int:
    """Run what was asked for; 1 where a promise was broken, or a mutant kept all."""
    options = _parser().parse_args()
    if os.environ.get("PYTHONHASHSEED") != "0":  # a seed replays only where sets have one order
        os.execve(
            sys.executable,
            [sys.executable, "-m", "tests.simulation", *sys.argv[1:]],
            {**os.environ, "PYTHONHASHSEED": "0"},
        )
    _quiet()
    if options.story is not None:
        return _story(options.story, options.mutant)
    return _mutants(options) if options.mutants else _histories(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--histories", type=int, default=1000, help="how many (1000); of each mutant, the most")
    parser.add_argument("--seed", type=int, default=0, help="the first seed (0)")
    names = [mutant.name for mutant in MUTANTS]
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (all cores)")
    parser.add_argument("--mutants", action="store_true", help="take each rule out until a promise catches it")
    parser.add_argument("--only", nargs="+", metavar="MUTANT", choices=names, help="with --mutants: these")
    parser.add_argument("--story", type=int, metavar="SEED", help="tell one history")
    parser.add_argument("--mutant", metavar="MUTANT", choices=names, help="with --story: with this rule taken out")
    return parser


def _quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(CRITICAL))


# ---- histories -------------------------------------------------------------------------------------------------------


def _histories(options: argparse.Namespace) -> int:
    began, parts = time.monotonic(), []
    for part in _parts(options):
        parts.append(part)
        for each in part.violations:
            print(each, flush=True)
    histories, steps = sum(part.histories for part in parts), sum(part.steps for part in parts)
    violations = sum(len(part.violations) for part in parts)
    seen = sum((part.seen for part in parts), Counter[str]())
    _report(seen)
    took = time.monotonic() - began
    print(f"{histories} histories from seed {options.seed}, {steps} steps, {took:.0f} s")
    print(f"{took / histories * 1000:.1f} s per 1,000 histories in {options.jobs} processes")
    print(f"violations: {violations}")
    return 1 if violations else 0


def _parts(options: argparse.Namespace) -> Iterator[Part]:
    end = options.seed + options.histories
    starts = range(options.seed, end, PART)
    with ProcessPoolExecutor(options.jobs, initializer=_quiet) as pool:
        yield from pool.map(_part, starts, [min(start + PART, end) for start in starts])


def _part(first: int, end: int) -> Part:
    violations, seen, steps = [], Counter[str](), 0
    for seed in range(first, end):
        history = run(seed)
        seen, steps = seen + history.seen, steps + history.steps
        if history.violation:
            violations.append(f"seed {seed}, step {history.steps}: {history.violation}")
    return Part(end - first, steps, violations, seen)


def _report(seen: Counter[str]) -> None:
    for what in sorted(seen.keys() - {"event"}):
        if not what.startswith("chaos"):
            print(f"{seen[what]:9} {what}")
    unreached = missing(seen)
    print(f"transitions reached: {len(EXPECTED) - len(unreached)} of {len(EXPECTED)}", *unreached, sep="\n  never: ")


# ---- mutants ---------------------------------------------------------------------------------------------------------


def _mutants(options: argparse.Namespace) -> int:
    names = options.only or [mutant.name for mutant in MUTANTS]
    seeds = range(options.seed, options.seed + options.histories)
    survivors = 0
    with ProcessPoolExecutor(options.jobs, initializer=_quiet) as pool:
        for line in pool.map(_caught, names, [seeds] * len(names)):
            print(line, flush=True)
            survivors += "NOT CAUGHT" in line
    print(f"{len(names) - survivors} of {len(names)} mutants caught")
    return 1 if survivors else 0


def _caught(name: str, seeds: range) -> str:
    mutant = next(each for each in MUTANTS if each.name == name)
    for seed in seeds:
        clean = run(seed, mutant.weights)
        if clean.violation:
            return f"{name}: NOT CAUGHT: seed {seed} is broken without it: {clean.violation}"
        history = run(seed, mutant.weights, mutant)
        if history.violation:
            return f"{name}: seed {seed}, step {history.steps}: {history.violation}"
    return f"{name}: NOT CAUGHT in {len(seeds)} histories"


# ---- one story -------------------------------------------------------------------------------------------------------


def _story(seed: int, name: str | None) -> int:
    mutant = next((each for each in MUTANTS if each.name == name), None)
    history = run(seed, mutant.weights if mutant else None, mutant)
    print(*history.story, sep="\n")
    print(history.violation or "every promise was kept")
    return 1 if history.violation else 0


if __name__ == "__main__":
    sys.exit(main())
