"""What an audit reads from: topics and ledgers, never the table."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from consumers.domain.names import Names
from consumers.domain.policy import Policy
from consumers.domain.work import Proof
from consumers.ports import Clock, Record, TopicOffsets, TopicReader


class Ledger(Protocol):
    """A service's own database, as an auditor reads it. Errors: TransientError (away), PermanentError."""

    def carried(self, number: int, of: int, since: int) -> Sequence[Proof] | None:
        """Ledger rows of one partition of the commands (modulo `of`) carried out from `since` on; None: no ledger."""

    def unflagged(self, customer_ids: Sequence[str]) -> frozenset[str]:
        """Which of these customers have rows here that are not anonymized."""

    def close(self) -> None:
        """Release connections."""


class History(NamedTuple):
    """Where a history stands. `ledgers` opens the database of each service of the policy, and says its purpose."""

    reader: TopicReader
    offsets: TopicOffsets
    names: Names
    policy: Policy
    ledgers: Mapping[str, Callable[[], tuple[Ledger, str]]]
    clock: Clock
    personal_data: re.Pattern[str]


class Log:
    """One partition of a topic, read from its start.

    Attributes:
        whole: It reaches back to the first record ever written; known once it was read.
        begins: Append time of the first record, once it was read; 0 of a whole log.
    """

    def __init__(self, history: History, topic: str, number: int) -> None:
        self._history, self._topic, self._number = history, topic, number
        self.whole, self.begins = True, 0

    def records(self) -> Iterator[Record]:
        """Every record, in the order of the log."""
        ends = self._history.offsets.end(self._topic)
        first = self._history.offsets.beginning(self._topic)[self._number]
        self.whole = first == 0
        self.begins = 0 if self.whole else self._history.clock.now()
        # a consumer for nothing takes a while
        if first < ends[self._number]:
            yield from self._read({**ends, self._number: first})

    def _read(self, starts: Mapping[int, int]) -> Iterator[Record]:
        for record in self._history.reader.read(self._topic, starts):
            # another partition has grown meanwhile
            if record.partition == self._number:
                self.begins = min(self.begins, record.timestamp)
                yield record
