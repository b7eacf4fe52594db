"""The poll loop of a role: one batch in hand, handled until it succeeds, then its offsets committed.

Offsets are always those of the next record to be read. What a handler could not finish stays in hand, the partitions
paused, polling going on so that the group keeps its member. A rebalance is learnt of between two batches: what was
handled is committed by then, what is in hand is dropped.
"""

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

import structlog

from consumers.domain.errors import TransientError
from consumers.domain.failures import BUDGET_SECONDS, records_at_once
from consumers.ports import Clock, Metrics, Partition, Polled, Record, RecordSource
from consumers.runtime.backoff import backoff
from consumers.runtime.health import Health
from consumers.runtime.measures import LAG, PAUSED, PAUSES, RECORDS
from consumers.runtime.poison import Poison
from consumers.runtime.records import next_offsets

POLL_SECONDS = 0.5
log = structlog.get_logger()


class TakeOverError(TransientError):
    """What this consumer believed of its partitions is not so any more: they are taken over again."""


class Handler(Protocol):
    """A role, as the loop sees it. Any TransientError means: nothing is committed, the same call comes again.

    Any other error of `handle` but a PermanentError is a record's fault: tried again, then that record is given up.
    """

    def assigned(self, partitions: Collection[Partition]) -> Mapping[Partition, int | None]:
        """Where to start each partition; None: at the committed offset."""

    def handle(self, records: Sequence[Record]) -> None:
        """Handle records completely. They may come again, in other batches too; that changes nothing."""

    def give_up(self, record: Record, code: str) -> None:
        """Keep a record that keeps failing as a dead letter, with what must hold because of it."""

    def advance(self, offsets: Mapping[Partition, int]) -> None:
        """All before these offsets is handled or given up; they are committed next."""

    def idle(self) -> None:
        """Called when there is nothing to handle."""


