"""The one place that joins adapters to roles."""

import gc
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from consumers.adapters.clock import SystemClock
from consumers.adapters.dynamodb import DynamoTable, connect
from consumers.adapters.faults import faults_from
from consumers.adapters.health_server import HealthServer
from consumers.adapters.kafka import KafkaGroups, KafkaOffsets, KafkaSink, KafkaSource, KafkaTopics
from consumers.adapters.metrics import PrometheusMetrics
from consumers.anonymizer.carrying import Carrying
from consumers.anonymizer.commit import Commits
from consumers.anonymizer.consumer import Anonymizer
from consumers.anonymizer.trail import Trail
from consumers.domain.errors import PermanentError
from consumers.domain.names import Names
from consumers.items import Items
from consumers.ports import RecordSink, RecordSource, Store
from consumers.runtime.barrier import Barrier
from consumers.runtime.deadletters import DeadLetters
from consumers.runtime.health import Health
from consumers.runtime.loop import Handler, Loop
from consumers.settings import Settings
from consumers.state.consumer import StateConsumer
from consumers.stores import SqlStore, load_rules
from consumers.ticker.consumer import Ticker
from consumers.ticker.planning import Planner
from consumers.ticker.sweep import Sweep, Topics
from schemas.topics import load_topics
from schemas.validate import PERSONAL_DATA

ROLES = ("state", "ticker", "anonymizer")
log = structlog.get_logger()


class RoleName(NamedTuple):
    """A role to run; anonymizers one per service."""

    role: str
    service: str | None = None

    def __str__(self) -> str:
        """As logs, metrics and `/readyz` name it."""
        return f"{self.role}.{self.service}" if self.service else self.role


def new_stamp() -> str:
    """A random mark, unique per write."""
    return os.urandom(8).hex()


def seldom_look_for_cycles() -> None:
    """Items are many small tuples without cycles: searching them every 700 allocations cost a quarter of all time."""
    gc.set_threshold(50_000, 20, 100)


class App:
    """Adapters made from settings, each when it is first needed."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.names = Names(settings.kafka.prefix)
        self.clock = SystemClock()
        self.metrics = PrometheusMetrics()
        self.faults = faults_from(os.environ.get("LAPSE_FAULT"))

    @cached_property
    def kafka(self) -> dict[str, str | int | float | bool]:
        """Properties of every Kafka client."""
        settings = self.settings.kafka
        return {**settings.properties, "bootstrap.servers": settings.bootstrap_servers}

    @cached_property
    def dynamodb(self) -> Any:
        """The DynamoDB client."""
        table = self.settings.table
        return connect(region=table.region, endpoint_url=table.endpoint_url)

    @cached_property
    def table(self) -> DynamoTable:
        """The one table."""
        return DynamoTable(self.dynamodb, self.settings.table.name)

    @cached_property
    def offsets(self) -> KafkaOffsets:
        """What the broker says about topics and groups."""
        return KafkaOffsets(self.kafka)

    @cached_property
    def groups(self) -> KafkaGroups:
        """Groups from outside."""
        return KafkaGroups(self.kafka)

    def topics(self, *, dev: bool = False) -> KafkaTopics:
        """Topics as they are described."""
        return KafkaTopics(self.kafka, self.settings.kafka.prefix, dev=dev)

    def sink(self) -> KafkaSink:
        """A producer; every role has its own, so that one's failed record is not another's."""
        return KafkaSink(self.kafka)

    def items(self, sink: RecordSink) -> Items:
        """The customers' rows."""
        return Items(self.table, sink, self.names.state, self.clock, new_stamp)

    def services(self) -> list[str]:
        """Services with a rules file here."""
        return sorted(path.stem for path in self.settings.services.glob("*.yaml"))

    def rules_file(self, service: str) -> Path:
        """Where the rules of a service stand."""
        return self.settings.services / f"{service}.yaml"

    def store(self, service: str) -> tuple[SqlStore, str]:
        """The database of a service and the purpose it serves."""
        rules = load_rules(self.rules_file(service), os.environ)
        if rules.service != service:
            raise PermanentError(f"{self.rules_file(service)}: service is {rules.service}, must be {service}")
        return SqlStore(rules), rules.purpose

    def _barrier(self) -> Barrier:
        return Barrier(self.table, self.offsets, self.clock, self.names.events, patience=self.settings.barrier_seconds)

    def _dead_letters(self, sink: RecordSink, group: str) -> DeadLetters:
        secret = self.settings.id_hash_key.encode() or os.urandom(16)
        return DeadLetters(sink, self.names.dead_letters, group, self.metrics, secret)

    def _state(self, source: RecordSource, sink: RecordSink) -> Handler:
        return StateConsumer(
            table=self.table,
            items=self.items(sink),
            source=source,
            sink=sink,
            dead_letters=self._dead_letters(sink, self.names.state_group),
            results=self.names.results,
            clock=self.clock,
            metrics=self.metrics,
            faults=self.faults,
            stamp=new_stamp,
            personal_data=self.settings.personal_data or PERSONAL_DATA,
            cache_size=self.settings.cache_items,
        )

    def _ticker(self, sink: RecordSink) -> Handler:
        items = self.items(sink)
        sweep = Sweep(
            table=self.table,
            items=items,
            sink=sink,
            offsets=self.offsets,
            barrier=self._barrier(),
            topics=Topics(self.names.commands, self.names.anonymizer_group),
            clock=self.clock,
            metrics=self.metrics,
            faults=self.faults,
        )
        return Ticker(
            table=self.table,
            planner=Planner(self.table, items, self.clock, new_stamp),
            sweep=sweep,
            sink=sink,
            dead_letters=self._dead_letters(sink, self.names.ticker_group),
            clock=self.clock,
        )

    def _anonymizer(self, service: str, store: Store, purpose: str, sink: RecordSink) -> Handler:
        items = self.items(sink)
        trail = Trail(service, self.names.results, store.rules_digest, sink, self.clock, self.metrics)
        dead_letters = self._dead_letters(sink, self.names.anonymizer_group(service))
        carrying = Carrying(
            service,
            purpose,
            table=self.table,
            store=store,
            commits=Commits(service, items, sink, self.clock, self.metrics),
            trail=trail,
            barrier=self._barrier(),
            dead_letters=dead_letters,
            clock=self.clock,
            faults=self.faults,
        )
        return Anonymizer(
            service,
            purpose,
            table=self.table,
            items=items,
            store=store,
            sink=sink,
            carrying=carrying,
            trail=trail,
            dead_letters=dead_letters,
            clock=self.clock,
            faults=self.faults,
        )

    @contextmanager
    def loop(self, name: RoleName, health: Health) -> Iterator[Loop]:
        """A role on its own source and sink, closed at the end."""
        with ExitStack() as stack:
            sink = self.sink()
            stack.callback(sink.close)
            topic, group = self._reads(name)
            self.topics().check(load_topics()[topic.removeprefix(self.names.prefix)])
            source = KafkaSource(self.kafka, [topic], group)
            stack.callback(source.close)
            handler = self._handler(name, source, sink, stack)
            yield Loop(str(name), source, handler, self.clock, self.metrics, health, batch=self.settings.batch)

    def _reads(self, name: RoleName) -> tuple[str, str]:
        if name.service:
            return self.names.commands, self.names.anonymizer_group(name.service)
        if name.role == "ticker":
            return self.names.ticks, self.names.ticker_group
        return self.names.events, self.names.state_group

    def _handler(self, name: RoleName, source: RecordSource, sink: RecordSink, stack: ExitStack) -> Handler:
        if name.service:
            store, purpose = self.store(name.service)
            stack.callback(store.close)
            return self._anonymizer(name.service, store, purpose, sink)
        return self._ticker(sink) if name.role == "ticker" else self._state(source, sink)


