"""An installation whose roles are processes: started, killed, forgotten, started again."""

from collections.abc import Callable
from random import Random

from consumers.adapters.memory.source import MemorySource
from consumers.adapters.memory.store import MemoryRow
from consumers.domain.policy import Policy, Purpose
from consumers.domain.retention import Retention
from tests.simulation.gated import Faults, GatedClock, GatedOffsets, GatedSink, GatedSource, GatedStore, GatedTable
from tests.simulation.processes import Process, Scheduler
from tests.simulation.truth import SKEW, VOTERS, Truth
from tests.support.build import HOUR
from tests.support.world import World

CARE, BOOKS = "care", "books"
POLICY = Policy(
    {
        CARE: Purpose(CARE, Retention(days=30), ("crm", "cards", "loans")),
        BOOKS: Purpose(BOOKS, Retention(days=60), ("ledger",), frozenset({"loan"})),
    },
    lease=HOUR // 2,
    cap=2,
    growth=1000,
    first_run=2,
    retry=HOUR,
)
LONGER = POLICY._replace(
    purposes={
        name: purpose._replace(retention=Retention(days=purpose.retention.days + 20))
        for name, purpose in POLICY.purposes.items()
    }
)
MEMBERS = {"state": 2, "ticker": 2, "crm": 1, "cards": 1, "loans": 2, "ledger": 1}
CUSTOMERS = ("anna", "bert", "cleo")
BATCH = 3


class Seen(World):
    """The world as one process sees it."""

    def __init__(self, whole: "Installation", process: Process) -> None:
        self.__dict__ |= vars(whole.world) | {
            "clock": GatedClock(whole.world.clock, process),
            "table": GatedTable(whole.world.table, process, whole.faults, whole.truth),
            "offsets": GatedOffsets(whole.world.broker, process, whole.faults),
            "stores": {
                name: GatedStore(name, store, process, whole.faults, whole.truth)
                for name, store in whole.world.stores.items()
            },
        }
        self.process, self.truth, self.faults = process, whole.truth, whole.faults
        self.patience, self.batch = 0.2, BATCH
        self.__dict__["sink"] = sink = self._sink()
        self.items = self._items(sink)  # type: ignore[arg-type]
        self.source: MemorySource | None = None

    def _source(self, topic: str, group: str) -> MemorySource:
        self.source = GatedSource(self.broker, topic, group, self.process, self.faults)
        return self.source

    def _sink(self) -> GatedSink:  # type: ignore[override]  # it buffers, as a real one
        return GatedSink(self.broker, self.process, self.faults, self.truth)


class Installation:
    """All roles over one world.

    Attributes:
        down: Roles that are not started again.
    """

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.world = World(policy=POLICY)
        for voter in sorted(VOTERS):
            self.world.stores[voter].active = set()
            self.world.mode(voter, "live")
        self.clock = self.world.clock
        self.faults = Faults(chance)
        self.truth = Truth(self.clock, self.world.table, self.world.names, POLICY)
        self.scheduler = Scheduler(self.clock, chance)
        self.down: set[str] = set()
        self._running: dict[tuple[str, int], Process] = {}
        self._seen: dict[Process, Seen] = {}
        self._started = 0
        for customer in CUSTOMERS:
            self.arrive(customer)

    def arrive(self, customer: str) -> None:
        """Rows of a customer in every database, new ones where the old ones were anonymized."""
        self.clock.wait(0.000001)  # later than any commit
        value = f"{customer} since {self.clock.now()}"
        self.truth.arrived(customer, value)
        for store in self.world.stores.values():
            store.rows[customer] = MemoryRow(value)

    # ---- roles -------------------------------------------------------------------------------------------------------

    def start_missing(self) -> None:
        """Start every member that does not run."""
        for role, members in MEMBERS.items():
            for member in range(members):
                process = self._running.get((role, member))
                if role not in self.down and (process is None or not process.alive):
                    self._start(role, member)

    def _start(self, role: str, member: int) -> None:
        self._started += 1
        skew = self.chance.choice([0, 0, self.chance.randrange(-SKEW, SKEW)])
        process = Process(f"{role}/{self._started}", lambda each: self._run(role, each), self.clock, skew)
        self._running[role, member] = process
        self._seen[process] = Seen(self, process)
        self.scheduler.add(process)

    def _run(self, role: str, process: Process) -> None:
        loop = self._seen[process].loop(role)
        while True:
            self.truth.began(process)
            loop.step()

    def members(self) -> list[Process]:
        """The processes that run roles, forgotten ones not among them."""
        return [process for process in self._running.values() if process.alive]

    def kill(self, process: Process) -> None:
        """Kill a process; its group hears of it."""
        process.kill()
        self.scheduler.frozen.discard(process)
        self._leave(process)

    def forget(self, process: Process) -> None:
        """Let a process stand still for as long as it takes; its group goes on without it, another is started."""
        self.scheduler.frozen.add(process)
        self._leave(process)
        self._running = {key: each for key, each in self._running.items() if each is not process}

    def _leave(self, process: Process) -> None:
        seen = self._seen.get(process)
        if seen and seen.source:
            seen.source.die()

    def stop(self, *roles: str, zombies: bool = True) -> None:
        """Stop roles until they are no longer `down`; forgotten processes too, if a person made sure of it."""
        self.down |= set(roles)
        for process in self.scheduler.processes:
            asleep = process in self.scheduler.frozen and not zombies
            if process.name.partition("/")[0] in roles and not asleep:
                self.kill(process)

    def person(self, doing: str, body: Callable[[Seen], object]) -> Process:
        """A person at the command line, in a process of his own."""

        def run(process: Process) -> None:
            self.truth.began(process)
            body(Seen(self, process))

        process = Process(f"person/{doing}", run, self.clock)
        self.scheduler.add(process)
        return process
