"""The storm: which fault strikes what and when, decided by the seed alone before anything runs."""

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Final, Literal, NamedTuple

SERVICES: Final = ("crm", "loans", "news")
VOTERS: Final = ("loans",)
ROLES: Final = ("state", "ticker", *(f"anonymizer.{service}" for service in SERVICES))
LINKS: Final = ("table", *SERVICES)
POINTS: Final = {
    "state": ("state.after_table", "state.after_position"),
    "ticker": ("ticker.after_claim",),
    "anonymizer": (
        "anonymizer.after_vote",
        "anonymizer.after_commit",
        "anonymizer.after_database",
        "anonymizer.before_offset",
    ),
}
EVERY: Final = {"kill": 4.0, "stop": 25.0, "kafka": 60.0, "dynamodb": 60.0, "postgres": 60.0, "drop": 14.0}
"""Seconds between two faults of a kind, on average; each strikes at least once."""
SESSION_SECONDS: Final = 6.0
BLIND: Final = 0.2
ARMED: Final = {"state": 0.4, "ticker": 0.4, "anonymizer": 0.75}
"""How often the process started in the place of one that was killed is to die at a fault point."""
LONG_DROP: Final = 0.2

Kind = Literal["kill", "stop", "restart", "silence", "drop"]


class Fault(NamedTuple):
    """One fault. `at` and `seconds` (how long it lasts) count from the start of the storm.

    kill: `target` is a role; `how` is aimed (at work in hand) or blind; `point` is where the process that is started
    in its place dies by itself. stop: a role is frozen for longer than its session while another process stands in.
    restart: a server, `how` it goes down. silence: a server that takes every byte and never answers.
    drop: a link, refused or silent.
    """

    at: float
    kind: Kind
    target: str
    how: str = ""
    seconds: float = 0.0
    point: str | None = None

    @property
    def lane(self) -> str:
        """What can only suffer one fault at a time."""
        return self.kind if self.kind in {"kill", "stop"} else self.target


def forecast(seed: int, seconds: float) -> list[Fault]:
    """Every fault of a storm of so many seconds, by time."""
    chance = Random(seed)
    return sorted(fault for name, every in EVERY.items() for fault in _of(name, every, seconds, chance))


def _of(name: str, every: float, seconds: float, chance: Random) -> Iterator[Fault]:
    """The faults of one kind, one in each of as many equal parts of the storm."""
    count = max(1, round(seconds / every))
    deck = _deck(TARGETS.get(name, (name,)), count, chance)
    for number, target in enumerate(deck):
        yield MAKERS[name]((number + chance.random()) * seconds / count, target, chance)


def _deck(targets: Sequence[str], count: int, chance: Random) -> list[str]:
    """So many targets, each as often as the others, in any order."""
    rounds = [chance.sample(targets, len(targets)) for _ in range(-(-count // len(targets)))]
    return [target for each in rounds for target in each][:count]


def _kill(at: float, role: str, chance: Random) -> Fault:
    how = "blind" if chance.random() < BLIND else "aimed"
    kind = role.partition(".")[0]
    point = chance.choice(POINTS[kind]) if chance.random() < ARMED[kind] else None
    return Fault(at, "kill", role, how, point=point)


def _stop(at: float, role: str, chance: Random) -> Fault:
    return Fault(at, "stop", role, seconds=SESSION_SECONDS + chance.uniform(2, 6))


def _kafka(at: float, server: str, chance: Random) -> Fault:
    if chance.random() < 0.35:
        return Fault(at, "silence", server, seconds=chance.uniform(4, 14))
    return _server(at, server, chance)


def _server(at: float, server: str, chance: Random) -> Fault:
    return Fault(at, "restart", server, chance.choice(("clean", "killed")))


def _drop(at: float, link: str, chance: Random) -> Fault:
    seconds = chance.uniform(12, 24) if chance.random() < LONG_DROP else chance.uniform(1.5, 7)
    return Fault(at, "drop", link, chance.choice(("refusing", "silent")), seconds)


# without a state consumer or a ticker everybody else has no work: one kill in four
KILLED: Final = (*ROLES, *(role for role in ROLES if "." in role))
TARGETS: Final = {"kill": KILLED, "stop": ROLES, "drop": LINKS}
MAKERS: Final[dict[str, Callable[[float, str, Random], Fault]]] = {
    "kill": _kill,
    "stop": _stop,
    "kafka": _kafka,
    "dynamodb": _server,
    "postgres": _server,
    "drop": _drop,
}
