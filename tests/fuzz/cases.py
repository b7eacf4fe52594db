"""Cases made from a seed and judged one by one: what came of them, which was slowest, which failed.

A case is made from seed, target and number alone, so its number is all it takes to see a failure again.
"""

import random
import resource
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

SECONDS = 20.0
"""Of the processor, for one case: none takes a hundredth of it, so what does is taken to hang."""
MEMORY = 1 << 30
"""Bytes a run may add to its address space: a length that is believed asks for far more."""

Outcome = str | Mapping[str, int]


class Target(NamedTuple):
    """What is fuzzed. `judge` says what came of a case, or raises: AssertionError where a promise is broken."""

    name: str
    make: Callable[[random.Random], Any]
    judge: Callable[[Any], Outcome]


class Failure(NamedTuple):
    """A case that failed: its number, the error in one line, and where it was raised."""

    number: int
    error: str
    at: str


class HangError(BaseException):
    """A case took too long. No Exception, so that nothing that is judged catches it."""


class Report:
    """What a run came to."""

    def __init__(self, target: str, seed: int) -> None:
        self.target, self.seed = target, seed
        self.cases, self.seconds = 0, 0.0
        self.outcomes: Counter[str] = Counter()
        self.failures: list[Failure] = []
        self.slowest, self.slowest_seconds = -1, 0.0

    def note(self, number: int, outcome: Outcome | Failure, seconds: float) -> None:
        """Add a case; `seconds` are the processor's: the machine may be busy with others."""
        self.cases += 1
        self.seconds += seconds
        if seconds > self.slowest_seconds:
            self.slowest, self.slowest_seconds = number, seconds
        if isinstance(outcome, Failure):
            self.failures.append(outcome)
        else:
            self.outcomes.update([outcome] if isinstance(outcome, str) else outcome)

    def __str__(self) -> str:
        lines = [f"{self.target}: {self.cases} cases, seed {self.seed}, {self.seconds:.1f} s of the processor"]
        lines += [f"  {count:>9} {outcome}" for outcome, count in self.outcomes.most_common()]
        lines.append(f"  slowest {self.slowest_seconds * 1000:.1f} ms: {self._replay(self.slowest)}")
        lines.append(f"  failed {len(self.failures)}")
        return "\n".join([*lines, *self._kinds()])

    def _kinds(self) -> Iterator[str]:
        kinds = Counter((each.at, each.error) for each in self.failures)
        for (at, error), count in kinds.most_common(30):
            number = next(each.number for each in self.failures if (each.at, each.error) == (at, error))
            yield f"  FAILED {count} times {at}: {error}: {self._replay(number)}"

    def _replay(self, number: int) -> str:
        return f"python -m tests.fuzz --seed {self.seed} --replay {self.target}:{number}"


def case_of(target: Target, seed: int, number: int) -> Any:
    """The case of this number."""
    return target.make(random.Random(f"{seed} {target.name} {number}"))


def run(target: Target, count: int, seed: int, step: Callable[[int], None] = lambda _: None) -> Report:
    """Make and judge so many cases, or those until Ctrl-C; `step` hears of each."""
    report = Report(target.name, seed)
    with bounded(), suppress(KeyboardInterrupt):
        for number in range(count):
            case = case_of(target, seed, number)
            began = time.process_time()
            outcome = _judged(target, case, number)
            report.note(number, outcome, time.process_time() - began)
            step(number)
    return report


@contextmanager
def bounded() -> Iterator[None]:
    """MemoryError where more is asked for than `MEMORY`; with a timer of `SECONDS` set, HangError once it has run down.

    Of the processor's time, not the clock's: the machine may be busy, and pytest's own timer is left alone.
    """
    with _bounded_memory(), _alarm():
        yield


def _judged(target: Target, case: Any, number: int) -> Outcome | Failure:
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        return target.judge(case)
    except (Exception, SystemExit, HangError) as error:  # noqa: BLE001 - to find any is the point
        return Failure(number, f"{type(error).__name__}: {str(error)[:200]!a}", _place(error))
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _place(error: BaseException) -> str:
    """The innermost line of this repository: deeper ones differ from case to case."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [each for each in frames if "site-packages" not in each.filename and "/lib/python" not in each.filename]
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "?"


@contextmanager
def _alarm() -> Iterator[None]:
    def ring(_number: int, _frame: FrameType | None) -> None:
        raise HangError(f"more than {SECONDS} s of the processor")

    before = signal.signal(signal.SIGVTALRM, ring)
    try:
        yield
    finally:
        signal.signal(signal.SIGVTALRM, before)


@contextmanager
def _bounded_memory() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
