"""The role processes: `lapse run` each, started again at once when one has died, every death accounted for."""

import json
import signal
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from tests.chaos.nursery import Nursery

SLOTS: Final = {
    "state-1": "state",
    "state-2": "state",
    "ticker-1": "ticker",
    "ticker-2": "ticker",
    "crm-1": "anonymizer.crm",
    "crm-2": "anonymizer.crm",
    "loans-1": "anonymizer.loans",
    "news-1": "anonymizer.news",
}
"""Two share the events, one ticker stands by, two share a service's commands."""
END_SECONDS = 60.0


@dataclass
class Life:
    """One process in a slot, from its start to its death. `client` is its name as Kafka's broker knows it."""

    number: int
    slot: str
    client: str
    point: str | None
    killed: bool | None = None
    """None until we kill it; then whether it had work in hand."""
    heir_point: str | None = None
    told: bool = False
    """It was told to end."""

    @property
    def role(self) -> str:
        """The role it runs."""
        return SLOTS[self.slot]


class Kill(NamedTuple):
    """A process that died by SIGKILL. `point`: by itself, at this fault point, which only work leads to."""

    role: str
    in_hand: bool
    point: str | None = None


class Roles:
    """Keeps every slot filled until `close`."""

    def __init__(self, config: Path, logs: Path) -> None:
        self._config, self._logs = config, logs
        self._lock = threading.RLock()
        self._lives: dict[int, Life] = {}
        self._current: dict[str, Life] = {}
        self._commands: dict[int, int | None] = {}
        self._deaths = threading.Condition(self._lock)
        self._closing = False
        self.kills: list[Kill] = []
        self.starts = 0
        self.ended_when_told = 0
        self.surprises: list[str] = []
        """What nobody asked for: an exit without a signal, an end that was not clean."""
        self._nursery = Nursery(self._died)

    def start(self) -> None:
        """Fill every slot."""
        for slot in SLOTS:
            self._fill(slot)

    def alive(self, role: str) -> list[Life]:
        """The processes that fill the slots of a role."""
        with self._lock:
            return [life for life in self._current.values() if life.role == role]

    def freeze(self, life: Life) -> None:
        """Stop it where it stands."""
        self._nursery.signal(life.number, signal.SIGSTOP)

    def thaw(self, life: Life) -> None:
        """Let it go on."""
        self._nursery.signal(life.number, signal.SIGCONT)

    def kill(self, life: Life, *, in_hand: bool, point: str | None) -> None:
        """SIGKILL; the process started in its place dies by itself at `point`, if one is named."""
        with self._lock:
            life.killed, life.heir_point = in_hand, point
        self._nursery.signal(life.number, signal.SIGKILL)

    def stand_in(self, life: Life) -> None:
        """Give its slot to a new process; the old one lives on beside it."""
        with self._lock:
            if self._current[life.slot] is life:  # else it has died and been replaced just now
                self._fill(life.slot)

    def end(self, life: Life) -> None:
        """Tell it to finish its batch and end."""
        with self._lock:
            life.told = True
        self._nursery.signal(life.number, signal.SIGTERM)

    def close(self) -> None:
        """Tell all to end, wait for it, and end the nursery. Who does not end in time is a surprise."""
        with self._lock:
            self._closing = True
            for life in self._lives.values():
                self.thaw(life)
                self.end(life)
            self._deaths.wait_for(lambda: not self._lives, END_SECONDS)
            self.surprises += [f"{life.client} did not end within {END_SECONDS:.0f} s" for life in self._lives.values()]
        self._nursery.close()

    def abandon(self) -> None:
        """End all at once."""
        with self._lock:
            self._closing = True
        self._nursery.close()

    def command(self, *words: str) -> int:
        """Start a `lapse` command of a person; its number."""
        with self._lock:
            number = self._nursery.start(["--config", str(self._config), *words], self._logs / "commands.log", {})
            self._commands[number] = None
        return number

    def command_ended(self, number: int) -> int | None:
        """The exit code of a command, None while it runs."""
        with self._lock:
            return self._commands[number]

    def share(self) -> dict[str, tuple[int, int]]:
        """Per role: kills, and those that hit work in hand."""
        all_, hit = Counter(kill.role for kill in self.kills), Counter(each.role for each in self.kills if each.in_hand)
        return {role: (all_[role], hit[role]) for role in dict.fromkeys(SLOTS.values())}

    def _fill(self, slot: str, point: str | None = None) -> None:
        with self._lock:
            self.starts += 1
            client = f"{slot}-{self.starts}"
            environ = {"LAPSE__KAFKA__PROPERTIES": json.dumps({"client.id": client})}
            environ |= {"LAPSE_FAULT": f"{point}:kill"} if point else {}
            words = ["--config", str(self._config), "run", *_words(SLOTS[slot])]
            number = self._nursery.start(words, self._logs / f"{slot}.log", environ)
            self._current[slot] = self._lives[number] = Life(number, slot, client, point)

    def _died(self, number: int, code: int) -> None:
        with self._lock:
            if number in self._commands:
                self._commands[number] = code
                return
            life = self._lives.pop(number)
            again = self._judge(life, code)
            if self._current[life.slot] is life and not self._closing:
                self._fill(life.slot, again)
            self._deaths.notify_all()

    def _judge(self, life: Life, code: int) -> str | None:
        """Account for a death; where the next life in the slot is to die."""
        if code == -signal.SIGKILL and life.killed is not None:
            self.kills.append(Kill(life.role, life.killed))
            return life.heir_point
        if code == -signal.SIGKILL and life.point:
            self.kills.append(Kill(life.role, in_hand=True, point=life.point))
        elif life.told and code == 0:
            self.ended_when_told += 1
        else:
            self.surprises.append(f"{life.client} ended with {code}: {_last_line(self._logs / f'{life.slot}.log')}")
        return None


def _words(role: str) -> Sequence[str]:
    name, _, service = role.partition(".")
    return [name, "--service", service] if service else [name]


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return lines[-1] if lines else "it said nothing"
