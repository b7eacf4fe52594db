"""An installation of Lapse for the demo: settings, topics, table, policy, ledgers, services enabled, roles running."""

import os
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.resources import as_file, files
from pathlib import Path

from consumers.adapters.dynamodb import apply_table
from consumers.app import App, RoleName, new_stamp
from consumers.demo.databases import SERVICES, Databases
from consumers.demo.story import RETENTION_DAYS
from consumers.domain.errors import LapseError, PermanentError
from consumers.local import Services, refuse_foreign
from consumers.operations.installing import write_first_positions
from consumers.operations.modes import set_mode
from consumers.operations.policies import apply_policy
from consumers.process import Process
from consumers.settings import KafkaSettings, PurposeSettings, RetentionSettings, Settings, TableSettings
from consumers.stores import SqlStore
from schemas.topics import load_topics

PURPOSE = "customer-care"
BY = "demo"
WAIT_SECONDS = 90


class TooSlowError(PermanentError):
    """Something the demo waits for did not happen in time."""


def settings_for(services: Services, rules: Path, name: str) -> Settings:
    """The demo's settings: this machine's own endpoints and nothing else."""
    for endpoint in (services.kafka.bootstrap_servers, services.dynamodb.url, services.postgres.url):
        refuse_foreign(endpoint)
    retention = RetentionSettings(days=RETENTION_DAYS, timezone="Europe/Stockholm")
    return Settings(
        kafka=KafkaSettings(bootstrap_servers=services.kafka.bootstrap_servers, prefix=f"{name}."),
        table=TableSettings(name=name, endpoint_url=services.dynamodb.url),
        first_run_claims=1_000,
        purposes={PURPOSE: PurposeSettings(retention=retention, services=SERVICES)},
        services=rules,
    )


@contextmanager
def rules_folder(databases: Databases) -> Iterator[Path]:
    """The demo's rules files, their databases named in the environment."""
    for service, url in databases.urls.items():
        os.environ[f"DEMO_{service.upper()}_URL"] = url
    with as_file(files(__package__) / "services") as folder:
        yield folder


def install(app: App) -> None:
    """Everything a first installation does, in its order."""
    app.topics(dev=True).apply(list(load_topics().values()))
    apply_table(app.dynamodb, app.settings.table.name, dev=True)
    write_first_positions(app.table, app.offsets, app.names, new_stamp)
    apply_policy(app.table, app.settings.policy(), new_stamp)
    for service in SERVICES:
        store, _ = app.store(service)
        assert isinstance(store, SqlStore), "the demo's services are databases"
        with closing(store):
            store.create_ledger()
            if findings := store.preflight():
                raise PermanentError(f"{service}: {len(findings)} findings, first {findings[0].code}")
        set_mode(app.table, service, "live", BY, app.clock, new_stamp)


class Roles:
    """All roles of the demo, side by side in this process."""

    def __init__(self, app: App) -> None:
        names = [RoleName("state"), RoleName("ticker"), *(RoleName("anonymizer", service) for service in SERVICES)]
        self._process = Process(app, names)
        self._failure: LapseError | None = None
        self._thread = threading.Thread(target=self._run, name="roles")

    def _run(self) -> None:
        try:
            self._process.run()
        except LapseError as error:
            self._failure = error

    def check(self) -> None:
        """Raise what a role failed for."""
        if self._failure:
            raise self._failure

    @contextmanager
    def running(self) -> Iterator["Roles"]:
        """Run them for the time of a block."""
        self._thread.start()
        try:
            yield self
        finally:
            self._process.stop()
            self._thread.join()
