"""All roles over the memory adapters, stepped by hand: what a history needs, and nothing that can be late by itself."""

import itertools
import random
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta

from consumers.adapters.faults import NoFaults
from consumers.adapters.memory.broker import MemoryBroker
from consumers.adapters.memory.clock import MemoryClock
from consumers.adapters.memory.metrics import MemoryMetrics
from consumers.adapters.memory.offsets import MemoryOffsets
from consumers.adapters.memory.sink import MemorySink
from consumers.adapters.memory.source import MemorySource
from consumers.adapters.memory.store import MemoryRow, MemoryStore
from consumers.adapters.memory.table import MemoryTable
from consumers.anonymizer.carrying import Carrying
from consumers.anonymizer.commit import Commits
from consumers.anonymizer.consumer import Anonymizer
from consumers.anonymizer.trail import Trail
from consumers.anonymizer.voting import Voting
from consumers.domain import rows
from consumers.domain.item import Item
from consumers.domain.names import Names
from consumers.domain.policy import Mode, Policy, Purpose
from consumers.domain.retention import Retention, moment
from consumers.domain.ticks import Plan
from consumers.items import Items
from consumers.operations.installing import write_first_positions
from consumers.operations.modes import set_mode
from consumers.operations.policies import apply_policy
from consumers.operations.ticking import request_tick, tick_plan
from consumers.ports import ActiveProducts, Partition, Record
from consumers.runtime.barrier import Barrier
from consumers.runtime.control import announce_guard
from consumers.runtime.deadletters import DeadLetters
from consumers.runtime.health import Health
from consumers.runtime.loop import Handler, Loop
from consumers.state.consumer import StateConsumer
from consumers.ticker.consumer import Ticker
from consumers.ticker.planning import Planner
from consumers.ticker.sweep import Sweep, Topics
from producer_client import Postpone, Schedule
from producer_client import encode as encode_event
from producer_client.events import Event
from schemas.codec import decode
from schemas.topics import load_topics
from tests.support.build import DAY, NOW

PURPOSE = "care"
PARTITIONS = 2


