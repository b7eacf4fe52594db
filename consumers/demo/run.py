"""The demo, step by step. Every number it prints was read back from Kafka, the table or a database."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from typing import NamedTuple

from consumers.adapters.kafka import KafkaSource
from consumers.app import App
from consumers.demo.books import differences
from consumers.demo.databases import SERVICES, Databases, Snapshot
from consumers.demo.installation import BY, PURPOSE, WAIT_SECONDS, Roles, TooSlowError
from consumers.demo.story import Customer, Statement, is_due, say
from consumers.domain.item import PurposeState
from consumers.domain.rows import Key, state_key
from consumers.domain.ticks import Plan
from consumers.operations import ticking
from consumers.operations.installing import positions
from consumers.ports import Record, RecordSink, Row
from consumers.stores import Rules, load_sql_rules
from producer_client import LapseProducer

GARBAGE = b"\xc3\x01this is no record"
Advance = Callable[[int], None]


class Story(NamedTuple):
    """What is to happen, and who is to be anonymized by it."""

    customers: Sequence[Customer]
    expected: frozenset[str]
    unreadable: str


class Demo:
    """The steps of the demo on one installation."""

    def __init__(
        self, app: App, sink: RecordSink, databases: Databases, customers: Sequence[Customer], now: datetime
    ) -> None:
        self.app, self.databases = app, databases
        self._sink, self._items = sink, app.items(sink)
        unreadable = customers[0].customer_id
        due = frozenset(each.customer_id for each in customers if is_due(each.statements, now)) - {unreadable}
        self.story = Story(customers, due, unreadable)
        self.before: Snapshot = {}

    def publish(self, advance: Advance) -> None:
        """Publish every statement through the producer client, in the order they happened, and the garbage."""
        statements = sorted(
            (each for customer in self.story.customers for each in customer.statements),
            key=lambda each: each.occurred_at,
        )
        # errors only: a broker that is just up warns that it still loads
        quiet = {**self.app.kafka, "log_level": 3}
        with LapseProducer(quiet, source="demo", topic=self.app.names.events) as producer:
            for statement in statements:
                self.say(producer, statement)
                advance(1)
            if left := producer.flush(30.0):
                raise TooSlowError(f"{left} events were not acknowledged")
        self._sink.send(self.app.names.events, self.story.unreadable.encode(), GARBAGE)
        self._sink.flush()

    def say(self, producer: LapseProducer, statement: Statement) -> None:
        """Publish one statement."""
        say(producer, statement)

    def wait_until_folded(self, roles: Roles) -> None:
        """Wait until the table contains every event."""

        def folded() -> bool:
            ends = self.app.offsets.end(self.app.names.events)
            return all((at or 0) >= ends[partition] for partition, at in positions(self.app.table, ends).items())

        _wait(folded, roles, "the state consumer")

    def tick(self, *, dry_run: bool) -> Plan:
        """Ask for a tick and wait for its end."""
        at = self.app.clock.now()
        tick_id = ticking.request_tick(self._sink, self.app.names.ticks, at, BY, dry_run=dry_run)
        return ticking.wait_for_tick(self.app.table, tick_id, self.app.clock, WAIT_SECONDS)

    def wait_until_complete(self, roles: Roles, advance: Advance) -> None:
        """Wait until no claimed customer has a command in flight, and every command is handled."""
        done = 0

        def complete() -> bool:
            nonlocal done
            states = list(self._states())
            finished = sum(state.last is not None for state in states)
            advance(finished - done)
            done = finished
            return not any(state.command for state in states) and self._all_read()

        _wait(complete, roles, "the anonymizers")

    def _all_read(self) -> bool:
        names = self.app.names
        lags = [self.app.offsets.lag(names.anonymizer_group(service), names.commands) for service in SERVICES]
        return not any(lags)

    def _states(self) -> Iterator[PurposeState]:
        for stored in self._items.read(each.customer_id for each in self.story.customers).values():
            yield stored.item.of(PURPOSE)

    def rules(self) -> dict[str, Rules]:
        """The rules of the three services."""
        return {service: load_sql_rules(self.app.rules_file(service), os.environ) for service in SERVICES}

    def check(self) -> list[str]:
        """What the databases and ledgers say otherwise than the events."""
        found = list(differences(self.before, self.databases.snapshot(), self.rules(), self.story.expected))
        found += [
            f"{service}: the ledger does not name those who are due"
            for service in SERVICES
            if self.databases.ledger(service).keys() != self.story.expected
        ]
        return found

    def rows_of_the_table(self) -> dict[Key, Row]:
        """Every customer's row."""
        return dict(self.app.table.read([state_key(each.customer_id) for each in self.story.customers]))

    def dead_letters(self) -> list[Record]:
        """The dead letters, from the start of the topic."""
        topic = self.app.names.dead_letters
        count = sum(self.app.offsets.end(topic).values())
        source = KafkaSource(self.app.kafka, [topic], "lapse-demo-reader")
        found: list[Record] = []
        with closing(source):
            deadline = time.monotonic() + 20
            while len(found) < count and time.monotonic() < deadline:
                polled = source.poll(100, 0.5)
                if polled.assigned:
                    starts = self.app.offsets.beginning(topic)
                    source.start({at: starts[at.partition] for at in polled.assigned})
                found += polled.records
        return found

    def set_back(self, group: str, topic: str) -> int:
        """Set a group back to the start; how many records it reads again."""
        moved = self.app.groups.reset(group, topic, self.app.offsets.beginning(topic))
        return sum((moved.before[at] or 0) - (after or 0) for at, after in moved.after.items())


def _wait(done: Callable[[], bool], roles: Roles, whom: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not done():
        roles.check()
        if time.monotonic() > deadline:
            raise TooSlowError(f"{whom} did not finish within {WAIT_SECONDS} s")
        time.sleep(0.1)
