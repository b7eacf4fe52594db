"""Measures variants in turn, round after round, and keeps the medians: what else the machine does hits all alike."""

import gc
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
RESULTS = Path(os.environ.get("BENCH_JSON", ".cache/bench.json"))


class Spent(NamedTuple):
    """Seconds by the wall clock, and seconds of processor time of this process with all its threads."""

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> "Spent":
        """The two clocks; only differences mean something."""
        return cls(time.perf_counter(), time.process_time())

    def since(self, start: "Spent") -> "Spent":
        """What passed between two readings."""
        return Spent(self.wall - start.wall, self.cpu - start.cpu)

    def micros_per(self, things: int) -> "Spent":
        """Microseconds for each of so many."""
        return Spent(self.wall / things * 1e6, self.cpu / things * 1e6)


class Goal(NamedTuple):
    """What is wanted of a value, and how much worse may still pass: half as good, unless `floor` says otherwise.

    A busy machine is no fault of the code.
    """

    kind: Literal["at least", "at most"]
    value: float
    floor: float | None = None

    def met(self, value: float) -> bool:
        """Whether a value is as good as wanted."""
        return value >= self.value if self.kind == "at least" else value <= self.value

    def bearable(self, value: float) -> bool:
        """Whether a value still passes."""
        if self.kind == "at least":
            return value >= (self.value / 2 if self.floor is None else self.floor)
        return value <= (self.value * 2 if self.floor is None else self.floor)


class Figure(NamedTuple):
    """One line of the report. `rounds` are the value in every round, None where it was measured once."""

    name: str
    value: float
    unit: str
    goal: Goal | None = None
    rounds: Sequence[float] = ()

    def verdict(self) -> str:
        """What to print beside it."""
        if self.goal is None:
            return ""
        return f"{'met' if self.goal.met(self.value) else 'MISSED'} ({self.goal.kind} {self.goal.value:g})"


class Report:
    """All figures of a session."""

    def __init__(self) -> None:
        self.figures: list[Figure] = []

    def note(self, name: str, values: Sequence[float], unit: str, goal: Goal | None = None) -> None:
        """Keep the median of a value; fail only where its goal is missed by far."""
        figure = Figure(name, statistics.median(values), unit, goal, values)
        self.figures.append(figure)
        assert goal is None or goal.bearable(figure.value), f"{name}: {figure.value:.3g} {unit}, {figure.verdict()}"

    def table(self) -> Iterable[str]:
        """One line per figure."""
        width = max((len(figure.name) for figure in self.figures), default=0)
        for figure in self.figures:
            spread = f"{min(figure.rounds):.3g} to {max(figure.rounds):.3g}" if len(figure.rounds) > 1 else ""
            yield f"{figure.name:<{width}}  {figure.value:>9.3g} {figure.unit:<9} {spread:<18} {figure.verdict()}"

    def save(self, path: Path) -> None:
        """Write everything as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self._content(), indent=1), encoding="utf-8")

    def _content(self) -> dict[str, Any]:
        figures = [_plain(figure) for figure in self.figures]
        return {"taken_at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine(), "figures": figures}


def machine() -> dict[str, str | int | float | None]:
    """What the figures were taken on; `load` is the mean of the last minute."""
    return {
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }


def interleaved(runs: Mapping[str, Callable[[], Spent]], rounds: int = ROUNDS) -> dict[str, list[Spent]]:
    """Run each variant once per round, in an order that turns around every round."""
    spent: dict[str, list[Spent]] = {name: [] for name in runs}
    for number in range(rounds):
        for name in list(runs)[:: -1 if number % 2 else 1]:
            gc.collect()
            spent[name].append(runs[name]())
    return spent


def ratios(those: Sequence[float], these: Sequence[float]) -> list[float]:
    """Round by round, how many times these go into those: above 1 where these are faster."""
    return [that / this for that, this in zip(those, these, strict=True)]


def walls(spent: Sequence[Spent]) -> list[float]:
    """Wall clock times."""
    return [each.wall for each in spent]


def cpus(spent: Sequence[Spent]) -> list[float]:
    """Processor times."""
    return [each.cpu for each in spent]


def _plain(figure: Figure) -> dict[str, Any]:
    met = None if figure.goal is None else figure.goal.met(figure.value)
    goal = figure.goal and f"{figure.goal.kind} {figure.goal.value:g}"
    return {**figure._asdict(), "rounds": list(figure.rounds), "goal": goal, "met": met}
