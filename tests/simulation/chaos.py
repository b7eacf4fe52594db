"""What happens to an installation: product services, ticks, persons, faults. All of it drawn from one seed."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Final

from consumers.domain.due import command_id
from consumers.domain.item import PERSON
from consumers.domain.policy import Mode
from consumers.operations.customers import add_hold, lift_hold
from consumers.operations.discarding import discard_halting, discard_held, halting
from consumers.operations.modes import resume_everything, service_modes, set_mode, stop_everything
from schemas.codec import encode
from tests.simulation.disasters import Disasters
from tests.simulation.installation import BOOKS, CARE, LONGER, POLICY, Installation, Seen
from tests.simulation.processes import Process
from tests.simulation.product_services import ProductServices
from tests.simulation.repairs import apply, approve_the_halted, redrive
from tests.support.build import DAY, HOUR, SECOND


class Chaos:
    """One thing after the other."""

    def __init__(self, whole: Installation, chance: Random, weights: Mapping[str, int] | None = None) -> None:
        self._whole, self._chance = whole, chance
        self._world, self._truth = whole.world, whole.truth
        self.services, self.disasters = ProductServices(whole, chance), Disasters(whole, chance)
        chosen = _swarm(chance) if weights is None else {**WEIGHTS, **weights}
        self._actions = [(name, self._action(name)) for name in chosen]
        self._weights = list(chosen.values())

    def _action(self, name: str) -> Callable[[], None]:
        whose = next(each for each in (self, self.services, self.disasters) if hasattr(each, name))
        found: Callable[[], None] = getattr(whose, name)
        return found

    def strike(self) -> None:
        """One thing happens."""
        name, action = self._chance.choices(self._actions, self._weights)[0]
        self._truth.tell(f"chaos: {name}")
        action()

    def calm(self) -> None:
        """Everything under way arrives, everything that failed works."""
        self._whole.faults.rate = self._whole.faults.stale = 0.0
        self._whole.faults.table_away = self._world.broker.away = False
        for store in self._world.stores.values():
            store.away = False
        self.services.publish_all()

    # ---- time and ticks ----------------------------------------------------------------------------------------------

    def tick(self) -> None:
        as_of = self._world.clock.now() - self._chance.choice([0, 0, 0, DAY])
        dry = self._chance.random() < 0.1
        self._ask(as_of, dry_run=dry)

    def _ask(self, as_of: int, *, dry_run: bool) -> None:
        if not self._world.broker.away:
            name = self.services.name()
            fields = {"tick_id": name, "as_of": as_of, "dry_run": dry_run, "requested_by": "simulation"}
            self._world.broker.append(self._world.names.ticks, name.encode(), encode("TickRequested", fields))

    def time(self) -> None:
        span = self._chance.choice([SECOND, 60 * SECOND, 150 * SECOND, HOUR // 2, HOUR, 3 * HOUR, DAY, 20 * DAY])
        self._world.clock.wait(span / SECOND)

    # ---- persons -----------------------------------------------------------------------------------------------------

    def hold(self) -> None:
        customer = self.services.anybody()
        mine = [name for name in self._truth.item(customer).holds if name.startswith(PERSON)]
        if mine:
            self._whole.person("lift", lambda seen: _lift(seen, customer, mine[0]))
        elif self._chance.random() < 0.5:
            self._whole.person("hold", lambda seen: _hold(seen, customer))

    def discard(self) -> None:
        customer = self.services.anybody()
        held = [name for name in self._truth.item(customer).holds if not name.startswith(PERSON)]
        halts = halting(self._world.table)
        if halts:
            self._whole.person("discard", lambda seen: discard_halting(seen.table, halts[0], seen.stamp))
        elif held:
            self._whole.person("discard", lambda seen: _discard(seen, customer, held[0]))

    def redrive(self) -> None:
        self._whole.person("redrive", redrive)

    def approve(self) -> None:
        if not self._world.broker.away:
            approve_the_halted(self._whole)

    def mode(self) -> None:
        modes: list[Mode] = ["stopped", "live"]
        service, mode = self._chance.choice(sorted(self._world.stores)), self._chance.choice(modes)
        self._whole.person("mode", lambda seen: _set(seen, service, mode))

    def policy(self) -> None:
        """Retention made longer, or as it was; the index follows."""
        rules = self._chance.choice([POLICY, LONGER])
        self._whole.person("policy", lambda seen: apply(seen, rules))

    def take_out(self) -> None:
        """A service to dry run, or back: a claim may name it between the look and the write."""
        (now,) = (each.mode for each in service_modes(self._world.table) if each.service == "crm")
        mode: Mode = "live" if now == "dry_run" else "dry_run"
        self._whole.person("mode", lambda seen: _set(seen, "crm", mode))

    def stop(self) -> None:
        if self._chance.random() < 0.5:
            self._whole.person("stop", lambda seen: stop_everything(seen.table, "ann", "test", seen.clock, seen.stamp))
        else:
            self._whole.person("resume", lambda seen: resume_everything(seen.table, "ann", seen.clock, seen.stamp))

    def forge(self) -> None:
        """Somebody writes what only roles should."""
        customer, name = self.services.anybody(), self._chance.choice([CARE, BOOKS])
        item = self._truth.item(customer)
        rightful = command_id(item, POLICY.purposes[name], POLICY)
        fields = {
            "command_id": self._chance.choice([rightful, self.services.name()]),
            "attempt": self._chance.choice([1, item.of(name).attempt]),
            "customer_id": customer,
            "purpose": name,
        }
        kind = self._chance.choice(["CheckCustomer", "AnonymizeCustomer", "AnonymizationResult"])
        if kind == "AnonymizationResult":
            fields |= {"service": "crm", "outcome": "DONE", "rows_by_table": {}, "finished_at": 0}
            topic = self._world.names.results
        else:
            fields |= {"sent_at": 0}
            topic = self._world.names.commands
        self._world.broker.append(topic, customer.encode(), encode(kind, fields))

    def tick_of_tomorrow(self) -> None:
        self._ask(self._world.clock.now() + DAY, dry_run=False)

    # ---- faults ------------------------------------------------------------------------------------------------------

    def kill(self) -> None:
        running = self._awake()
        if running:
            self._whole.kill(self._chance.choice(running))

    def forget(self) -> None:
        running = [each for each in self._awake() if each in self._whole.members()]
        if running:
            self._whole.forget(self._chance.choice(running))

    def _awake(self) -> list[Process]:
        """Processes in the middle of something, where there are such."""
        there = [each for each in self._whole.scheduler.processes if each.alive]
        return [each for each in there if each.point not in {"sleep", "poll"}] or there

    def waken(self) -> None:
        frozen = sorted(self._whole.scheduler.frozen, key=lambda each: each.name)
        if frozen:
            self._whole.scheduler.frozen.discard(self._chance.choice(frozen))

    def weather(self) -> None:
        faults = self._whole.faults
        faults.rate = self._chance.choice([0.0, 0.0, 0.01, 0.05, 0.2])
        faults.stale = self._chance.choice([0.0, 0.3])
        faults.table_away = self._chance.random() < 0.1
        self._world.broker.away = self._chance.random() < 0.05
        for store in self._world.stores.values():
            store.away = self._chance.random() < 0.1
            store.failing = {self.services.anybody()} if self._chance.random() < 0.1 else set()

    def start(self) -> None:
        if self._chance.random() < 0.2:
            self._whole.down.discard("state")
        self._whole.start_missing()

    def lock(self) -> None:
        """A customer's data in a store may not be changed before a date."""
        store = self._world.stores[self._chance.choice(sorted(self._world.stores))]
        store.locked = {self.services.anybody(): self._world.clock.now() + self._chance.choice([HOUR, 3 * DAY])}