class World:
    """One installation in memory. `services` are live; retention is 30 days from the event.

    `policy` in place of the one purpose with these services.
    """

    def __init__(
        self,
        services: Sequence[str] = ("crm", "loans"),
        *,
        cap: int = 1000,
        lease: int = 6 * 3600,
        policy: Policy | None = None,
    ) -> None:
        self.clock = MemoryClock(NOW)
        self.broker = MemoryBroker(self.clock)
        self.table = MemoryTable()
        self.metrics = MemoryMetrics()
        self.offsets = MemoryOffsets(self.broker)
        self.names = Names()
        marks = itertools.count()
        self.stamp = lambda: f"mark-{next(marks)}"
        purpose = Purpose(PURPOSE, Retention(days=30), tuple(services))
        self.policy = policy or Policy({PURPOSE: purpose}, cap=cap, lease=lease * 1_000_000, first_run=cap)
        self.stores = {service: MemoryStore() for service in self.policy.services}
        self.patience, self.batch = 1.0, 500
        self.active: ActiveProducts | None = None
        self.healths: dict[str, Health] = {}
        self.sink = self._sink()
        self.items = self._items(self.sink)
        for topic in load_topics():
            self.broker.create(self.names.prefix + topic, 1 if topic == "ticks" else PARTITIONS)
        self.install()

    def install(self) -> None:
        """Rows of a first installation, policy, modes."""
        write_first_positions(self.table, self.offsets, self.names, self.stamp)
        apply_policy(self.table, self.policy, self.stamp)
        for service in self.stores:
            self.mode(service, "live")

    def mode(self, service: str, mode: Mode) -> None:
        set_mode(self.table, service, mode, "test", self.clock, self.stamp)
        announce_guard(self.table, service, self.clock.now(), self.stamp, guard=self.stores[service].votes)

    # ---- roles -------------------------------------------------------------------------------------------------------

    def loop(self, name: str) -> Loop:
        """A new member of a role's group: `state`, `ticker`, or a service."""
        sink = self._sink()
        topic, group = self._reads(name)
        source = self._source(topic, group)
        health = self.healths[name] = Health(self.clock)
        handler = self._handler(name, source, sink, group)
        chance = random.Random(1)
        return Loop(name, source, handler, self.clock, self.metrics, health, batch=self.batch, chance=chance)

    def run(self, *names: str) -> None:
        """Run roles, each as a new member until it has caught up; all in the order data flows without names."""
        for name in names or ("state", "ticker", *self.stores):
            loop = self.loop(name)
            with closing(loop._source):
                for _ in range(200):
                    if loop.caught_up:
                        break
                    loop.step()

    def _source(self, topic: str, group: str) -> MemorySource:
        return MemorySource(self.broker, [topic], group)

    def _sink(self) -> MemorySink:
        return MemorySink(self.broker)

    def _items(self, sink: MemorySink) -> Items:
        return Items(self.table, sink, self.names.state, self.clock, self.stamp)

    def _reads(self, name: str) -> tuple[str, str]:
        return {
            "state": (self.names.events, self.names.state_group),
            "ticker": (self.names.ticks, self.names.ticker_group),
        }.get(name, (self.names.commands, self.names.anonymizer_group(name)))

    def _barrier(self) -> Barrier:
        return Barrier(self.table, self.offsets, self.clock, self.names.events, patience=self.patience)

    def _handler(self, name: str, source: MemorySource, sink: MemorySink, group: str) -> Handler:
        dead = DeadLetters(sink, self.names.dead_letters, group, self.metrics, b"secret")
        if name == "state":
            return self._state(source, sink, dead)
        return self._ticker(sink, dead) if name == "ticker" else self._anonymizer(name, sink, dead)

    def _state(self, source: MemorySource, sink: MemorySink, dead: DeadLetters) -> Handler:
        return StateConsumer(
            table=self.table,
            items=self._items(sink),
            source=source,
            sink=sink,
            dead_letters=dead,
            results=self.names.results,
            clock=self.clock,
            metrics=self.metrics,
            faults=NoFaults(),
            stamp=self.stamp,
        )

    def _ticker(self, sink: MemorySink, dead: DeadLetters) -> Handler:
        items = self._items(sink)
        sweep = Sweep(
            table=self.table,
            items=items,
            sink=sink,
            offsets=self.offsets,
            barrier=self._barrier(),
            topics=Topics(self.names.commands, self.names.anonymizer_group),
            clock=self.clock,
            metrics=self.metrics,
            faults=NoFaults(),
            active=self.active,
        )
        planner = Planner(self.table, items, self.clock, self.stamp)
        return Ticker(table=self.table, planner=planner, sweep=sweep, sink=sink, dead_letters=dead, clock=self.clock)

    def _anonymizer(self, service: str, sink: MemorySink, dead: DeadLetters) -> Handler:
        items, store, purpose = self._items(sink), self.stores[service], self.policy.purpose_of(service)
        assert purpose is not None, "every service has one"
        trail = Trail(service, self.names.results, store.rules_digest, sink, self.clock, self.metrics)
        carrying = Carrying(
            service,
            purpose.name,
            table=self.table,
            store=store,
            commits=Commits(service, items, sink, self.clock, self.metrics),
            trail=trail,
            barrier=self._barrier(),
            dead_letters=dead,
            clock=self.clock,
            faults=NoFaults(),
        )
        voting = Voting(
            service,
            items=items,
            store=store,
            sink=sink,
            commands=self.names.commands,
            trail=trail,
            clock=self.clock,
            metrics=self.metrics,
            faults=NoFaults(),
        )
        return Anonymizer(
            service,
            purpose.name,
            voting=voting,
            stamp=self.stamp,
            table=self.table,
            items=items,
            store=store,
            sink=sink,
            carrying=carrying,
            trail=trail,
            dead_letters=dead,
            clock=self.clock,
            faults=NoFaults(),
        )

    # ---- what happens ------------------------------------------------------------------------------------------------

    def publish(self, *events: Event) -> None:
        """A product service publishes."""
        for event in events:
            encoded = encode_event(event)
            self.sink.send(self.names.events, encoded.key, encoded.value, encoded.headers)
        self.sink.flush()

    def people(self, *customers: str) -> None:
        """Give each a row in every service."""
        for store in self.stores.values():
            store.rows.update({each: MemoryRow(f"name of {each}") for each in customers})

    def request_tick(self, *, dry_run: bool = False, as_of: int | None = None) -> str:
        """Ask for a tick."""
        at = self.clock.now() if as_of is None else as_of
        return request_tick(self.sink, self.names.ticks, at, "test", dry_run=dry_run)

    def days(self, days: float) -> None:
        """Let time pass."""
        self.clock.wait(days * DAY / 1_000_000)

    # ---- what is there -----------------------------------------------------------------------------------------------

    def item(self, customer: str) -> Item:
        return self.items.read([customer])[customer].item

    def anonymized(self, service: str) -> set[str]:
        return {each for each, row in self.stores[service].rows.items() if row.anonymized}

    def records(self, topic: str) -> list[Record]:
        """Every record of a topic, named without prefix."""
        name = self.names.prefix + topic
        logs = [self.broker.log(Partition(name, each)) for each in range(self.broker.partitions(name))]
        return [record for log in logs for record in log.read(log.first, 1_000_000)[0]]

    def outcomes(self, service: str | None = None) -> list[str]:
        """Outcomes on the trail."""
        read = [decode(record.value, {"AnonymizationResult"}).fields for record in self.records("results")]
        return [fields["outcome"] for fields in read if service is None or fields["service"] == service]

    def position_rows(self) -> dict[int, int]:
        keys = {rows.position_key(each): each for each in range(PARTITIONS)}
        return {keys[key]: rows.position(row.body).offset for key, row in self.table.read(keys).items()}


def closed(customer: str, days_ago: float = 60, product: str = "loan/1") -> Schedule:
    at = moment(NOW) - timedelta(days=days_ago)
    return Schedule(customer_id=customer, product=product, retention_starts_at=at, occurred_at=at, source="test")


def postponed(
    customer: str, days_ago: float = 1, until_days: float | None = None, product: str = "activity"
) -> Postpone:
    until = None if until_days is None else moment(NOW) + timedelta(days=until_days)
    at = moment(NOW) - timedelta(days=days_ago)
    return Postpone(customer_id=customer, product=product, until=until, occurred_at=at, source="test")


def due_world(*customers: str, cap: int = 1000, lease: int = 6 * 3600) -> World:
    """A world in which these customers are due and folded."""
    world = World(cap=cap, lease=lease)
    world.people(*customers)
    world.publish(*(closed(customer) for customer in customers))
    world.run("state")
    return world


def plan_of(world: World, tick_id: str) -> Plan:
    found = tick_plan(world.table, tick_id)
    assert found is not None
    return found


def partitions(world: World, topic: str) -> list[Partition]:
    return [Partition(world.names.prefix + topic, number) for number in range(2)]
