"""A world an auditor can read, and the means to falsify what is on record in it."""

import uuid
from collections.abc import Sequence
from functools import partial

from consumers.adapters.memory.reader import MemoryReader
from consumers.adapters.memory.store import MemoryRow, MemoryStore
from consumers.audit import Audited, History, audit_history
from consumers.domain.due import command_id
from consumers.domain.item import Item
from consumers.domain.work import Carried, Proof, Task
from consumers.operations import dlq
from consumers.ports import Clock, Record
from schemas.codec import encode
from schemas.validate import PERSONAL_DATA
from tests.support.world import PURPOSE, World, closed


class ProvenStore(MemoryStore):
    """A database in memory whose ledger has whole rows: by command id, the partition of the command and the row."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.proofs: dict[str, tuple[int, Proof]] = {}
        self._clock = clock

    def anonymize(self, tasks: Sequence[Task]) -> Sequence[Carried]:
        before = set(self.rows_of_ledger)
        carried = super().anonymize(tasks)
        for task, each in zip(tasks, carried, strict=True):
            if task.command_id in self.rows_of_ledger.keys() - before:
                self.prove(task, each)
        return carried

    def prove(self, task: Task, carried: Carried) -> None:
        """Write the whole row of a ledger row."""
        proof = Proof(
            task.command_id,
            task.customer_id,
            task.purpose,
            carried.outcome,
            carried.rows,
            task.committed_at,
            self._clock.now(),
            self.rules_digest,
            None,
        )
        self.proofs[task.command_id] = task.partition, proof

    def carried(self, number: int, of: int, since: int) -> Sequence[Proof] | None:
        self._reach()
        return [
            proof
            for command, (partition, proof) in self.proofs.items()
            if command in self.rows_of_ledger and partition % of == number and proof.carried_at >= since
        ]

    def change(self, command: str, **fields: object) -> None:
        """Change a row by hand."""
        partition, proof = self.proofs[command]
        self.proofs[command] = partition, proof._replace(**fields)  # type: ignore[arg-type]


def proven(world: World) -> World:
    """The world with ledgers of whole rows; before anybody is anonymized in it."""
    for service, plain in list(world.stores.items()):
        store = ProvenStore(world.clock)
        store.rows, store.active = plain.rows, plain.active
        world.stores[service] = store
    return world


def store_of(world: World, service: str) -> ProvenStore:
    store = world.stores[service]
    assert isinstance(store, ProvenStore)
    return store


def history(world: World) -> History:
    """What an auditor has of the world."""
    ledgers = {service: partial(_opened, world, service) for service in world.stores}
    reader = MemoryReader(world.broker)
    return History(reader, world.offsets, world.names, world.policy, ledgers, world.clock, PERSONAL_DATA)


def _opened(world: World, service: str) -> tuple[ProvenStore, str]:
    return store_of(world, service), PURPOSE


def audited(world: World, *, since: int | None = None) -> Audited:
    return audit_history(history(world), since=since)


def codes(world: World, *, since: int | None = None) -> list[str]:
    """The codes of everything an audit finds."""
    return [each.code for each in audited(world, since=since).differences]


def proven_world(*customers: str) -> World:
    """A world with such ledgers in which these customers are due and folded."""
    world = proven(World())
    world.people(*customers)
    world.publish(*(closed(customer) for customer in customers))
    world.run("state")
    return world


def ticked(world: World, *roles: str) -> None:
    """Fold, tick, and run the services, or those named."""
    world.run("state")
    world.request_tick()
    world.run("ticker", *(roles or world.stores))


def clean(world: World, days: float = 3) -> None:
    """Nothing differs, now or once every grace is over."""
    assert codes(world) == []
    world.days(days)
    assert codes(world) == []


def redrive(world: World) -> None:
    """Send every dead letter again."""
    reader, topic = MemoryReader(world.broker), world.names.dead_letters
    chosen = dlq.redrivable(dlq.letters(reader, topic), parked=False)
    dlq.Redrive(reader, world.sink, topic, world.clock).run(chosen, "ann")


# ---- by hand ---------------------------------------------------------------------------------------------------------


def new_command() -> str:
    return str(uuid.uuid4())


def given_command(world: World, item: Item) -> str:
    """The command these facts give."""
    return command_id(item, world.policy.purposes[PURPOSE], world.policy)


def committed(world: World, customer: str, command: str) -> None:
    """Everything a commit leaves behind, in every service: nothing but the facts can tell that it should not be."""
    record = sent(world, customer, command)
    at = world.clock.now()
    world.clock.wait(1)
    for service in world.stores:
        store = store_of(world, service)
        store.rows[customer] = MemoryRow("a name")
        task = Task(command, customer, PURPOSE, record.partition, record.offset, at)
        carried = store.anonymize([task])[0]
        answered(world, customer, command, service, carried.outcome, committed_at=at, started_at=at)


def sent(world: World, customer: str, command: str, *, purpose: str = PURPOSE) -> Record:
    """A command record, as anybody with access could write it."""
    now = world.clock.now()
    fields = {
        "command_id": command,
        "attempt": now // 1_000_000,
        "customer_id": customer,
        "purpose": purpose,
        "sent_at": now,
    }
    return world.broker.append(world.names.commands, customer.encode(), encode("AnonymizeCustomer", fields))


def answered(world: World, customer: str, command: str, service: str, outcome: str, **fields: object) -> None:
    """A record of the trail, as anybody with access could write it."""
    now = world.clock.now()
    known = {
        "command_id": command,
        "attempt": now // 1_000_000,
        "customer_id": customer,
        "purpose": PURPOSE,
        "service": service,
        "outcome": outcome,
        "rows_by_table": {},
        "finished_at": now,
    }
    world.broker.append(world.names.results, customer.encode(), encode("AnonymizationResult", {**known, **fields}))
