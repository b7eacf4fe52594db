"""A short run: histories without a violation, and rules taken out that are caught at once."""

import os
import subprocess
import sys

HISTORIES = 150
QUICK_TO_CATCH = (
    "barrier: skipped",
    "barrier: row before the items",
    "commit: votes not checked",
    "completion: one service is enough",
    "due: newest marked only",
    "holds: dead letter first",
    "holds: named by the copy",
    "state: offset before the write",
    "state: published from its cache",
    "ticks: no budget",
)


def simulated(*arguments: str) -> "subprocess.CompletedProcess[str]":
    # a process of its own: a seed replays only where hashes are those of seed 0
    command = [sys.executable, "-m", "tests.simulation", *arguments]
    return subprocess.run(
        command, env=os.environ | {"PYTHONHASHSEED": "0"}, text=True, capture_output=True, check=False
    )


def test_histories_break_no_promise() -> None:
    ran = simulated("--histories", str(HISTORIES))
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
    assert "violations: 0" in ran.stdout


def test_rules_taken_out_are_caught_by_a_promise() -> None:
    ran = simulated("--mutants", "--histories", "60", "--only", *QUICK_TO_CATCH)
    assert ran.returncode == 0, ran.stdout + ran.stderr[-2000:]
    assert f"{len(QUICK_TO_CATCH)} of {len(QUICK_TO_CATCH)} mutants caught" in ran.stdout


def test_a_seed_replays_step_by_step() -> None:
    once, again = simulated("--story", "7"), simulated("--story", "7")
    assert once.stdout == again.stdout
    assert once.stdout.count("\n") > 50