class Loop:
    """Runs one handler on one source."""

    def __init__(
        self,
        role: str,
        source: RecordSource,
        handler: Handler,
        clock: Clock,
        metrics: Metrics,
        health: Health,
        *,
        batch: int = 500,
        budget_seconds: float = BUDGET_SECONDS,
        chance: random.Random | None = None,
    ) -> None:
        self._role, self._source, self._handler = role, source, handler
        self._clock, self._metrics, self._health = clock, metrics, health
        self._poison = Poison(handler)
        self._batch = self._at_once = batch
        self._budget_micros = int(budget_seconds * 1_000_000)
        self._chance = chance or random.Random()  # noqa: S311 - jitter, not a secret
        self._assigned: set[Partition] = set()
        self._to_start: set[Partition] = set()
        self._in_hand: Polled | None = None
        self._ended: set[Partition] = set()
        self._failures, self._not_before = 0, 0

    def run(self, stop: Callable[[], bool], *, until_caught_up: bool = False) -> None:
        """Run until `stop` says so or, if asked, every assigned partition was handled to its end."""
        while not stop() and not (until_caught_up and self.caught_up):
            self.step()
        log.info("loop_stopped", role=self._role)

    def step(self) -> None:
        """Poll once, then work on what is in hand."""
        self._health.progressed()
        try:
            polled = self._source.poll(self._at_once, self._timeout())
        except TransientError as error:
            self._wait(error.code)
            self._clock.wait(POLL_SECONDS)
            return
        self._rebalance(polled)
        if polled.records or polled.ends:
            self._in_hand = _joined(self._in_hand, polled)
            self._note_ends(polled)
        if self._failures:
            self._note_lag()
        if self._clock.now() >= self._not_before:
            self._work()

    def _timeout(self) -> float:
        if self._in_hand is None and not self._to_start:
            return POLL_SECONDS
        return max(0.0, min(POLL_SECONDS, (self._not_before - self._clock.now()) / 1_000_000))

    def _rebalance(self, polled: Polled) -> None:
        if polled.revoked:
            # what is in hand was not committed: whoever has the partitions now reads it again
            self._assigned -= set(polled.revoked)
            self._to_start -= set(polled.revoked)
            self._drop()
            # a broker that stays away ends here too: without partitions a role is not ready
            self._health.waiting("assignment")
            log.info("partitions_revoked", role=self._role, partitions=len(polled.revoked))
        if polled.assigned:
            self._assigned |= set(polled.assigned)
            self._to_start |= set(polled.assigned)
            log.info("partitions_assigned", role=self._role, partitions=len(polled.assigned))

    def _note_ends(self, polled: Polled) -> None:
        self._ended -= {Partition(record.topic, record.partition) for record in polled.records}
        self._ended |= set(polled.ends)

    def _note_lag(self) -> None:
        """While it waits: the age of the oldest record in hand, so that an outage shows as it grows."""
        if self._in_hand and self._in_hand.records:
            age = self._clock.now() - min(record.timestamp for record in self._in_hand.records)
            self._metrics.gauge(LAG, max(age, 0) / 1_000_000, role=self._role)

    @property
    def caught_up(self) -> bool:
        """Whether everything assigned was handled to its end."""
        return bool(self._assigned) and self._in_hand is None and self._assigned <= self._ended

    def _work(self) -> None:
        try:
            if self._to_start:
                self._start()
            elif self._in_hand is not None:
                self._handle(self._in_hand)
            else:
                self._handler.idle()
        except TakeOverError as error:
            self._drop()
            self._to_start = set(self._assigned)
            self._ended.clear()
            log.warning("taking_over_again", role=self._role, code=error.code)
        except TransientError as error:
            self._wait(error.code)
        else:
            self._go_on()

    def _start(self) -> None:
        self._source.start(self._handler.assigned(self._to_start))
        self._to_start = set()
        self._drop()

    def _drop(self) -> None:
        """Let go of what is in hand: it is not committed, so it is read again."""
        self._in_hand = None
        self._poison.forget()

    def _handle(self, polled: Polled) -> None:
        began = self._clock.now()
        if polled.records:
            self._poison.handle(polled.records)
        offsets = next_offsets(polled)
        self._handler.advance(offsets)
        if polled.records:
            # before the commit: one that took too long is refused, and must not be as large again
            took = self._clock.now() - began
            self._at_once = records_at_once(self._at_once, self._batch, took, self._budget_micros)
        self._source.commit(offsets)
        self._in_hand = None
        self._measure(polled.records)

    def _measure(self, records: Sequence[Record]) -> None:
        if records:
            self._metrics.count(RECORDS, len(records), role=self._role)
            age = self._clock.now() - max(record.timestamp for record in records)
            self._metrics.gauge(LAG, max(age, 0) / 1_000_000, role=self._role)

    def _wait(self, code: str) -> None:
        """A dependency is away: keep what is in hand, deliver no more, come back later."""
        if self._failures == 0:
            self._source.pause()
            self._metrics.gauge(PAUSED, 1, role=self._role)
        self._metrics.count(PAUSES, role=self._role, code=code)
        self._health.waiting(code)
        delay = backoff(self._failures, self._chance)
        self._failures += 1
        self._not_before = self._clock.now() + int(delay * 1_000_000)
        log.warning("paused", role=self._role, code=code, failures=self._failures, retry_in_seconds=round(delay, 3))

    def _go_on(self) -> None:
        if self._failures:
            self._source.resume()
            self._metrics.gauge(PAUSED, 0, role=self._role)
            log.info("resumed", role=self._role, failures=self._failures)
        self._failures, self._not_before = 0, 0
        if self._assigned and not self._to_start:
            self._health.ready()


def _joined(in_hand: Polled | None, polled: Polled) -> Polled:
    """Records that were under way when the partitions were paused come after those in hand."""
    if in_hand is None:
        return polled
    return Polled((*in_hand.records, *polled.records), {**in_hand.ends, **polled.ends})
