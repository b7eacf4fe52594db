"""Processes in one thread: each runs until it calls the outside, and goes on when the scheduler says so."""

from collections.abc import Callable
from random import Random

from greenlet import getcurrent, greenlet

from consumers.adapters.memory.clock import MemoryClock


class KilledError(BaseException):
    """The process is killed where it stands. Nothing that handles errors may survive it."""


class Process:
    """Something that runs: a role, or a person at the command line.

    Args:
        name: As it is reported.
        body: What it does; it ends when this returns.
        clock: True time.
        skew: What its own clock is wrong by, microseconds.

    Attributes:
        point: The call to the outside at which it stands.
        in_hand: Customers a service may be about to anonymize.
    """

    def __init__(self, name: str, body: Callable[["Process"], None], clock: MemoryClock, skew: int = 0) -> None:
        self.name, self.skew = name, skew
        self.point = "start"
        self.in_hand: tuple[str, ...] = ()
        self.failed: BaseException | None = None
        self._clock, self._wake = clock, 0
        self._killed = False
        self._greenlet = greenlet(lambda: self._run(body))

    @property
    def alive(self) -> bool:
        """Whether it has something left to do."""
        return not (self._killed or self._greenlet.dead)

    @property
    def wakes_at(self) -> int:
        """When it goes on, true time."""
        return self._wake

    def reach(self, point: str) -> None:
        """Called by its ports: stop here until the scheduler goes on with it."""
        if self._killed:
            raise KilledError
        if getcurrent() is self._greenlet:
            self.point = point
            assert self._greenlet.parent is not None, "it has one while it runs"
            self._greenlet.parent.switch()

    def sleep(self, seconds: float) -> None:
        """Called by its clock: stop here until time has passed."""
        self._wake = self._clock.now() + int(seconds * 1_000_000)
        self.reach("sleep")

    def step(self) -> None:
        """Go on to the next call to the outside."""
        self._greenlet.switch()

    def kill(self) -> None:
        """End it where it stands."""
        if self.alive and self._greenlet:
            self._killed = True
            self._greenlet.throw(KilledError)
        self._killed = True

    def _run(self, body: Callable[["Process"], None]) -> None:
        try:
            body(self)
        except KilledError:
            pass
        except Exception as error:  # noqa: BLE001 - reported by whoever started it
            self.failed = error


class Scheduler:
    """Chooses who goes on next."""

    def __init__(self, clock: MemoryClock, chance: Random) -> None:
        self._clock, self._chance = clock, chance
        self.processes: list[Process] = []
        self.frozen: set[Process] = set()
        self.steps = 0

    def add(self, process: Process) -> None:
        """Let a process take part."""
        self.processes.append(process)

    def step(self) -> bool:
        """One process goes on to its next call; where all sleep, time moves on instead, and the answer is False."""
        self.processes = [each for each in self.processes if each.alive]
        there = [each for each in self.processes if each not in self.frozen] if self.frozen else self.processes
        now = self._clock.now()
        awake = [each for each in there if each.wakes_at <= now]
        if not awake:
            if there:
                self._clock.wait((min(each.wakes_at for each in there) - now) / 1_000_000)
            return False
        self.steps += 1
        self._chance.choice(awake).step()
        return True
