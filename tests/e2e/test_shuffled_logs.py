"""Duplicates, reordering and replays end in one table: property tests through the real consumer and its loop."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest

from consumers.adapters.clock import SystemClock
from consumers.adapters.dynamodb import DynamoTable, apply_table, connect
from consumers.adapters.faults import NoFaults
from consumers.adapters.memory.broker import MemoryBroker
from consumers.adapters.memory.offsets import MemoryOffsets
from consumers.adapters.memory.sink import MemorySink
from consumers.adapters.memory.source import MemorySource
from consumers.adapters.metrics import PrometheusMetrics
from consumers.app import new_stamp
from consumers.domain.commands import claim
from consumers.domain.index import IndexKeys
from consumers.domain.item import Item
from consumers.domain.names import Names
from consumers.domain.registers import Event, Product
from consumers.domain.rows import state_key
from consumers.domain.verdicts import judge
from consumers.item_record import from_bytes
from consumers.items import Change, Items
from consumers.local import Services
from consumers.operations.installing import write_first_positions
from consumers.operations.policies import apply_policy
from consumers.ports import Partition, Row
from consumers.runtime.deadletters import DeadLetters
from consumers.runtime.health import Health
from consumers.runtime.loop import Loop
from consumers.settings import PurposeSettings, RetentionSettings
from consumers.state.consumer import StateConsumer
from consumers.state.reading import Understood, read_record
from schemas.codec import encode
from schemas.library import POSTPONE, SCHEDULE
from schemas.validate import PERSONAL_DATA
from tests.support.build import DAY, HOUR, all_live, policy, purpose
from tests.support.installation import installation
from tests.support.oracle import NEVER, NONE, due

LOGS = 50
CUSTOMERS = ("one", "two", "three", "four")
PRODUCTS = ("loan/1", "loan/2", "activity", "legal-hold/7")
NOW = SystemClock().now()
POLICY = policy(
    purpose("marketing"), purpose("bookkeeping", services=("ledger",), products=frozenset({"loan"}))
)._replace(first_run=100_000)
MODES = all_live(POLICY)
PURPOSES = {
    name: PurposeSettings(
        retention=RetentionSettings(days=30),
        services=each.services,
        products=None if each.products is None else tuple(each.products),
    )
    for name, each in POLICY.purposes.items()
}
COMMITTED = "one"
Log = Sequence[tuple[str, bytes]]
Statement = tuple[str, dict[str, Any]]


class StandingClock:
    """Always the same moment, so that what a log ends in does not depend on when it was read."""

    def now(self) -> int:
        return NOW

    def wait(self, seconds: float) -> None:
        """Nothing to wait for."""


def statement(chance: Random, customer: str) -> Statement:
    """A statement whose time ties with that of every fifth other one; the customer of the commit is due after any."""
    occurred = NOW - 100 * DAY + chance.randrange(5) * HOUR
    told = {
        "event_id": str(uuid.UUID(int=chance.getrandbits(128))),
        "customer_id": customer,
        "product": chance.choice(PRODUCTS),
        "occurred_at": occurred,
        "source": "test",
    }
    if chance.random() < 0.6:
        not_before = chance.choice([None, None, NOW - chance.randrange(2, 40) * DAY])
        starts = occurred - chance.randrange(10) * HOUR
        return SCHEDULE, {**told, "retention_starts_at": starts, "not_before": not_before}
    past = NOW - 50 * DAY
    return POSTPONE, {**told, "until": past if customer == COMMITTED else chance.choice([None, past, NOW + 50 * DAY])}


def told_twice(said: Statement) -> Statement:
    """The same event id, another statement: a producer's mistake, which the order must not decide about either."""
    name, fields = said
    return name, {**fields, "source": "other"}


