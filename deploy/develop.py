"""What `make` runs: `python3 -m deploy.develop TARGET [ARGUMENT...]`. Standard library only, on the system's Python.

Makes `.venv` from the locks where it is missing or out of date, then runs the target in it.
"""

from __future__ import annotations

import os
import subprocess
import sys

from deploy.interpreter import require_python

VENV_BIN = os.path.join(".venv", "bin")  # noqa: PTH118  # pathlib is imported once the interpreter is known to do


def main(arguments: list[str]) -> int:
    """Run one target; its exit code is ours."""
    require_python()
    if not arguments or arguments[0] not in TARGETS:
        print(f"usage: python3 -m deploy.develop {'|'.join(TARGETS)} [ARGUMENT...]", file=sys.stderr)
        return 2
    return TARGETS[arguments[0]](arguments[1:])


def _demo(arguments: list[str]) -> int:
    return _become("-m", "consumers.cli", "demo", *arguments)


def _test(arguments: list[str]) -> int:
    """In two processes, each with servers of its own: most tests wait a lot. `ARGS="-n 0"`: in one, as --pdb needs."""
    return _become("-m", "pytest", "-m", "not benchmark", "-n", "2", "--dist", "loadfile", *arguments)


def _conformance(arguments: list[str]) -> int:
    return _become("-m", "pytest", "tests/contract/test_store.py", "tests/contract/test_strategy.py", *arguments)


def _simulate(arguments: list[str]) -> int:
    return _become("-m", "tests.simulation", *arguments)


def _fuzz(arguments: list[str]) -> int:
    return _become("-m", "tests.fuzz", *arguments)


def _chaos(arguments: list[str]) -> int:
    return _become("-m", "tests.chaos", *arguments)


def _mutation(arguments: list[str]) -> int:
    """Mutate `consumers/domain/`; what survived is listed by `.venv/bin/mutmut results`."""
    return _become("-m", "mutmut", "run", *arguments)


def _bench(arguments: list[str]) -> int:
    return _become("-m", "pytest", "-m", "benchmark", "tests/benchmarks", *arguments)


def _services(arguments: list[str]) -> int:
    return _become("-m", "consumers.local", *arguments)


def _check(_arguments: list[str]) -> int:
    return _all(CHECKS)


def _prove(_arguments: list[str]) -> int:
    return _all(PROOFS)


def _all(commands: list[list[str]]) -> int:
    """Run every command, also after one has failed, so that one run shows all there is to mend."""
    environment = _environment()
    failed = [
        " ".join(command) for command in commands if subprocess.run(command, env=environment, check=False).returncode
    ]
    for command in failed:
        print(f"failed: {command}", file=sys.stderr)
    return 1 if failed else 0


def _images(arguments: list[str]) -> int:
    return subprocess.run(["bash", "tests/images/images.sh", *(arguments or ["up"])], check=False).returncode


def _lock(arguments: list[str]) -> int:
    from deploy.locks import lock_all  # noqa: PLC0415  # nothing may be imported before the interpreter is known to do

    return lock_all(*arguments)


def _become(*arguments: str) -> int:
    """Replace this process, so that signals and the exit code are the target's own."""
    environment = _environment()
    python = os.path.join(VENV_BIN, "python")  # noqa: PTH118
    os.execve(python, [python, *arguments], environment)  # noqa: S606  # no shell is wanted


def _environment() -> dict[str, str]:
    from deploy.environment import ensure, variables  # noqa: PLC0415  # as above

    ensure()
    return variables()


CHECKS = [
    ["ruff", "check", "."],
    ["ruff", "format", "--check", "."],
    ["mypy"],
    ["lint-imports"],
    ["python", "-m", "deploy.file_length"],
]
PROOFS = [
    ["python", "-m", "tests.simulation", "--histories", "20000"],
    ["python", "-m", "tests.simulation", "--mutants", "--histories", "1500"],
    ["python", "-m", "tests.fuzz", "--frames", "1000000", "--rules", "100000"],
    ["python", "-m", "tests.chaos", "--seconds", "900", "--seed", "7"],
    ["mutmut", "run"],
]
TARGETS = {
    "demo": _demo,
    "test": _test,
    "check": _check,
    "bench": _bench,
    "conformance": _conformance,
    "simulate": _simulate,
    "fuzz": _fuzz,
    "chaos": _chaos,
    "mutation": _mutation,
    "prove": _prove,
    "services": _services,
    "images": _images,
    "lock": _lock,
}

if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
