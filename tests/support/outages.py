"""A whole installation at work while one of its dependencies goes away: all roles as `lapse run`, customers flowing."""

import contextlib
import itertools
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple

from consumers.domain import rows
from consumers.domain.errors import TransientError
from consumers.item_record import from_bytes
from consumers.local.daemon import free_port
from consumers.operations.ticking import request_tick
from tests.support.installation import PURPOSE, Installation, wait_for
from tests.support.proxy import Proxy, address_of, proxy, through

Dependency = Literal["kafka", "table", "crm"]
How = Literal["refusing", "silent"]
BATCH = 3
TICK_SECONDS = 4.0  # oftener, those asked for during an outage would be the longest part of catching up
LONG_AGO = datetime.now(UTC) - timedelta(days=60)


class Seen(NamedTuple):
    """What could be seen during an outage: readiness by role, the metrics page, and what `lapse status` answered."""

    waiting: Mapping[str, str]
    metrics: str
    status: dict[str, Any]
    status_code: int
    status_seconds: float
    outage_seconds: float


class Deployment:
    """`lapse run all` as a process; the table and crm's database by way of proxies. Use `deployed()`."""

    def __init__(self, lapse: Installation, folder: Path, crm: Proxy, table: Proxy) -> None:
        self.lapse, self._proxies = lapse, {"crm": crm, "table": table}
        self._port = free_port()
        for service in lapse.names:
            rules = (lapse.folder / f"{service}.yaml").read_text(encoding="utf-8")
            direct = lapse.url(service)
            mine = rules.replace(direct, through(direct, crm.port)) if service == "crm" else rules
            (folder / f"{service}.yaml").write_text(mine, encoding="utf-8")
        settings = json.loads(lapse.settings_file().read_text(encoding="utf-8"))
        settings["table"]["endpoint_url"] = through(settings["table"]["endpoint_url"], table.port)
        settings |= {"services": str(folder), "health_port": self._port}
        self._config = folder / "lapse.yaml.json"  # not among the rules files
        self._config.write_text(json.dumps(settings), encoding="utf-8")
        self.log = folder / "roles.log"

    def command(self, *words: str) -> list[str]:
        """The words of a command line with these settings."""
        return [sys.executable, "-m", "consumers.cli", "--config", str(self._config), *words]

    def ready(self) -> bool:
        """Whether every role waits for nothing."""
        states = self.states()
        return bool(states) and set(states.values()) == {"ok"}

    def states(self) -> dict[str, str]:
        """What `/readyz` says of each role."""
        return dict(line.split(": ", 1) for line in self._get("readyz").splitlines())

    def status(self) -> tuple[int, dict[str, Any], float]:
        """Exit code, answer and seconds of `lapse status --json`."""
        began = time.monotonic()
        answer = subprocess.run(
            self.command("status", "--json"), capture_output=True, text=True, timeout=60, check=False, env=os.environ
        )
        assert answer.stdout, answer.stderr
        return answer.returncode, json.loads(answer.stdout), time.monotonic() - began

    def outage(self, what: Dependency, how: How, seconds: float) -> Seen:
        """Take a dependency away for at least so long; what was seen meanwhile. `status` is asked early on."""
        with self._away(what, how):
            began = time.monotonic()
            time.sleep(seconds * 3 / 8)  # an outage has a length: there is nothing to wait for
            code, told, took = self.status()
            time.sleep(max(0.0, began + seconds - time.monotonic()))
            waiting = {role: state for role, state in self.states().items() if state != "ok"}
            metrics = self._get("metrics")
            return Seen(waiting, metrics, told, code, took, time.monotonic() - began)

    @contextmanager
    def _away(self, what: Dependency, how: How) -> Iterator[None]:
        broker = self.lapse.services.kafka
        if what != "kafka":
            self._proxies[what].set(how)
        elif how == "silent":
            broker.pause()
        else:
            broker.kill()
        try:
            yield
        finally:
            if what != "kafka":
                self._proxies[what].set("open")
            elif how == "silent":
                broker.resume()
            else:
                broker.restart()

    def _get(self, page: str) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/{page}", timeout=5) as answer:
                return str(answer.read(), "utf-8")
        except urllib.error.HTTPError as error:
            with error:
                return str(error.read(), "utf-8")
        except OSError:
            return ""


@contextmanager
def deployed(lapse: Installation, folder: Path) -> Iterator[Deployment]:
    """All roles running and ready; it must be the same process that runs at the end."""
    with proxy(address_of(lapse.url("crm"))) as crm, proxy(address_of(lapse.services.dynamodb.url)) as table:
        made = Deployment(lapse, folder, crm, table)
        with made.log.open("wb") as log, subprocess.Popen(made.command("run", "all"), stdout=log, stderr=log) as roles:
            try:
                wait_for("all roles are ready", lambda: made.ready() or roles.poll() is not None)
                yield made
                assert roles.poll() is None, made.log.read_text(encoding="utf-8")[-2000:]
            finally:
                roles.kill()


class Flow:
    """Product services that publish and a clock that asks for ticks, each in a thread. Use `flow()`."""

    def __init__(self, lapse: Installation, name: str) -> None:
        self._lapse, self._name = lapse, name
        self._publish, self._tick = threading.Event(), threading.Event()
        self.customers: list[str] = []
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._publishing, self._ticking)]
        for thread in self._threads:
            thread.start()

    def stop_publishing(self) -> None:
        """Publish nothing new; what was published is acknowledged once this returns."""
        self._publish.set()
        self._threads[0].join(120)
        assert not self._threads[0].is_alive(), "the producer never got its acknowledgements"

    def end(self) -> None:
        """Ask for no more ticks either."""
        self._publish.set()
        self._tick.set()
        for thread in self._threads:
            thread.join(60)

    def complete(self) -> bool:
        """Whether everybody published so far has been anonymized everywhere, by the table."""
        return self.completed(len(self.customers))

    def completed(self, count: int) -> bool:
        """Whether so many have been published and, the first of them, anonymized."""
        customers = self.customers[:count]
        if len(customers) < count:
            return False
        found = self._lapse.app.table.read([rows.state_key(customer) for customer in customers])
        states = [from_bytes(row.body).of(PURPOSE) for row in found.values()]
        return len(states) == len(customers) and all(state.last and not state.command for state in states)

    def _publishing(self) -> None:
        with self._lapse.producer() as producer:
            for number in itertools.count():
                if self._publish.wait(0.5):
                    return
                batch = [f"{self._name}-{number}-{each}" for each in range(BATCH)]
                self._lapse.people(*batch)
                for customer in batch:
                    producer.product_closed(customer, "loan/1", closed_at=LONG_AGO)
                self.customers += batch

    def _ticking(self) -> None:
        app = self._lapse.app
        with closing(app.sink()) as sink:
            while not self._tick.wait(TICK_SECONDS):
                with contextlib.suppress(TransientError):
                    request_tick(sink, app.names.ticks, app.clock.now(), "test", dry_run=False)


@contextmanager
def flow(lapse: Installation, name: str) -> Iterator[Flow]:
    """Customers that become due one after the other, under way through every service."""
    made = Flow(lapse, name)
    try:
        wait_for("the flow flows", lambda: made.completed(2 * BATCH))
        yield made
    finally:
        made.end()
