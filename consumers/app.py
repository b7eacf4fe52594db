"""The one place that joins adapters to roles."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

from consumers.adapters.active_http import HttpActiveProducts
from consumers.adapters.clock import SystemClock
from consumers.adapters.dynamodb import DynamoTable, connect
from consumers.adapters.faults import faults_from
from consumers.adapters.health_server import HealthServer
from consumers.adapters.kafka import KafkaGroups, KafkaOffsets, KafkaReader, KafkaSink, KafkaSource, KafkaTopics
from consumers.adapters.metrics import PrometheusMetrics
from consumers.anonymizer.carrying import Carrying
from consumers.anonymizer.commit import Commits
from consumers.anonymizer.consumer import Anonymizer
from consumers.anonymizer.trail import Trail
from consumers.anonymizer.voting import Voting
from consumers.audit import History
from consumers.domain.errors import PermanentError
from consumers.domain.names import Names
from consumers.items import Items
from consumers.operations.status import Sources
from consumers.ports import ActiveProducts, LedgeredStore, RecordSink, RecordSource, Store
from consumers.runtime.barrier import Barrier
from consumers.runtime.deadletters import DeadLetters
from consumers.runtime.health import Health
from consumers.runtime.loop import Handler, Loop
from consumers.settings import HttpActiveSettings, Settings, SqlActiveSettings
from consumers.state.consumer import StateConsumer
from consumers.stores import SqlActiveProducts, load_rules, open_store
from consumers.ticker.consumer import Ticker
from consumers.ticker.planning import Planner
from consumers.ticker.sweep import Sweep, Topics
from schemas.topics import load_topics
from schemas.validate import PERSONAL_DATA


class RoleName(NamedTuple):
    """A role to run; anonymizers one per service."""

    role: str
    service: str | None = None

    def __str__(self) -> str:
        """As logs, metrics and `/readyz` name it."""
        return f"{self.role}.{self.service}" if self.service else self.role


def _active_products(settings: SqlActiveSettings | HttpActiveSettings) -> SqlActiveProducts | HttpActiveProducts:
    if isinstance(settings, SqlActiveSettings):
        return SqlActiveProducts(
            settings.url.get_secret_value(), settings.query, settings.type, settings.timeout_seconds
        )
    return HttpActiveProducts(settings.url, settings.bearer(), settings.timeout_seconds)


def new_stamp() -> str:
    """A random mark, unique per write."""
    return os.urandom(8).hex()


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
    def reader(self) -> KafkaReader:
        """Topics read as a whole."""
        return KafkaReader(self.kafka)

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

    def sources(self) -> Sources:
        """Where a status is read."""
        named = {service for purpose in self.settings.purposes.values() for service in purpose.services}
        services = sorted(named | set(self.services()))
        return Sources(self.table, self.offsets, self.groups, self.reader, self.names, self.clock, services)

    def history(self) -> History:
        """What an auditor reads: topics, ledgers and the policy of the settings; not the table."""
        policy = self.settings.policy()
        ledgers = {each: partial(self.store, each) for each in policy.services}
        personal_data = self.settings.personal_data or PERSONAL_DATA
        return History(self.reader, self.offsets, self.names, policy, ledgers, self.clock, personal_data)

    def rules_file(self, service: str) -> Path:
        """Where the rules of a service stand."""
        return self.settings.services / f"{service}.yaml"

    def store(self, service: str) -> tuple[LedgeredStore, str]:
        """The database or bucket of a service and the purpose it serves."""
        rules = load_rules(self.rules_file(service), os.environ)
        if rules.service != service:
            raise PermanentError(f"{self.rules_file(service)}: service is {rules.service}, must be {service}")
        return open_store(rules, self.clock), rules.purpose

    @contextmanager
    def active_products(self) -> Iterator[ActiveProducts | None]:
        """The central list of active products for the time of a block, None where none is configured."""
        settings = self.settings.active_products
        if settings is None:
            yield None
            return
        with closing(_active_products(settings)) as asked:
            yield asked

    def barrier(self) -> Barrier:
        """Waits until the table contains every event."""
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

    def _ticker(self, sink: RecordSink, stack: ExitStack) -> Handler:
        items = self.items(sink)
        sweep = Sweep(
            table=self.table,
            items=items,
            sink=sink,
            offsets=self.offsets,
            barrier=self.barrier(),
            topics=Topics(self.names.commands, self.names.anonymizer_group),
            clock=self.clock,
            metrics=self.metrics,
            faults=self.faults,
            active=stack.enter_context(self.active_products()),
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
            barrier=self.barrier(),
            dead_letters=dead_letters,
            clock=self.clock,
            faults=self.faults,
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
            voting=voting,
            stamp=new_stamp,
            trail=trail,
            dead_letters=dead_letters,
            clock=self.clock,
            faults=self.faults,
        )

    @contextmanager
    def health_server(self, healths: Mapping[str, Health]) -> Iterator[None]:
        """Answer for these roles for the time of a block, if a port is set."""
        if self.settings.health_port is None:
            yield
            return
        server = HealthServer(self.settings.health_port, healths, self.metrics, self.settings.health_host)
        server.start()
        try:
            yield
        finally:
            server.stop()

    def check(self, name: RoleName) -> None:
        """Whether a role may start on its topic. TransientError: the broker is away; PermanentError: it may not."""
        topic, _ = self._reads(name)
        self.topics().check(load_topics()[topic.removeprefix(self.names.prefix)])

    @contextmanager
    def loop(self, name: RoleName, health: Health) -> Iterator[Loop]:
        """A role on its own source and sink, closed at the end."""
        with ExitStack() as stack:
            sink = self.sink()
            stack.callback(sink.close)
            topic, group = self._reads(name)
            source = KafkaSource({**self.kafka, "group.protocol": self.settings.kafka.group_protocol}, [topic], group)
            stack.callback(source.close)
            handler = self._handler(name, source, sink, stack)
            yield Loop(
                str(name),
                source,
                handler,
                self.clock,
                self.metrics,
                health,
                batch=self.settings.batch,
                budget_seconds=self.settings.kafka.budget_seconds,
            )

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
        return self._ticker(sink, stack) if name.role == "ticker" else self._state(source, sink)
