"""What is done about a failure: one table for every consumer.

| failure | step |
|---|---|
| BAD_RECORD: undecodable, invalid | DEAD_LETTER at once |
| POISON: one record or customer keeps failing, also by an error nobody foresaw | RETRY, at the third DEAD_LETTER |
| POISON, and most of a batch fails | PAUSE: then it is no record's fault |
| AWAY: a dependency does not answer, throttles or refuses access | PAUSE, as long as it takes |
| MISCONFIGURED: a person must repair something first | STOP, naming the repair |

A batch that keeps failing is looked through for the records that do; only those are given up.
"""

import re
from collections.abc import Collection, Mapping
from enum import Enum, auto
from typing import NamedTuple

from consumers.domain.errors import (
    InvalidRecordError,
    LapseError,
    PermanentError,
    PoisonError,
    TransientError,
)

TRIES = 3
JUDGED_FROM = 10
"""In a batch of fewer records, most of them failing may still be chance."""
FLOOD = 10
FLOOD_MICROS = 60 * 1_000_000
BUDGET_SECONDS = 60.0
"""A fifth of librdkafka's max.poll.interval.ms: how long a batch may keep a rebalance waiting."""
BUDGET_SHARE = 0.2
MOST_OF_BATCH = "most_of_batch_failed"
UNKNOWN_SCHEMA = "unknown_schema"


class Kind(Enum):
    """A row of the table."""

    BAD_RECORD = auto()
    POISON = auto()
    AWAY = auto()
    MISCONFIGURED = auto()


class Step(Enum):
    """What to do."""

    RETRY = auto()  # the same batch again, after a backoff
    PAUSE = auto()  # deliver no more, the same batch again until it succeeds; nothing is given up
    DEAD_LETTER = auto()  # give up what fails, go on with the rest
    STOP = auto()  # end the process with the error's text


class Share(NamedTuple):
    """How many records of a batch fail when each is tried for itself."""

    failing: int
    total: int

    @property
    def most(self) -> bool:
        """Whether it is the batch that fails, and not its records."""
        return self.total >= JUDGED_FROM and 2 * self.failing > self.total


UNTRIED = Share(0, 0)


def kind_of(error: Exception) -> Kind:
    """The row of the table for an error. One that is none of Lapse's is the fault of a record until shown otherwise."""
    if isinstance(error, InvalidRecordError):
        return Kind.BAD_RECORD
    if isinstance(error, TransientError):
        return Kind.AWAY
    misconfigured = isinstance(error, PermanentError) and not isinstance(error, PoisonError)
    return Kind.MISCONFIGURED if misconfigured else Kind.POISON


def decide(kind: Kind, tries: int, share: Share = UNTRIED) -> Step:
    """What to do about a failure after so many tries of the same batch; `share` once its records were tried apart."""
    if kind is Kind.BAD_RECORD:
        return Step.DEAD_LETTER
    if kind is Kind.MISCONFIGURED:
        return Step.STOP
    if kind is Kind.AWAY or share.most:
        return Step.PAUSE
    return Step.RETRY if tries < TRIES else Step.DEAD_LETTER


def code_of(error: Exception) -> str:
    """A name for an error that may stand in a header or a label: never its text, which may quote a record."""
    if isinstance(error, LapseError):
        return error.code
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(error).__name__).lower()


def flooded(seen: Mapping[str, int], positions: Collection[str], now: int) -> bool:
    """Whether records of unknown schemas come so fast that the consumer must be old, not the records bad.

    `seen` are the positions of those before, with when they were met (microseconds).
    """
    recent = {position for position, at in seen.items() if now - at < FLOOD_MICROS}
    return bool(positions) and len(recent.union(positions)) >= FLOOD


def records_at_once(before: int, most: int, took: int, budget: int) -> int:
    """How many records to poll after a batch that took so long (microseconds).

    Halved over the budget, doubled again well within it: a member that works longer than the group waits for it is
    thrown out, and would begin the same batch for ever.
    """
    if took > budget:
        return max(1, before // 2)
    return min(most, 2 * before) if 4 * took < budget else before
