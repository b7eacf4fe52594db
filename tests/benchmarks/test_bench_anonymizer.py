"""Anonymizing on PostgreSQL against one bare set-based UPDATE of the same rows: the store alone, and the whole role.

And against the way it is usually done: a transaction for each customer, bare or by the same store.
"""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from consumers.adapters.memory.metrics import MemoryMetrics
from consumers.adapters.memory.table import MemoryTable
from consumers.app import new_stamp
from consumers.domain.commands import claim
from consumers.domain.folding import fold
from consumers.domain.item import Item
from consumers.domain.policy import Policy
from consumers.domain.registers import Event, Register
from consumers.domain.work import Task
from consumers.items import Change, Items, Stored
from consumers.local import Services
from consumers.operations.modes import set_mode
from schemas.codec import encode
from tests.benchmarks.rounds import Goal, Report, Spent, interleaved, ratios, walls
from tests.benchmarks.runs import NotedSource, Unpublished, caught_up, install
from tests.benchmarks.workload import customers
from tests.support.installation import PURPOSE, Installation, installation

CUSTOMERS, BATCH, ONE_BY_ONE = 20_000, 500, 1_000
IDS = customers(CUSTOMERS)
SERVICE = "crm"
GOAL = Goal("at least", 0.5, floor=0.15)
# What the whole role does beside the database is Python per customer: two writes of the item, three records.
ONE_BY_ONE_GOAL = Goal("at least", 15, floor=5)
ROLE_GOAL = Goal("at least", 0.5, floor=0.01)
DAY = 24 * 3600 * 1_000_000
UPDATE = """
UPDATE people SET name = 'Anonymized', email = gen_random_uuid() || '@anonymized.invalid', anonymized = true
WHERE customer_id = ANY(%s) AND NOT anonymized
"""


@pytest.fixture
def installed(services: Services, tmp_path: Path) -> Iterator[Installation]:
    with installation(services, tmp_path, (SERVICE,)) as made:
        yield made


def test_anonymizer_against_one_bare_update(installed: Installation, report: Report) -> None:
    policy = installed.app.settings.policy()
    commands = _send_commands(installed, policy)
    spent = interleaved(
        {
            "bare UPDATE": lambda: _bare_update(installed),
            "store": lambda: _store(installed, CUSTOMERS, BATCH),
            "store, one by one": lambda: _store(installed, ONE_BY_ONE, 1),
            "bare UPDATE, one by one": lambda: _bare_one_by_one(installed),
            "role": lambda: _role(installed, policy, commands),
        }
    )
    micros = {
        name: walls([one.micros_per(ONE_BY_ONE if "one by one" in name else CUSTOMERS) for one in rounds])
        for name, rounds in spent.items()
    }
    for name, values in micros.items():
        report.note(f"anonymizer, {name}: wall", values, "µs/row")
    bare, batched = micros["bare UPDATE"], micros["store"]
    report.note("anonymizer, store: speed, bare UPDATE = 1", ratios(bare, batched), "x", GOAL)
    report.note("anonymizer, role: speed, bare UPDATE = 1", ratios(bare, micros["role"]), "x", ROLE_GOAL)
    speed = ratios(micros["store, one by one"], batched)
    report.note("anonymizer, store: speed, one by one = 1", speed, "x", ONE_BY_ONE_GOAL)
    speed = ratios(micros["bare UPDATE, one by one"], batched)
    report.note("anonymizer, store: speed, bare UPDATE one by one = 1", speed, "x")


def _bare_update(installed: Installation) -> Spent:
    _fill(installed)
    with installed.connect(SERVICE) as database:
        started = Spent.now()
        changed = database.execute(UPDATE, [IDS]).rowcount
        spent = Spent.now().since(started)
    assert changed == CUSTOMERS
    return spent


def _bare_one_by_one(installed: Installation) -> Spent:
    _fill(installed)
    with installed.connect(SERVICE) as database:
        started = Spent.now()
        for each in IDS[:ONE_BY_ONE]:
            database.execute(UPDATE, [[each]])
            database.commit()
        return Spent.now().since(started)


def _store(installed: Installation, number: int, batch: int) -> Spent:
    _fill(installed)
    store, _ = installed.app.store(SERVICE)
    tasks = [Task(str(uuid.uuid4()), each, PURPOSE, 0, at, 1, None) for at, each in enumerate(IDS[:number])]
    with closing(store):
        assert not store.preflight()
        started = Spent.now()
        answers = [each for first in range(0, number, batch) for each in store.anonymize(tasks[first : first + batch])]
        spent = Spent.now().since(started)
    assert {each.outcome for each in answers} == {"DONE"}
    return spent


def _role(installed: Installation, policy: Policy, items: Sequence[Item]) -> Spent:
    """The role as it runs, with the memory table in place of DynamoDB."""
    _fill(installed)
    app = installed.new_app()
    table = MemoryTable()
    vars(app)["table"] = table
    vars(app)["metrics"] = metrics = MemoryMetrics()
    install(table, policy)
    set_mode(table, SERVICE, "live", "test", app.clock, new_stamp)
    Items(table, Unpublished(), "", app.clock, new_stamp).write(
        [Change(Stored(Item(item.customer_id)), item) for item in items], policy
    )
    store, purpose = app.store(SERVICE)
    source = NotedSource(app.kafka, app.names.commands)
    with closing(store), closing(source), closing(app.sink()) as sink:
        handler = app._anonymizer(SERVICE, store, purpose, sink)
        spent = caught_up("anonymizer", source, handler, metrics, CUSTOMERS, batch=BATCH)
    assert metrics.counted["lapse_outcomes_total", "outcome=DONE", f"service={SERVICE}"] == CUSTOMERS, metrics.counted
    return spent


def _send_commands(installed: Installation, policy: Policy) -> list[Item]:
    """Customers claimed just now, their commands on the topic."""
    now = installed.app.clock.now()
    claimed = [claim(_due(each, policy, now), policy, {SERVICE: "live"}, now, now) for each in IDS]
    with closing(installed.app.sink()) as sink:
        for decided in claimed:
            command, customer = decided.sent[0].command, decided.item.customer_id
            fields = {"command_id": command.id, "attempt": command.attempt, "customer_id": customer}
            order = encode("AnonymizeCustomer", {**fields, "purpose": PURPOSE, "sent_at": now, "only_service": None})
            sink.send(installed.app.names.commands, customer.encode(), order)
        sink.flush()
    return [decided.item for decided in claimed]


def _due(customer: str, policy: Policy, now: int) -> Item:
    closed = now - 60 * DAY
    event_id = str(uuid.uuid5(uuid.NAMESPACE_OID, customer))
    event = Event("schedule", "loan/1", Register(closed, event_id, "00", closed), "lapse.events-0-0")
    return fold(Item(customer), [event], policy, now).item


def _fill(installed: Installation) -> None:
    with installed.connect(SERVICE) as database:
        database.execute("TRUNCATE people, lapse.lapse_ledger")
        with database.cursor().copy("COPY people (customer_id, name, email) FROM STDIN") as copy:
            for each in IDS:
                copy.write_row((each, f"Name of {each}", f"{each}@example.invalid"))
        database.execute("VACUUM ANALYZE people")
        database.execute("CHECKPOINT")
