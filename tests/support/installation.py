"""An installation of Lapse for one test: own topics, table, databases and groups on the session's real services."""

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from confluent_kafka.admin import AdminClient

from consumers.adapters.dynamodb import apply_table
from consumers.app import App, RoleName, new_stamp
from consumers.domain.item import Item
from consumers.domain.ticks import Plan
from consumers.items import Stored
from consumers.local import Services
from consumers.operations import ticking
from consumers.operations.installing import positions, write_first_positions
from consumers.operations.modes import set_mode
from consumers.operations.policies import apply_policy
from consumers.ports import Record
from consumers.process import Process
from consumers.runtime.control import announce_guard
from consumers.settings import KafkaSettings, PurposeSettings, RetentionSettings, Settings, TableSettings
from producer_client import LapseProducer
from schemas.codec import decode
from schemas.topics import load_topics
from tests.support.people_databases import PeopleDatabases

T = TypeVar("T")
PURPOSE = "care"
PATIENCE = 60.0
# A member that was killed holds its partitions for so long; the least a broker allows.
KAFKA = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500}


def wait_for(what: str, found: Callable[[], T], patience: float = PATIENCE) -> T:
    """Ask again and again until the answer is true; fail naming what was waited for."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(0.05)
    raise AssertionError(f"not within {patience} s: {what}")


class Installation(PeopleDatabases):
    """Lapse with one purpose (30 days) and one small database per service. Use `installation()`."""

    def __init__(
        self,
        services: Services,
        folder: Path,
        names: Sequence[str],
        *,
        voters: Sequence[str] = (),
        **settings: Any,
    ) -> None:
        self.id = uuid.uuid4().hex[:10]
        self.voters = voters
        purposes: Mapping[str, PurposeSettings] = settings.get("purposes", {})
        self.purpose_by_service = dict.fromkeys(names, PURPOSE) | {
            service: name for name, purpose in purposes.items() for service in purpose.services
        }
        self.services, self.folder, self.names = services, folder, tuple(names)
        self._settings: Mapping[str, Any] = settings
        self.on_new_app: Callable[[App], None] = lambda _app: None
        self.app = self.new_app()

    def new_app(self) -> App:
        """An app of its own clients, as another process would have."""
        retention = RetentionSettings(days=30, timezone="Europe/Stockholm")
        values: dict[str, Any] = {
            "kafka": KafkaSettings(
                bootstrap_servers=self.services.kafka.bootstrap_servers, prefix=f"t{self.id}.", properties={**KAFKA}
            ),
            "table": TableSettings(name=f"lapse-{self.id}", endpoint_url=self.services.dynamodb.url),
            "purposes": {PURPOSE: PurposeSettings(retention=retention, services=self.names)},
            "services": self.folder,
            "first_run_claims": 100_000,
            **self._settings,
        }
        app = App(Settings(**values))
        self.on_new_app(app)
        return app

    # ---- making and removing -----------------------------------------------------------------------------------------

    def install(self) -> None:
        """Topics, table, policy; databases with ledgers; every service live."""
        app = self.app
        app.topics(dev=True).apply(list(load_topics().values()))
        self.make_table()
        for service in self.names:
            self.make_database(service)
            set_mode(app.table, service, "live", "test", app.clock, new_stamp)
            announce_guard(app.table, service, app.clock.now(), new_stamp, guard=service in self.voters)

    def make_empty_table(self) -> None:
        """The table without a row."""
        apply_table(self.app.dynamodb, self.app.settings.table.name, dev=True)

    def make_table(self) -> None:
        """The table as on a first installation, with the policy."""
        self.make_empty_table()
        write_first_positions(self.app.table, self.app.offsets, self.app.names, new_stamp)
        apply_policy(self.app.table, self.app.settings.policy(), new_stamp)

    def remove(self) -> None:
        """Delete topics, table and databases, so that the session's services stay small."""
        admin = AdminClient({"bootstrap.servers": self.services.kafka.bootstrap_servers})
        for future in admin.delete_topics([self.app.names.prefix + name for name in load_topics()]).values():
            future.result(20)
        self.app.dynamodb.delete_table(TableName=self.app.settings.table.name)
        self.drop_databases()

    # ---- events and ticks --------------------------------------------------------------------------------------------

    @contextmanager
    def producer(self) -> Iterator[LapseProducer]:
        """A product service's producer; everything is acknowledged at the end of the block."""
        with LapseProducer(self.app.kafka, source="test", topic=self.app.names.events) as producer:
            yield producer
            assert producer.flush(30.0) == 0

    def close_product(self, *customers: str, days_ago: int = 60, product: str = "loan/1") -> None:
        """Say that a product of each customer was closed so many days ago: due since, with 60."""
        at = datetime.now(UTC) - timedelta(days=days_ago)
        with self.producer() as producer:
            for customer in customers:
                producer.product_closed(customer, product, closed_at=at)

    def folded(self) -> bool:
        """Whether the table contains every event."""
        ends = self.app.offsets.end(self.app.names.events)
        return all((at or 0) >= ends[number] for number, at in positions(self.app.table, ends).items())

    def wait_until_folded(self) -> None:
        """Wait until the table contains every event."""
        wait_for("every event is folded", self.folded)

    def request_tick(self, *, dry_run: bool = False, as_of: int | None = None) -> str:
        """Ask for a tick; its id."""
        with closing(self.app.sink()) as sink:
            at = self.app.clock.now() if as_of is None else as_of
            return ticking.request_tick(sink, self.app.names.ticks, at, "test", dry_run=dry_run)

    def tick(self, *, dry_run: bool = False) -> Plan:
        """Ask for a tick and wait for its end."""
        return ticking.wait_for_tick(self.app.table, self.request_tick(dry_run=dry_run), self.app.clock, PATIENCE)

    def tick_state(self, tick: str) -> str | None:
        """The state of a tick, None while nobody has planned it."""
        plan = ticking.tick_plan(self.app.table, tick)
        return plan and plan.state

    def stored(self, customer: str) -> Stored:
        """A customer's item with its row."""
        with closing(self.app.sink()) as sink:
            return self.app.items(sink).read([customer])[customer]

    def item(self, customer: str) -> Item:
        """A customer's item."""
        return self.stored(customer).item

    def completed(self, *customers: str) -> bool:
        """Whether each has a completed command and none in flight."""
        states = [self.item(each).of(PURPOSE) for each in customers]
        return all(state.last and not state.command for state in states)

    def wait_until_completed(self, *customers: str) -> None:
        """Wait until each has a completed command and none in flight."""
        wait_for("the commands are complete", lambda: self.completed(*customers))

    # ---- roles -------------------------------------------------------------------------------------------------------

    @contextmanager
    def roles(self, *roles: str, app: App | None = None) -> Iterator[Process]:
        """Run roles in threads of this process: `state`, `ticker`, `anonymizer.NAME`; all without names."""
        wanted = roles or ("state", "ticker", *(f"anonymizer.{service}" for service in self.names))
        process = Process(app or self.new_app(), [_role(each) for each in wanted])
        failures: list[BaseException] = []

        def run() -> None:
            try:
                process.run()
            except BaseException as error:  # noqa: BLE001 - raised again below
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield process
        finally:
            process.stop()
            thread.join(60)
        if failures:
            raise failures[0]

    @contextmanager
    def role_process(self, role: str, *options: str, fault: str | None = None) -> Iterator[subprocess.Popen[str]]:
        """Run a role, or `all`, as `lapse run` in a process of its own; killed at the end if it still runs.

        `fault` is `point:action`, see consumers/adapters/faults.py.
        """
        name = _role(role)
        command = [sys.executable, "-m", "consumers.cli", "--config", str(self.settings_file()), "run", name.role]
        command += ["--service", name.service, *options] if name.service else options
        environ = {**os.environ, **({"LAPSE_FAULT": fault} if fault else {})}
        process = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.communicate(timeout=30)

    def settings_file(self) -> Path:
        """The settings as a lapse.yaml; JSON is YAML."""
        path = self.folder / "lapse.yaml.json"
        path.write_text(self.app.settings.model_dump_json(), encoding="utf-8")
        return path

    def group_and_topic(self, role: str) -> tuple[str, str]:
        """A role's group and the topic it reads, full names."""
        topic, group = self.app._reads(_role(role))
        return group, topic

    def rewind(self, role: str) -> None:
        """Set a role's group back to the first record of its topic."""
        group, topic = self.group_and_topic(role)
        self.app.groups.reset(group, topic, self.app.offsets.beginning(topic))

    def group_offsets(self, role: str) -> dict[int, int | None]:
        """Committed offsets of a role's group on the topic it reads."""
        group, topic = self.group_and_topic(role)
        return dict(self.app.offsets.committed(group, topic))

    # ---- topics ------------------------------------------------------------------------------------------------------

    def count(self, topic: str) -> int:
        """How many records a topic (by its name without prefix) has had, transaction markers counted."""
        return sum(self.app.offsets.end(self.app.names.prefix + topic).values())

    def records(self, topic: str) -> list[Record]:
        """Every record of a topic (by its name without prefix), from its start."""
        return list(self.app.reader.read(self.app.names.prefix + topic))

    def results(self, *outcomes: str) -> list[dict[str, Any]]:
        """The trail; only these outcomes, if some are named."""
        read = [decode(record.value, {"AnonymizationResult"}).fields for record in self.records("results")]
        return [fields for fields in read if not outcomes or fields["outcome"] in outcomes]

    def send(self, topic: str, key: str | None, value: bytes | None) -> None:
        """Write a record as anybody with access could."""
        with closing(self.app.sink()) as sink:
            sink.send(self.app.names.prefix + topic, None if key is None else key.encode(), value)
            sink.flush()


def _role(text: str) -> RoleName:
    role, _, service = text.partition(".")
    return RoleName(role, service or None)


@contextmanager
def installation(
    services: Services,
    folder: Path,
    names: Sequence[str] = ("crm", "loans", "news"),
    *,
    voters: Sequence[str] = (),
    **settings: Any,
) -> Iterator[Installation]:
    """A fresh installation, removed at the end. `voters` have a guard over their table `open_loans`."""
    with ExitStack() as stack:
        made = Installation(services, folder, names, voters=voters, **settings)
        stack.callback(made.remove)
        made.install()
        yield made
