"""The load: customers live their fates, spread over the storm; every acknowledgement is written down."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from functools import partial
from random import Random
from typing import Any, TypeVar

import psycopg
from confluent_kafka import KafkaError, Message, Producer

from consumers.adapters.kafka.config import KafkaConfig, producer_properties
from consumers.domain.errors import TransientError
from consumers.operations.ticking import request_tick
from producer_client import LapseProducer, Postpone, Schedule
from producer_client.delivery import DeliveryReport
from tests.chaos.customers import Customer, Row, Said, Unreadable, event_of
from tests.chaos.fates import SOURCE, Wait, scripts
from tests.chaos.roles import Roles
from tests.support.installation import Installation

T = TypeVar("T")
ROUND_SECONDS = 0.05
LOOK_SECONDS = 1.0
TICK_SECONDS = 2.5
TICK_PATIENCE = 20.0
REDRIVE_SECONDS = 6.0
AGAIN_SECONDS = 2.0
LOAD_SHARE = 0.9
"""The last customers come some time before the last faults."""
TWICE = 0.05
"""How often a producer sends an event twice."""
REASON = "chaos"


class Flow:
    """A thread that lives the customers' lives, another that asks for ticks. Fulfils `Teller`.

    Customers come as the storm makes progress, so that it always has work to strike at.
    """

    def __init__(
        self, lapse: Installation, roles: Roles, customers: Sequence[Customer], seed: int, progress: Callable[[], float]
    ) -> None:
        self._lapse, self._roles, self._chance = lapse, roles, Random(seed)
        self._customers = {customer.id: customer for customer in customers}
        lives = scripts(customers, self, seed)
        self._progress = progress
        starts = sorted(self._chance.uniform(0, LOAD_SHARE) for _ in lives)
        self._to_come = list(zip(starts, lives, strict=True))
        self._living: list[tuple[Iterator[Wait], Wait]] = []
        self._ledger: dict[str, int] = {}
        self._watched: dict[str, int] = {}
        self._redriving: set[str] = set()
        self._redrive: tuple[float, int | None] = (0.0, None)
        self._unsent: list[Callable[[], None]] = []
        self._stop, self._no_more_ticks = threading.Event(), threading.Event()
        broker: KafkaConfig = {"bootstrap.servers": lapse.services.kafka.bootstrap_servers, "log_level": 2}
        self._producer = LapseProducer(broker, source=SOURCE, topic=lapse.app.names.events)
        self._raw = Producer(producer_properties({**broker, "delivery.timeout.ms": 120_000}))
        self._failure: BaseException | None = None
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._live, self._tick)]
        self.failed_deliveries = 0

    def begin(self) -> None:
        """Let them live."""
        for thread in self._threads:
            thread.start()

    def lived(self) -> bool:
        """Whether every script is at its end. Raises what ended the flow before its time."""
        if self._failure:
            raise self._failure
        return not self._threads[0].is_alive()

    def unfinished(self) -> int:
        """How many scripts have not ended."""
        return len(self._to_come) + len(self._living)

    def stop_ticks(self) -> None:
        """Ask for no more ticks."""
        self._no_more_ticks.set()
        self._threads[1].join(60)

    def close(self) -> None:
        """End both threads and the producers."""
        self._stop.set()
        self._no_more_ticks.set()
        for thread in self._threads:
            if thread.ident:
                thread.join(60)
        self._producer.close(5.0)
        self._raw.flush(5.0)

    # ---- what fates ask for ------------------------------------------------------------------------------------------

    def say(self, customer: Customer, statement: Schedule | Postpone) -> Wait:
        """Publish, now and then twice; again under the same id until it is acknowledged."""
        said = Said(event_of(statement))
        customer.said.append(said)
        said.sent = _now()
        for _ in range(2 if self._chance.random() < TWICE else 1):
            self._publish(statement, said)
        return lambda: said.acknowledged <= _now()

    def spoil(self, customer: Customer, record: Unreadable) -> Wait:
        """Publish its bytes under the customer's key."""
        customer.unreadable.append(record)
        self._publish_raw(customer.id.encode(), record)
        return lambda: record.acknowledged <= _now()

    def after(self, least: float, most: float) -> Wait:
        """True after some seconds."""
        at = time.monotonic() + self._chance.uniform(least, most)
        return lambda: time.monotonic() >= at

    def done(self, customer: Customer, times: int = 1) -> Wait:
        """True once every ledger has so many rows of the customer."""
        self._watched[customer.id] = times
        return lambda: customer.id not in self._watched

    def comes_back(self, customer: Customer) -> Wait:
        """Write new rows as the application would: the flag is cleared."""
        row = Row(_now(), f"Back as {customer.id}", f"back-{customer.id}@example.invalid")
        customer.rows.append(row)
        statement = "UPDATE people SET name = %s, email = %s, anonymized = false WHERE customer_id = %s"
        for service in self._lapse.names:
            self._write(service, statement, (row.name, row.email, customer.id))
        return _at_once

    def becomes_inactive(self, customer: Customer) -> Wait:
        """From now on the voting services may agree."""
        customer.active_until = _now()
        for service in self._lapse.voters:
            self._write(service, "DELETE FROM open_loans WHERE borrower = %s", (customer.id,))
        return _at_once

    def discard(self, customer: Customer) -> Wait:
        """`lapse dlq discard`, again until it succeeds: the dead letter may not be there yet, or something away."""
        [record] = customer.unreadable
        record.released = _now()
        command = ("dlq", "discard", record.position, "--by", REASON, "--reason", REASON)
        return self._until_it_succeeds(partial(self._roles.command, *command))

    def redrive(self, customer: Customer) -> Wait:
        """`lapse dlq redrive`, every few seconds while somebody waits for it."""
        self._redriving.add(customer.id)
        self.done(customer)
        return _at_once

    # ---- publishing --------------------------------------------------------------------------------------------------

    def _publish(self, statement: Schedule | Postpone, said: Said) -> None:
        def reported(report: DeliveryReport) -> None:
            if report.ok:
                said.acknowledged = min(said.acknowledged, _now())
            else:
                self.failed_deliveries += 1
                self._unsent.append(partial(self._publish, statement, said))

        if isinstance(statement, Schedule):
            self._producer.schedule(
                statement.customer_id,
                statement.product,
                retention_starts_at=statement.retention_starts_at,
                occurred_at=statement.occurred_at,
                event_id=statement.event_id,
                on_delivery=reported,
            )
        else:
            self._producer.postpone(
                statement.customer_id,
                statement.product,
                until=statement.until,
                occurred_at=statement.occurred_at,
                event_id=statement.event_id,
                on_delivery=reported,
            )

    def _publish_raw(self, key: bytes, record: Unreadable) -> None:
        def reported(error: KafkaError | None, message: Message) -> None:
            if error:
                self.failed_deliveries += 1
                self._unsent.append(partial(self._publish_raw, key, record))
            else:
                record.position = f"{message.topic()}-{message.partition()}-{message.offset()}"
                record.acknowledged = _now()

        self._raw.produce(self._lapse.app.names.events, record.value, key, on_delivery=reported)

    # ---- living ------------------------------------------------------------------------------------------------------

    def _live(self) -> None:
        try:
            looked = time.monotonic()
            while (self._to_come or self._living) and not self._stop.wait(ROUND_SECONDS):
                self._raw.poll(0)
                while self._unsent:
                    self._unsent.pop()()
                self._be_born(self._progress())
                if time.monotonic() - looked > LOOK_SECONDS:
                    self._look()
                    self._redrive_for_those_who_wait()
                    looked = time.monotonic()
                self._go_on()
        except BaseException as error:  # noqa: BLE001 - raised again by who asks
            self._failure = error

    def _be_born(self, progress: float) -> None:
        while self._to_come and self._to_come[0][0] <= progress:
            _, life = self._to_come.pop(0)
            self._living.append((life, _at_once))

    def _go_on(self) -> None:
        still = []
        for life, wait in self._living:
            if not wait():
                still.append((life, wait))
            elif (following := next(life, None)) is not None:
                still.append((life, following))
        self._living = still

    def _look(self) -> None:
        """Take those off the watch list whom every ledger has as often as is waited for."""
        if not self._watched:
            return
        query = "SELECT customer_id, count(*) FROM lapse.lapse_ledger WHERE customer_id = ANY(%s) GROUP BY 1"
        counts = [dict(self._read(service, query, list(self._watched))) for service in self._lapse.names]
        for customer, times in list(self._watched.items()):
            if all(found.get(customer, 0) >= times for found in counts):
                del self._watched[customer]
                self._redriving.discard(customer)

    def _redrive_for_those_who_wait(self) -> None:
        at, running = self._redrive
        if running is not None:
            if self._roles.command_ended(running) is None:
                return
            running = None
        if self._redriving and time.monotonic() - at > REDRIVE_SECONDS:
            words = ("--code", "too_far_in_the_future", "--parked", "--execute", "--by", REASON)
            at, running = time.monotonic(), self._roles.command("dlq", "redrive", *words)
        self._redrive = at, running

    def _until_it_succeeds(self, start: Callable[[], int]) -> Wait:
        running, again_at = start(), 0.0

        def succeeded() -> bool:
            nonlocal running, again_at
            code = self._roles.command_ended(running)
            if code and not again_at:
                again_at = time.monotonic() + AGAIN_SECONDS
            if code and time.monotonic() >= again_at:
                running, again_at = start(), 0.0
            return code == 0

        return succeeded

    def _write(self, service: str, statement: str, values: tuple[str, ...]) -> None:
        self._persist(service, lambda database: database.execute(statement.encode(), values))

    def _read(self, service: str, query: str, *values: object) -> list[tuple[str, int]]:
        return self._persist(service, lambda database: database.execute(query.encode(), values).fetchall())

    def _persist(self, service: str, work: Callable[[psycopg.Connection[Any]], T]) -> T:
        """Work on a service's database, again while it is away; so the work must not mind being done twice."""
        while True:
            try:
                with self._lapse.connect(service) as database:
                    return work(database)
            except psycopg.OperationalError:
                if self._stop.wait(0.2):
                    raise

    def _tick(self) -> None:
        """Ask for the next tick when the last one has ended, or may have been lost: else they pile up in the storm."""
        app, asked_at, last = self._lapse.app, 0.0, ""
        with closing(app.sink()) as sink:
            while not self._no_more_ticks.wait(TICK_SECONDS):
                with suppress(TransientError):
                    if time.monotonic() - asked_at > TICK_PATIENCE or self._lapse.tick_state(last) == "ENDED":
                        last = request_tick(sink, app.names.ticks, app.clock.now(), REASON, dry_run=False)
                        asked_at = time.monotonic()


def _at_once() -> bool:
    return True


def _now() -> int:
    return time.time_ns() // 1000