WEIGHTS: Final = {
    "schedule": 14,
    "postpone": 8,
    "tie": 2,
    "arrive": 6,
    "duplicate": 3,
    "unreadable": 2,
    "come_back": 6,
    "activity": 5,
    "tick": 16,
    "tick_of_tomorrow": 1,
    "time": 16,
    "hold": 3,
    "discard": 3,
    "redrive": 2,
    "approve": 3,
    "mode": 2,
    "policy": 2,
    "take_out": 1,
    "stop": 1,
    "forge": 3,
    "kill": 8,
    "forget": 5,
    "waken": 5,
    "weather": 4,
    "start": 14,
    "back_up": 2,
    "restore_database": 2,
    "restore_table": 1,
    "put_table_back": 1,
    "lock": 1,
    "reset": 2,
}
"""How often what happens, of all that does."""


NEEDED: Final = frozenset({"schedule", "tick", "time", "start"})


def only(**weights: int) -> dict[str, int]:
    """Nothing else happens."""
    return {**dict.fromkeys(WEIGHTS, 0), **weights}


REPLAYED: Final = only(schedule=20, come_back=20, restore_database=20, back_up=3, tick=40, time=10, start=60)
"""Databases are put back, and those whom that brings back come back: a replay needs that nothing else was said."""


def _swarm(chance: Random) -> dict[str, int]:
    """Weights of one history's own: some things never happen in it, others all the time; one in eight has replays."""
    if chance.random() < 1 / 8:
        return REPLAYED
    factors = {name: chance.choice([1, 1, 2] if name in NEEDED else [0, 1, 1, 2, 6]) for name in WEIGHTS}
    return {name: often * factors[name] for name, often in WEIGHTS.items()}


def _hold(seen: Seen, customer: str) -> None:
    add_hold(seen.items, customer, "ann", "dispute", POLICY, seen.clock)
    seen.sink.flush()


def _lift(seen: Seen, customer: str, name: str) -> None:
    lift_hold(seen.items, customer, name, POLICY)
    seen.sink.flush()


def _discard(seen: Seen, customer: str, position: str) -> None:
    discard_held(seen.items, customer, position, "ann", "not needed", POLICY, seen.clock)
    seen.sink.flush()


def _set(seen: Seen, service: str, mode: Mode) -> None:
    set_mode(seen.table, service, mode, "ann", seen.clock, seen.stamp, items=seen.items)