def events() -> Log:
    """One set of events: four customers of whom anything may be said, and records nobody understands."""
    chance = Random(20260615)
    told = [statement(chance, customer) for customer in CUSTOMERS for _ in range(14)]
    told += map(told_twice, chance.sample(told, 6))
    good = [(str(fields["customer_id"]), encode(name, fields)) for name, fields in told]
    return [*good, ("two", b"no event"), ("nobody-else", b"no event"), ("nobody-else", b"")]


class Ended(NamedTuple):
    """What a log left of a customer. Holds are named by positions, so only their codes can be compared."""

    products: Mapping[str, Product]
    purposes: Mapping[str, Any]
    holds: frozenset[str]
    keys: IndexKeys | None


class Reader:
    """The real state consumer and loop over a log in memory and a table on the real endpoint."""

    def __init__(self, client: Any, name: str) -> None:
        self.broker = MemoryBroker(StandingClock())
        self.names = Names("shuffled.")
        for topic in (self.names.events, self.names.state, self.names.results, self.names.dead_letters):
            self.broker.create(topic, 3)
        apply_table(client, name, dev=True)
        self.table = DynamoTable(client, name)
        write_first_positions(self.table, MemoryOffsets(self.broker), self.names, new_stamp)
        apply_policy(self.table, POLICY, new_stamp)
        self.items = self._items()

    def _items(self) -> Items:
        return Items(self.table, MemorySink(self.broker), self.names.state, StandingClock(), new_stamp)

    def read(self, log: Log, batch: int) -> None:
        """Append and read to the end, with a consumer of its own."""
        for customer, value in log:
            self.broker.append(self.names.events, customer.encode(), value)
        source = MemorySource(self.broker, [self.names.events], self.names.state_group)
        sink, clock, metrics = MemorySink(self.broker), StandingClock(), PrometheusMetrics()
        consumer = StateConsumer(
            table=self.table,
            items=self._items(),
            source=source,
            sink=sink,
            dead_letters=DeadLetters(sink, self.names.dead_letters, self.names.state_group, metrics, b"secret"),
            results=self.names.results,
            clock=clock,
            metrics=metrics,
            faults=NoFaults(),
            stamp=new_stamp,
        )
        loop = Loop("state", source, consumer, clock, metrics, Health(clock), batch=batch)
        loop.run(lambda: False, until_caught_up=True)
        source.close()

    def rewind(self) -> None:
        """Set the group back to the start of the log."""
        starts = {Partition(self.names.events, number): 0 for number in range(3)}
        self.broker.group(self.names.state_group).committed.update(starts)

    def commit(self, customer: str) -> None:
        """Claim a customer for everything that is due, and pass the commit point."""
        stored = self.items.read([customer])[customer]
        claimed = claim(stored.item, POLICY, MODES, NOW, NOW)
        assert claimed.sent
        [(stored, _)] = self.items.write([Change(stored, claimed.item)], POLICY)
        for sent in claimed.sent:
            wanted = POLICY.purposes[sent.purpose]
            verdict = judge(
                stored.item, wanted, wanted.services[0], sent.command.id, POLICY, NOW, carried_out=False, halted=False
            )
            assert verdict.step == "COMMIT"
            [(stored, _)] = self.items.write([Change(stored, verdict.item)], POLICY)

    def ended(self) -> dict[str, Ended]:
        """Every customer as the table has them."""
        return ended(self.table.read([state_key(each) for each in (*CUSTOMERS, "nobody-else")]))

    def understood(self) -> dict[str, list[Event]]:
        """The events of each customer, as the consumer understands them."""
        found: dict[str, list[Event]] = {customer: [] for customer in CUSTOMERS}
        for number in range(3):
            for record in self.broker.log(Partition(self.names.events, number)).read(0, 10_000)[0]:
                read = read_record(record, PERSONAL_DATA)
                if isinstance(read, Understood):
                    found[read.customer_id].append(read.event)
        return found


def ended(rows: Mapping[Any, Row]) -> dict[str, Ended]:
    items = {key.id: (from_bytes(row.body), row.keys) for key, row in rows.items()}
    return {customer: _ended(item, keys) for customer, (item, keys) in items.items()}


