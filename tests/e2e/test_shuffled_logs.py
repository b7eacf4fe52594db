"""Duplicates, reordering and replays end in one table: property tests through the real consumer and its loop."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
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
from consumers.domain.commands import claim, judge
from consumers.domain.index import IndexKeys
from consumers.domain.item import Item
from consumers.domain.names import Names
from consumers.domain.registers import Event, Product
from consumers.domain.rows import state_key
from consumers.item_record import from_bytes
from consumers.items import Change, Items
from consumers.local import Services
from consumers.operations.installing import write_first_positions
from consumers.operations.policies import apply_policy
from consumers.ports import Partition, Record, Row
from consumers.runtime.deadletters import DeadLetters
from consumers.runtime.health import Health
from consumers.runtime.loop import Loop
from consumers.state.consumer import StateConsumer
from consumers.state.reading import Understood, read_record
from schemas.codec import encode
from tests.support.build import DAY, HOUR, all_live, policy, purpose
from tests.support.installation import installation
from tests.support.oracle import NEVER, NONE, due

LOGS = 50
CUSTOMERS = ("one", "two", "three", "four")
PRODUCTS = ("loan/1", "loan/2", "activity", "legal-hold/7")
NOW = SystemClock().now()
POLICY = policy(purpose("marketing"), purpose("bookkeeping", services=("ledger",), products=frozenset({"loan"})))
MODES = all_live(POLICY)
COMMITTED = "one"
Log = Sequence[tuple[str, bytes]]


class StandingClock:
    """Always the same moment, so that what a log ends in does not depend on when it was read."""

    def now(self) -> int:
        return NOW

    def wait(self, seconds: float) -> None:
        """Nothing to wait for."""


def event(chance: Random, customer: str) -> tuple[str, bytes]:
    """A statement whose time ties with that of every fifth other one, up to 100 days back."""
    schedule = chance.random() < 0.6
    occurred = NOW - 100 * DAY + chance.randrange(5) * HOUR
    fields: dict[str, Any] = {
        "event_id": str(uuid.UUID(int=chance.getrandbits(128))),
        "customer_id": customer,
        "product": chance.choice(PRODUCTS),
        "occurred_at": occurred,
        "source": "test",
    }
    if schedule:
        not_before = chance.choice([None, None, NOW - chance.randrange(40) * DAY])
        starts = occurred - chance.randrange(10) * HOUR
        return customer, encode(
            "ScheduleAnonymization", {**fields, "retention_starts_at": starts, "not_before": not_before}
        )
    until = chance.choice([None, NOW - 50 * DAY, NOW + 50 * DAY])
    return customer, encode("PostponeAnonymization", {**fields, "until": until})


def plain(customer: str) -> tuple[str, bytes]:
    """A statement that makes a customer due, of a product of its own."""
    at = NOW - 90 * DAY
    fields = {"event_id": str(uuid.UUID(int=1)), "customer_id": customer, "product": "loan/9", "occurred_at": at}
    return customer, encode("ScheduleAnonymization", {**fields, "retention_starts_at": at, "source": "test"})


def events() -> list[tuple[str, bytes]]:
    """One set of events: three customers of whom anything may be said, one of whom only that they are due."""
    chance = Random(20260615)
    told = [event(chance, customer) for customer in CUSTOMERS[1:] for _ in range(14)]
    twice = [(customer, _other_statement(value)) for customer, value in told[:3]]
    bad = [("two", b"no event"), ("nobody-else", b"no event")]
    return [plain(COMMITTED), *told, *twice, *bad]


def _other_statement(value: bytes) -> bytes:
    """The same event id, another statement: a producer's mistake that must not make the end depend on the order."""
    read = read_record(Record("", 0, 0, NOW, None, value))
    del read
    return value[:-5] + b"other"[:5] if value.endswith(b"test") else value


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
                read = read_record(record)
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
    told = events()
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
    assert {register.spent for register in after_commit[COMMITTED].products["loan/9"] if register} == {
        frozenset(POLICY.purposes)
    }
    assert expected["nobody-else"].holds == expected["two"].holds == {"undecodable"}
    assert {name: each for name, each in after_commit.items() if name != COMMITTED} == {
        name: each for name, each in expected.items() if name != COMMITTED
    }


def test_end_of_a_log_is_what_the_whole_log_says(client: Any, tables: list[str]) -> None:
    one = reader(client, tables)
    one.read(shuffled(Random(1)), 25)
    found = one.ended()
    for customer, told in one.understood().items():
        said = [due(told, each, POLICY, held=bool(found[customer].holds)) for each in POLICY.purposes.values()]
        dates = [each for each in said if each not in {NEVER, NONE}]
        keys = found[customer].keys
        assert (keys is not None and keys.due_shard.startswith("due#")) == bool(dates), customer
