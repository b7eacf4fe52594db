"""A dependency that goes away and comes back, and processes that are told to end."""

import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from consumers.app import App
from consumers.local import Services, running
from consumers.local.daemon import free_port
from consumers.process import Process
from consumers.settings import Settings, TableSettings
from tests.support.installation import Installation, installation, wait_for
from tests.support.proxy import Mode, Proxy, address_of, proxy, through

END_SECONDS = 15.0
ROLES = ("state", "ticker", "anonymizer.crm", "anonymizer.loans")


@pytest.fixture(scope="module")
def lapse(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation with a broker of its own, which these tests may stop."""
    with running("kafka") as own:
        shared = {"kafka": own.kafka, "dynamodb": services.dynamodb, "postgres": services.postgres}
        mixed = Services(own.backend, own.logs, shared)  # type: ignore[arg-type]  # the keys are kinds
        with installation(mixed, tmp_path_factory.mktemp("restarts"), ("crm", "loans"), barrier_seconds=1.0) as made:
            yield made


class Rig:
    """All roles in one process whose health can be asked, crm's database and the table by way of proxies."""

    def __init__(self, lapse: Installation, folder: Path, crm: Proxy, table: Proxy) -> None:
        self.lapse, self.crm, self.table = lapse, crm, table
        self.port = free_port()
        for service in lapse.names:
            rules = (lapse.folder / f"{service}.yaml").read_text(encoding="utf-8")
            direct = lapse.url(service)
            mine = rules.replace(direct, through(direct, crm.port)) if service == "crm" else rules
            (folder / f"{service}.yaml").write_text(mine, encoding="utf-8")
        where = TableSettings(
            name=lapse.app.settings.table.name, endpoint_url=through(lapse.services.dynamodb.url, table.port)
        )
        settings = {**dict(lapse.app.settings), "table": where, "services": folder, "health_port": self.port}
        self.app = App(Settings(**settings))
        self.process: Process

    def waiting_for(self) -> dict[str, str]:
        """What `/readyz` says each role waits for."""
        return {role: text for role, text in self._ready().items() if text != "ok"}

    def ready(self) -> bool:
        return bool(self._ready()) and not self.waiting_for()

    def paused(self, role: str) -> bool:
        return self._sample("lapse_paused", role=role) == 1

    def pauses(self, role: str, code: str) -> float:
        return self._sample("lapse_pauses_total", role=role, code=code)

    def _sample(self, name: str, **labels: str) -> float:
        return self.app.metrics.registry.get_sample_value(name, labels) or 0

    def _ready(self) -> dict[str, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                text = error.read()
        except OSError:
            return {}
        return dict(line.split(": ", 1) for line in text.decode().splitlines())


@contextmanager
def rig(lapse: Installation, folder: Path) -> Iterator[Rig]:
    with unready_rig(lapse, folder, "open") as made:
        wait_for("all are ready", made.ready)
        yield made


@contextmanager
def unready_rig(lapse: Installation, folder: Path, proxies: Mode) -> Iterator[Rig]:
    """The rig started while its proxies are like this."""
    with proxy(address_of(lapse.url("crm"))) as crm, proxy(address_of(lapse.services.dynamodb.url)) as table:
        crm.set(proxies)
        table.set(proxies)
        made = Rig(lapse, folder, crm, table)
        with lapse.roles(app=made.app):
            try:
                yield made
            finally:
                crm.set("open")
                table.set("open")


@contextmanager
def broker_down(lapse: Installation) -> Iterator[None]:
    """The broker is killed, and back at the end of the block whatever happens in it."""
    lapse.services.kafka.kill()
    try:
        yield
    finally:
        lapse.services.kafka.restart()
        lapse.app = lapse.new_app()  # whose clients know the new leaders


def due(lapse: Installation, *customers: str) -> None:
    lapse.people(*customers)
    lapse.close_product(*customers)


def done_everywhere(lapse: Installation, *customers: str) -> None:
    for service in lapse.names:
        assert set(customers) <= lapse.anonymized(service)
        assert {lapse.ledger(service)[each] for each in customers} == {"DONE"}
    assert not lapse.count("dead-letters")


def test_database_that_refuses_pauses_its_own_service_only(lapse: Installation, tmp_path: Path) -> None:
    with rig(lapse, tmp_path) as roles:
        due(lapse, "refused")
        roles.crm.set("refusing")
        lapse.wait_until_folded()
        assert lapse.tick().taken == 1

        wait_for("crm pauses", lambda: roles.paused("anonymizer.crm"))
        wait_for("loans is done", lambda: lapse.ledger("loans").get("refused") == "DONE")
        assert roles.waiting_for().keys() == {"anonymizer.crm"}
        assert lapse.rows("crm")["refused"][2] is False

        roles.crm.set("open")
        lapse.wait_until_completed("refused")
        wait_for("all are ready", roles.ready)
        assert not roles.paused("anonymizer.crm")
    done_everywhere(lapse, "refused")


def test_table_that_refuses_pauses_every_role(lapse: Installation, tmp_path: Path) -> None:
    with rig(lapse, tmp_path) as roles:
        due(lapse, "no-table-claimed")
        roles.crm.set("refusing")  # so that an anonymizer has a command in hand when the table goes away
        lapse.wait_until_folded()
        lapse.tick()
        wait_for("crm pauses", lambda: roles.paused("anonymizer.crm"))

        roles.table.set("refusing")
        roles.crm.set("open")
        due(lapse, "no-table-due")
        tick = lapse.request_tick()
        wait_for(
            "all that have work pause", lambda: {"state", "ticker", "anonymizer.crm"} <= roles.waiting_for().keys()
        )
        assert lapse.stored("no-table-due").row is None

        roles.table.set("open")
        wait_for("the tick ends", lambda: lapse.tick_state(tick) == "ENDED")
        lapse.wait_until_completed("no-table-claimed", "no-table-due")
        wait_for("all are ready", roles.ready)
    done_everywhere(lapse, "no-table-claimed", "no-table-due")


def test_broker_that_is_killed_pauses_and_everything_goes_on_when_it_is_back(
    lapse: Installation, tmp_path: Path
) -> None:
    with rig(lapse, tmp_path) as roles:
        due(lapse, "no-broker")
        roles.crm.set("refusing")
        lapse.wait_until_folded()
        lapse.tick()
        wait_for("crm pauses", lambda: roles.paused("anonymizer.crm"))

        with broker_down(lapse):
            roles.crm.set("open")
            wait_for("no role is ready", lambda: roles.waiting_for().keys() == set(ROLES))
            # it lost its partitions while they were paused, and resumes before they come back
            wait_for("crm holds nothing back", lambda: not roles.paused("anonymizer.crm"))
            assert lapse.rows("crm")["no-broker"][2] is False
        lapse.wait_until_completed("no-broker")
        due(lapse, "after-broker")
        lapse.wait_until_folded()
        assert lapse.tick().taken == 1
        lapse.wait_until_completed("after-broker")
        wait_for("all are ready", roles.ready)
    done_everywhere(lapse, "no-broker", "after-broker")


def test_roles_started_while_everything_is_away_wait_and_go_on(lapse: Installation, tmp_path: Path) -> None:
    due(lapse, "nothing-there")
    with ExitStack() as stack:
        with broker_down(lapse):
            roles = stack.enter_context(unready_rig(lapse, tmp_path, "refusing"))
            wait_for("each waits for the broker", lambda: set(roles.waiting_for().values()) == {"transport"})
            assert roles.waiting_for().keys() == set(ROLES)
        wait_for("the broker is waited for no more", lambda: roles.pauses("state", "ConnectionClosedError"))
        assert roles.waiting_for().keys() == set(ROLES)
        roles.table.set("open")
        wait_for("only the database is waited for", lambda: roles.waiting_for().keys() == {"anonymizer.crm"})
        roles.crm.set("open")
        wait_for("all are ready", roles.ready)
        lapse.wait_until_folded()
        lapse.tick()
        lapse.wait_until_completed("nothing-there")
    done_everywhere(lapse, "nothing-there")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_all_roles_in_time(lapse: Installation, number: signal.Signals) -> None:
    customer = f"signal-{number.name.lower()}"
    due(lapse, customer)
    with lapse.role_process("all") as process:
        lapse.wait_until_folded()
        lapse.tick()
        lapse.wait_until_completed(customer)
        began = time.monotonic()
        process.send_signal(number)
        assert process.wait(60) == 0
        assert time.monotonic() - began < END_SECONDS


def test_until_caught_up_ends_by_itself(lapse: Installation) -> None:
    due(lapse, "caught-up")
    run_until_caught_up(lapse)
    assert lapse.folded()

    tick = lapse.request_tick()
    run_until_caught_up(lapse, "ticker")
    assert lapse.tick_state(tick) == "ENDED"
    run_until_caught_up(lapse)
    assert lapse.completed("caught-up")
    done_everywhere(lapse, "caught-up")


def run_until_caught_up(lapse: Installation, role: str = "all") -> None:
    with lapse.role_process(role, "--until-caught-up") as process:
        assert process.wait(60) == 0
