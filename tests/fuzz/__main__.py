"""The long run: `python -m tests.fuzz --frames 1000000 --rules 100000 --seed 7`. Exit code 1 where anything failed."""

import argparse
import resource
import sys
import time
import traceback
from collections.abc import Callable

import structlog

from consumers.local.safety import own_environment
from tests.fuzz import csvs, frames, headers, rules, settings, worlds
from tests.fuzz.cases import Target, case_of, run

TARGETS = {each.TARGET.name: each.TARGET for each in (frames, worlds, headers, rules, settings, csvs)}
EVERY_SECONDS = 30.0


def main(arguments: list[str]) -> int:
    """Run what is asked for."""
    asked = _parser().parse_args(arguments)
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())  # a line for every letter would drown the rest
    with own_environment():
        if asked.replay:
            return _replay(asked.replay, asked.seed)
        return max([_run(target, getattr(asked, name), asked.seed) for name, target in TARGETS.items()])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    for name in TARGETS:
        each = f", of {worlds.FRAMES} frames through every role each" if name == worlds.TARGET.name else ""
        parser.add_argument(f"--{name}", type=int, default=0, metavar="N", help=f"so many cases of {name}{each}")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--replay", metavar="TARGET:NUMBER", help="judge one case again and show it with its error")
    return parser


def _run(target: Target, count: int, seed: int) -> int:
    if not count:
        return 0
    report = run(target, count, seed, _told(target.name))
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    _say(f"{report}\n  largest this process has been: {largest} MB")
    return 1 if report.failures else 0


def _told(name: str) -> Callable[[int], None]:
    """Says now and then how far a run has come, on standard error."""
    last = time.monotonic()

    def step(number: int) -> None:
        nonlocal last
        if time.monotonic() - last >= EVERY_SECONDS:
            last = time.monotonic()
            sys.stderr.write(f"{name}: {number + 1}\n")

    return step


def _replay(named: str, seed: int) -> int:
    name, _, number = named.partition(":")
    case = case_of(TARGETS[name], seed, int(number))
    _say(str(case))
    try:
        _say(str(TARGETS[name].judge(case)))
    except (Exception, SystemExit):  # noqa: BLE001 - to show it is what was asked for
        traceback.print_exc()
        return 1
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