def named_roles(app: App, roles: Sequence[str], service: str | None) -> list[RoleName]:
    """The roles asked for on the command line. PermanentError: there is nothing of that name to run."""
    wanted = ROLES if "all" in roles else tuple(dict.fromkeys(roles))
    unknown = [role for role in wanted if role not in ROLES]
    if unknown:
        raise PermanentError(f"no role {', '.join(unknown)}; choose from {', '.join(ROLES)}, all")
    services = [service] if service else app.services()
    if "anonymizer" in wanted and not services:
        raise PermanentError(f"no rules file in {app.settings.services}/: write one, or name the folder in `services:`")
    return [
        name
        for role in wanted
        for name in ([RoleName(role, each) for each in services] if role == "anonymizer" else [RoleName(role)])
    ]


class Process:
    """Several roles side by side, a thread each; when one fails for good, all stop."""

    def __init__(self, app: App, names: Sequence[RoleName]) -> None:
        self._app, self._names = app, names
        self._stop = threading.Event()
        self._failures: list[tuple[RoleName, BaseException]] = []

    def stop(self) -> None:
        """Finish the batches in hand, then end. Safe in a signal handler."""
        self._stop.set()

    def run(self, *, until_caught_up: bool = False) -> None:
        """Run until stopped or caught up. What one role failed for is raised when all have ended."""
        seldom_look_for_cycles()
        healths = {str(name): Health(self._app.clock) for name in self._names}
        with self._health_server(healths):
            threads = [
                threading.Thread(target=self._role, args=(name, healths[str(name)], until_caught_up), name=str(name))
                for name in self._names
            ]
            for thread in threads:
                thread.start()
            _join(threads)
        if self._failures:
            raise self._failures[0][1]

    def _role(self, name: RoleName, health: Health, until_caught_up: bool) -> None:
        try:
            with self._app.loop(name, health) as loop:
                loop.run(self._stop.is_set, until_caught_up=until_caught_up)
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that runs the process
            log.error("role_failed", role=str(name), code=getattr(error, "code", type(error).__name__))
            self._failures.append((name, error))
            self._stop.set()

    @contextmanager
    def _health_server(self, healths: dict[str, Health]) -> Iterator[None]:
        settings = self._app.settings
        if settings.health_port is None:
            yield
            return
        server = HealthServer(settings.health_port, healths, self._app.metrics, settings.health_host)
        server.start()
        try:
            yield
        finally:
            server.stop()


def _join(threads: Sequence[threading.Thread]) -> None:
    # in slices: a signal handler runs only between calls
    for thread in threads:
        while thread.is_alive():
            thread.join(0.2)