def _ended(item: Item, keys: IndexKeys | None) -> Ended:
    return Ended(item.products, item.purposes, frozenset(hold.code for hold in item.holds.values()), keys)


def shuffled(chance: Random) -> Log:
    """The same events in another order, a third of them twice."""
    told = list(events())
    log = told + chance.sample(told, len(told) // 3)
    chance.shuffle(log)
    return log


@pytest.fixture(scope="module")
def client(services: Services) -> Any:
    return connect(region="eu-north-1", endpoint_url=services.dynamodb.url)


@pytest.fixture
def tables(client: Any) -> Iterator[list[str]]:
    """Names of tables, deleted at the end."""
    names: list[str] = []
    yield names
    for name in names:
        client.delete_table(TableName=name)


def reader(client: Any, tables: list[str]) -> Reader:
    tables.append(f"shuffled-{uuid.uuid4().hex[:12]}")
    return Reader(client, tables[-1])


def test_shuffled_and_duplicated_logs_end_in_one_table(client: Any, tables: list[str]) -> None:
    expected: dict[str, Ended] | None = None
    after_commit: dict[str, Ended] | None = None
    for number in range(LOGS):
        chance = Random(number)
        one = reader(client, tables)
        one.read(shuffled(chance), chance.choice([7, 25, 500]))
        expected = expected or one.ended()
        assert one.ended() == expected, f"log {number}"
        if number % 2:
            one.commit(COMMITTED)
            after_commit = after_commit or one.ended()
            one.rewind()
            one.read(shuffled(chance), chance.choice([7, 25, 500]))
            assert one.ended() == after_commit, f"log {number}, replayed after a commit"
    assert expected is not None
    assert after_commit is not None
    assert expected["two"].holds == expected["nobody-else"].holds == {"undecodable"}
    assert spent(expected) == set()
    assert spent(after_commit) == {frozenset(POLICY.purposes), frozenset({"marketing"})}


def spent(customers: Mapping[str, Ended]) -> set[frozenset[str]]:
    """For which purposes the registers of the customer of the commit are used up."""
    products = customers[COMMITTED].products.values()
    found = {register.spent for product in products for register in product if register}
    return found - {frozenset()}


def test_end_of_a_log_is_what_the_whole_log_says(client: Any, tables: list[str]) -> None:
    one = reader(client, tables)
    one.read(shuffled(Random(1)), 25)
    found = one.ended()
    for customer, told in one.understood().items():
        said = [due(told, each, POLICY, held=bool(found[customer].holds)) for each in POLICY.purposes.values()]
        dates = [each for each in said if each not in {NEVER, NONE}]
        keys = found[customer].keys
        assert (keys is not None and keys.due_shard.startswith("due#")) == bool(dates), customer


@pytest.mark.parametrize("seed", range(3))
def test_log_on_a_real_broker_ends_as_one_in_memory(
    services: Services, tmp_path: Path, client: Any, tables: list[str], seed: int
) -> None:
    log = shuffled(Random(seed))
    in_memory = reader(client, tables)
    in_memory.read(log, 500)
    with installation(services, tmp_path, (), purposes=PURPOSES) as lapse:
        assert lapse.app.settings.policy() == POLICY
        with closing(lapse.app.sink()) as sink:
            for customer, value in log:
                sink.send(lapse.app.names.events, customer.encode(), value)
            sink.flush()
        with lapse.roles("state"):
            lapse.wait_until_folded()
        found = ended(lapse.app.table.read([state_key(each) for each in (*CUSTOMERS, "nobody-else")]))
    # a hold is dated by the clock, and so is where it stands in the index
    assert {name: undated(each) for name, each in found.items()} == {
        name: undated(each) for name, each in in_memory.ended().items()
    }


def undated(found: Ended) -> Ended:
    return found._replace(keys=None) if found.holds else found
