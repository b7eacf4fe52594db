"""Carries the storm out: one thread for each thing that can suffer one fault at a time."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from consumers.local import Service
from tests.chaos.hands import Hands
from tests.chaos.roles import Life, Roles
from tests.chaos.storm import Fault
from tests.support.proxy import Mode, Proxy

AIM_SECONDS = 8.0
ANYBODY_AFTER = 3.0
"""Seconds after which a role that was killed less often will do."""
KILL_GAP = 1.5
"""Seconds between two kills at least: when aiming took long, the storm does not make up for it all at once."""
ZOMBIE_SECONDS = 3.0
"""How long a process that was thawed lives on beside the one that stood in for it."""


class Strikes:
    """A storm over roles, servers (by kind) and links (by what they lead to)."""

    def __init__(
        self, roles: Roles, hands: Hands, servers: Mapping[str, Service], links: Mapping[str, Proxy], log: Path
    ) -> None:
        self._roles, self._hands, self._servers, self._links = roles, hands, servers, links
        self._log = log
        self._over = threading.Event()
        self._aiming = threading.Lock()
        self._began = time.monotonic()
        self._failures: list[BaseException] = []
        self._threads: list[threading.Thread] = []
        self._kills = 0
        self.struck: Counter[str] = Counter()
        """How many faults struck, by kind, and by kind and how."""

    def begin(self, faults: Sequence[Fault]) -> None:
        """Start a thread for each lane."""
        self._began = time.monotonic()
        self._kills = sum(fault.kind == "kill" for fault in faults)
        lanes: dict[str, list[Fault]] = {}
        for fault in faults:
            lanes.setdefault(fault.lane, []).append(fault)
        self._threads = [threading.Thread(target=self._lane, args=(each,), daemon=True) for each in lanes.values()]
        for thread in self._threads:
            thread.start()

    def progress(self) -> float:
        """How much of the storm is over, by its kills: they wait for work in hand."""
        return (self.struck["kill"] + 1) / (self._kills + 1)

    def wait(self) -> None:
        """Wait until the storm is over: every fault has struck and what it took away is back."""
        for thread in self._threads:
            thread.join()
        if self._failures:
            raise self._failures[0]

    def abort(self) -> None:
        """Strike no more; what is away comes back."""
        self._over.set()

    def _lane(self, faults: Sequence[Fault]) -> None:
        try:
            for fault in faults:
                if self._over.wait(max(0.0, self._began + fault.at - time.monotonic())):
                    return
                self._strike(fault)
        except BaseException as error:  # noqa: BLE001 - raised again by who waits
            self._failures.append(error)
            self._over.set()

    def _strike(self, fault: Fault) -> None:
        hit = DOING[fault.kind](self, fault)
        self.struck.update({fault.kind, f"{fault.kind} {fault.target} {fault.how}".strip()})
        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"{time.time():.3f} {time.monotonic() - self._began:8.2f} {fault} {hit}\n")

    # ---- processes ---------------------------------------------------------------------------------------------------

    def _kill(self, fault: Fault) -> str:
        with self._aiming:
            if fault.how == "aimed":
                chosen, in_hand = self._aim(fault.target), True
            else:
                chosen = self._roles.alive(fault.target)[0]
                in_hand = self._hands.of(chosen.role, chosen.client) > 0
            if chosen is None:
                self.struck["aimed in vain"] += 1
                return "nobody has work in hand"
            self._roles.kill(chosen, in_hand=in_hand, point=fault.point)
        self._over.wait(KILL_GAP)
        return f"{chosen.client} {in_hand=}"

    def _stop(self, fault: Fault) -> str:
        """Freeze a process, with work in hand if there is one, for longer than its session; another stands in."""
        with self._aiming:
            life = self._aim(fault.target)
            chosen = life or self._roles.alive(fault.target)[0]
            self._roles.freeze(chosen)
            self._roles.stand_in(chosen)
        self._over.wait(fault.seconds)
        self._roles.thaw(chosen)
        self._over.wait(ZOMBIE_SECONDS)
        self._roles.end(chosen)
        self.struck["stop in hand"] += life is not None
        return chosen.client

    def _aim(self, role: str) -> Life | None:
        """A frozen process that has work in hand: of this role or, after a while, of any."""
        began = time.monotonic()
        while (waited := time.monotonic() - began) < AIM_SECONDS and not self._over.is_set():
            roles = (role, *self._spared(role)) if waited > ANYBODY_AFTER else (role,)
            for life in (life for each in roles for life in self._roles.alive(each)):
                if self._frozen_at_work(life):
                    return life
            time.sleep(0.05)
        return None

    def _spared(self, role: str) -> list[str]:
        """Roles that were killed less often than this one, the least first."""
        kills = {each: all_ for each, (all_, _) in self._roles.share().items()}
        return sorted((each for each in kills if kills[each] < kills[role]), key=kills.__getitem__)

    def _frozen_at_work(self, life: Life) -> bool:
        """Freeze it if it has work in hand, and look again: what it had may have been done by then."""
        if not self._hands.of(life.role, life.client):
            return False
        self._roles.freeze(life)
        if self._hands.of(life.role, life.client):
            return True
        self._roles.thaw(life)
        return False

    # ---- servers and links -------------------------------------------------------------------------------------------

    def _restart(self, fault: Fault) -> str:
        server = self._servers[fault.target]
        if fault.how == "killed":
            server.kill()
        server.restart()
        return ""

    def _silence(self, fault: Fault) -> str:
        server = self._servers[fault.target]
        server.pause()
        self._over.wait(fault.seconds)
        server.resume()
        return ""

    def _drop(self, fault: Fault) -> str:
        mode: Mode = "silent" if fault.how == "silent" else "refusing"
        self._links[fault.target].set(mode)
        self._over.wait(fault.seconds)
        self._links[fault.target].set("open")
        return ""


DOING: Mapping[str, Callable[[Strikes, Fault], str]] = {
    "kill": Strikes._kill,
    "stop": Strikes._stop,
    "restart": Strikes._restart,
    "silence": Strikes._silence,
    "drop": Strikes._drop,
}
