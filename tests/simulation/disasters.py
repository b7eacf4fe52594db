"""Backups put back, tables lost, groups set back: each with its repair of `docs/operating.md`, interrupted or not."""

from collections.abc import Callable, Mapping
from random import Random
from typing import NamedTuple

from consumers.adapters.memory.offsets import MemoryGroups
from consumers.adapters.memory.reader import MemoryReader
from consumers.adapters.memory.store import MemoryRow
from consumers.domain.rows import Key
from consumers.domain.work import LedgerRow
from consumers.item_record import from_bytes
from consumers.operations import offsets
from consumers.operations.policies import apply_policy
from consumers.ports import Row
from tests.simulation.installation import BATCH, MEMBERS, POLICY, Installation, Seen
from tests.support.rebuilding import rebuild

ROLES = {*MEMBERS, "person"} - {"state"}
EMPTY = {"ticker: HISTORY", "ticker: plan new -> GOING", "ticker: plan GOING -> ENDED", "ticker: plan new -> DRY_RUN"}
"""What a tick writes that claims nobody."""


class DatabaseBackup(NamedTuple):
    """A database as it was."""

    rows: Mapping[str, MemoryRow]
    ledger: Mapping[str, LedgerRow]
    at: int


class Disasters:
    """Happens to tables, databases and groups."""

    def __init__(self, whole: Installation, chance: Random) -> None:
        self._whole, self._chance, self._world = whole, chance, whole.world
        self._tables: list[Mapping[Key, Row]] = []
        self._stood: tuple[int, ...] = ()
        self._databases: dict[str, DatabaseBackup] = {}
        self._restored: dict[str, DatabaseBackup] = {}

    def back_up(self) -> None:
        """Copies of everything."""
        self._tables.append(self._world.table.backup())
        self._stood = self._standing()
        for name, store in self._world.stores.items():
            self._databases[name] = DatabaseBackup(
                dict(store.rows), dict(store.rows_of_ledger), self._world.clock.now()
            )

    def restore_database(self) -> None:
        """Put a database back; the service is stopped, set back to the backup and started again."""
        if not self._databases or self._world.broker.away:
            return
        service = self._chance.choice(sorted(self._databases))
        backup = self._databases[service]
        self._whole.stop(service)
        self._world.mode(service, "stopped")
        store = self._world.stores[service]
        store.rows, store.rows_of_ledger = dict(backup.rows), dict(backup.ledger)
        self._whole.truth.services_restored.add(service)
        self._restored.setdefault(service, backup)  # the older of two
        self._whole.truth.tell("database restored")
        with_ledger = self._chance.random() < 0.5
        self._back_to(service, backup, with_ledger=with_ledger)
        self._world.mode(service, "live")
        self._whole.down.discard(service)

    def replay_restored(self) -> None:
        """Go back to the oldest backup put back once more: for whom a hold or a guard kept from being erased."""
        for service, backup in sorted(self._restored.items()):
            self._whole.stop(service)
            self._back_to(service, backup, with_ledger=False)
            self._whole.down.discard(service)

    def _back_to(self, service: str, backup: DatabaseBackup, *, with_ledger: bool) -> None:
        world = self._world
        group = offsets.named_group(world.names, f"anonymizer.{service}")
        logs = offsets.logs_of(world.offsets, group)
        reached: dict[int, int] = {}
        for command in backup.ledger if with_ledger else ():
            partition, offset = self._whole.truth.carried[service, command]
            reached[partition] = max(offset, reached.get(partition, 0))
        taken_at = None if reached else backup.at
        reader = MemoryReader(world.broker)
        target = offsets.to_backup(
            reached,
            BATCH,
            lambda at: offsets.finished_since(reader, world.offsets, world.names.results, service, at),
            taken_at,
        )
        offsets.reset(MemoryGroups(world.broker), group, logs, offsets.planned(logs, target, None), execute=True)

    def reset(self) -> None:
        """Set any group but the ticker's back to the beginning of its log."""
        self.set_back(self._chance.choice(sorted(MEMBERS.keys() - {"ticker"})))

    def set_back(self, role: str) -> None:
        """Set a group back to the beginning of its log."""
        if self._world.broker.away or role in self._whole.down:
            return
        self._whole.stop(role, zombies=False)
        group = offsets.named_group(self._world.names, role if role == "state" else f"anonymizer.{role}")
        logs = offsets.logs_of(self._world.offsets, group)
        groups = MemoryGroups(self._world.broker)
        offsets.reset(groups, group, logs, {number: log.first for number, log in logs.items()}, execute=True)
        self._whole.down.discard(role)
        self._whole.truth.tell("group reset")

    def put_table_back(self) -> None:
        """Put the newest copy back and rebuild nothing, where nothing but events has been folded since.

        Sometimes nobody folds events for a while after that.
        """
        if self._tables and self._stood == self._standing() and not self._world.broker.away:
            self._whole.stop(*MEMBERS, "person")
            self._world.table.restore(self._tables[-1])
            self._whole.truth.put_back()
            self._whole.truth.tell("table put back")
            self._whole.down.intersection_update(self._chance.choice([(), ("state",)]))

    def _standing(self) -> tuple[int, ...]:
        """Changes when the table says something that no event says."""
        told = self._whole.truth.seen
        return tuple(count for what, count in sorted(told.items()) if what not in EMPTY and what.split(":")[0] in ROLES)

    def restore_table(self) -> None:
        """Put the table back to a copy, or lose it; with every role stopped it is rebuilt."""
        if self._world.broker.away or self._whole.faults.table_away:
            return
        self._whole.stop(*MEMBERS)
        if self._tables and self._chance.random() < 0.7:
            self._world.table.restore(self._chance.choice(self._tables))
        else:
            self._lose_table()
        self._whole.truth.tell("table restored")
        self._whole.truth.put_back()
        published = [from_bytes(record.value) for record in self._world.records("state") if record.value]
        self._whole.truth.rebuilt(published)
        self.insist(lambda seen: rebuild(seen).run(execute=True))
        self._whole.down.clear()

    def _lose_table(self) -> None:
        self._world.table.restore({})
        apply_policy(self._world.table, POLICY, self._world.stamp)
        for service in self._world.stores:
            self._world.mode(service, "live")

    def insist(self, body: Callable[[Seen], object]) -> None:
        """A person repeats a command until it has come to its end; it may be interrupted twice, and fail as often."""
        for tries in range(50):
            if tries == 3:
                self._whole.faults.rate = 0.0
            person = self._whole.person("repair", body)
            interrupted = self._chance.randrange(60) if tries < 2 else None
            steps = 0
            while person.alive and steps != interrupted:
                person.step()
                steps += 1
            person.kill()
            if person.failed is None and steps != interrupted:
                return
            self._world.clock.wait(1)
        raise AssertionError(f"a repair does not come to its end: {person.failed!r}")
