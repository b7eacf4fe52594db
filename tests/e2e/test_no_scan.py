"""Nothing scans: what is asked of DynamoDB names keys, and a batch of any size is as many SQL statements."""

import re
import uuid
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

from consumers.app import App
from consumers.local import Services
from consumers.operations import customers, status
from consumers.ports import Record
from consumers.runtime.loop import Handler
from tests.support.by_hand import ahead, read_all
from tests.support.installation import Installation, installation, wait_for
from tests.support.no_scan import Call, watch_calls

USED = {"BatchGetItem", "BatchExecuteStatement", "Query"}


def watched(lapse: Installation) -> list[list[Call]]:
    """The calls of the client in use and of every one made from now on."""
    calls = [watch_calls(lapse.app.dynamodb)]

    def watch(app: App) -> None:
        calls.append(watch_calls(app.dynamodb))

    lapse.on_new_app = watch
    return calls


def run_everything(lapse: Installation) -> None:
    with lapse.roles():
        lapse.close_product("a", "b", "held")
        with lapse.producer() as producer:
            producer.postpone("b", "activity", until=ahead(days=9))
        lapse.send("events", "unread", b"no event")
        lapse.wait_until_folded()
        name = ask_by_hand(lapse)
        lapse.tick(dry_run=True)
        assert lapse.tick().taken == 1
        lapse.wait_until_completed("a")
        with closing(lapse.app.sink()) as sink:
            customers.lift_hold(lapse.app.items(sink), "held", name, lapse.app.settings.policy())
        assert lapse.tick().taken == 1
        lapse.wait_until_completed("held")


def ask_by_hand(lapse: Installation) -> str:
    app = lapse.app
    assert status.status(app.sources())["customers"]["due"] == 2
    with closing(app.sink()) as sink:
        items = app.items(sink)
        assert customers.customer(app.table, "a").products
        return customers.add_hold(items, "held", "test", "a dispute", app.settings.policy(), app.clock)


def replay(lapse: Installation) -> None:
    for group, topic in (
        (lapse.app.names.anonymizer_group("crm"), lapse.app.names.commands),
        (lapse.app.names.state_group, lapse.app.names.events),
    ):
        lapse.app.groups.reset(group, topic, lapse.app.offsets.beginning(topic))
    with lapse.roles():
        read_all(lapse, "anonymizer.crm", "state")


def test_pipeline_never_reads_the_table_without_a_key(services: Services, tmp_path: Path) -> None:
    with installation(services, tmp_path, ("crm",)) as lapse:
        lapse.people("a", "b", "held")
        calls = watched(lapse)
        run_everything(lapse)
        replay(lapse)
        lapse.on_new_app = lambda _app: None
        seen = [call for client in list(calls) for call in client]
    assert len(calls) == 3  # this process, the first run and the replay
    assert all(calls)
    assert [call for call in seen if call.refused] == []
    assert {call.operation for call in seen} == USED


def commands(lapse: Installation, sizes: dict[str, int]) -> dict[str, list[Record]]:
    """Commands for as many customers as asked, by the name they share, none of them carried out yet."""
    names = {name: [f"{name}-{number}" for number in range(size)] for name, size in sizes.items()}
    everybody = [customer for batch in names.values() for customer in batch]
    lapse.people(*everybody)
    with lapse.roles("state", "ticker"):
        lapse.close_product(*everybody)
        lapse.wait_until_folded()
        assert lapse.tick().taken == len(everybody)
    found = lapse.records("commands")
    return {name: [each for each in found if (each.key or b"").decode() in batch] for name, batch in names.items()}


def statements(lapse: Installation, log: Path, work: Callable[[], object]) -> int:
    """How many statements the service's database was asked while this was done, the pool's ping included."""
    marks = [uuid.uuid4().hex, uuid.uuid4().hex]
    for mark in marks:
        with lapse.connect("crm") as database:
            database.execute(f"SELECT '{mark}'".encode())
        if mark == marks[0]:
            work()
    text = wait_for("the last mark in the log", lambda: _between(log, *marks))
    return len(re.findall(r"(?:statement|execute [^:]*): ", text)) - 1  # the closing mark


def _between(log: Path, first: str, last: str) -> str:
    text = log.read_text(errors="replace")
    return text[text.index(first) : text.index(last)] if last in text else ""


def handle(anonymizer: Handler, records: list[Record]) -> None:
    anonymizer.handle(records)


def test_batch_of_500_takes_as_many_statements_as_one_of_10(services: Services, tmp_path: Path) -> None:
    with installation(services, tmp_path, ("crm",)) as lapse, ExitStack() as stack:
        with lapse.connect("crm") as database:
            database.execute(f"ALTER DATABASE {lapse.database('crm')} SET log_statement = 'all'".encode())
        batches = commands(lapse, {"one": 1, "few": 10, "many": 500})
        assert {name: len(batch) for name, batch in batches.items()} == {"one": 1, "few": 10, "many": 500}
        sink = stack.enter_context(closing(lapse.app.sink()))
        store, purpose = lapse.app.store("crm")
        stack.callback(store.close)
        anonymizer = lapse.app._anonymizer("crm", store, purpose, sink)
        handle(anonymizer, batches["one"])  # opens connections, looks at the schema
        log = services.postgres.log
        few = statements(lapse, log, lambda: handle(anonymizer, batches["few"]))
        many = statements(lapse, log, lambda: handle(anonymizer, batches["many"]))
        assert set(lapse.ledger("crm").values()) == {"DONE"}
        assert len(lapse.ledger("crm")) == 511
    assert few == many
    assert 0 < few <= 20
