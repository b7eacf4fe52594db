"""The whole history, a partition at a time: only the customers of one are in memory."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import NamedTuple

from consumers.audit.evidence import TOLERANCE, Scope
from consumers.audit.findings import Difference, difference
from consumers.audit.judging import judge
from consumers.audit.letters import Letters, read_letters
from consumers.audit.reading import Carried, Logs, Reading
from consumers.audit.sources import History, Ledger, Log
from consumers.domain.errors import LapseError, PermanentError
from consumers.domain.retention import moment
from consumers.domain.ticks import DAY
from consumers.domain.work import Proof
from consumers.operations.batches import batches


class Audited(NamedTuple):
    """What an audit looked at and found. `held` customers stay as they are: an event of theirs cannot be read."""

    customers: int
    commits: int
    held: int
    differences: list[Difference]

    @property
    def counts(self) -> dict[str, int]:
        """How many differences of each code, the most frequent first."""
        return dict(Counter(each.code for each in self.differences).most_common())


def audit_history(
    history: History,
    *,
    since: int | None = None,
    grace: int | None = None,
    done: Callable[[int], None] = lambda _: None,
) -> Audited:
    """Compute everybody's due dates and commits again and report every difference. Writes nothing.

    Args:
        history: What there is to read. The policy is taken to have been the same all the time.
        since: Report what was committed or due from then on; None: from where the topics begin.
        grace: How long a due date, or a service after a commit, may wait; None: the policy's lease and a day.
        done: Hears of each partition.

    Raises:
        TransientError: The broker is away; begin again.
        PermanentError: A topic is missing, or events, commands and results have not the same partitions.
    """
    of = _partitions(history)
    with _opened(history) as ledgers:
        audit = _Audit(history, ledgers, since, history.policy.lease + DAY if grace is None else grace)
        for number in range(of):
            audit.partition(number, of)
            done(1)
    return audit.told()


def _partitions(history: History) -> int:
    names = history.names
    counts = {topic: len(history.offsets.end(topic)) for topic in (names.events, names.commands, names.results)}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{topic} {count}" for topic, count in counts.items())
        raise PermanentError(f"these topics must have the same number of partitions: {told}; see `lapse topics diff`")
    return counts[names.events]


class _Ledgers:
    """The ledgers that answer. One that fails is not asked again; `away` says why."""

    def __init__(self, opened: dict[str, Ledger], away: dict[str, str]) -> None:
        self._opened, self.away = opened, away

    def read(self, number: int, of: int, since: int) -> Carried:
        """Rows of one partition, and which of their customers have unflagged rows."""
        rows: dict[str, Sequence[Proof]] = {}
        unflagged: dict[str, frozenset[str]] = {}
        for service in [each for each in self._opened if each not in self.away]:
            try:
                found = self._opened[service].carried(number, of, since)
                customers = sorted({row.customer_id for row in found or ()})
                unflagged[service] = self._unflagged(service, customers)
            except LapseError as error:
                self.away[service] = error.code
                continue
            if found is not None:
                rows[service] = found
        return Carried(rows, unflagged)

    def _unflagged(self, service: str, customers: Collection[str]) -> frozenset[str]:
        found = (self._opened[service].unflagged(batch) for batch in batches(customers))
        return frozenset().union(*found)


@contextmanager
def _opened(history: History) -> Iterator[_Ledgers]:
    opened: dict[str, Ledger] = {}
    away: dict[str, str] = {}
    with ExitStack() as stack:
        for service, connect in history.ledgers.items():
            try:
                opened[service] = stack.enter_context(closing(connect()[0]))
            except LapseError as error:
                away[service] = error.code
        yield _Ledgers(opened, away)


class _Audit:
    """One run."""

    def __init__(self, history: History, ledgers: _Ledgers, since: int | None, grace: int) -> None:
        self._history, self._ledgers = history, ledgers
        self._since, self._grace = since, grace
        self._letters: Letters = read_letters(history)
        self._customers = self._commits = self._held = 0
        self._begins = 0
        self._found: list[Difference] = []
        self._misplaced: set[str] = set()

    def partition(self, number: int, of: int) -> None:
        """Judge the customers of one partition."""
        now = self._history.clock.now()
        carried = self._ledgers.read(number, of, max(0, (self._since or 0) - DAY))
        names = self._history.names
        logs = Logs(*(Log(self._history, topic, number) for topic in (names.results, names.commands, names.events)))
        reading = Reading(self._history, self._letters, number, of)
        reading.read(carried, logs)
        self._misplaced |= reading.misplaced
        scope = self._scope(now, logs, frozenset(carried.rows))
        for evidence in reading.customers.values():
            judged = judge(evidence, scope)
            self._found += judged.differences
            self._commits += judged.commits
            self._held += judged.held
        self._customers += len(reading.customers)

    def _scope(self, now: int, logs: Logs, ledgers: frozenset[str]) -> Scope:
        begins = max(log.begins for log in logs)
        self._begins = max(self._begins, begins)
        return Scope(
            self._history.policy,
            now,
            max(self._since or 0, begins),
            self._grace,
            whole=logs.events.whole,
            # what was sent just before the log begins may be committed so much later
            commands_since=0 if logs.commands.whole else logs.commands.begins + self._grace,
            halted_since=self._letters.halted_since,
            ledgers=ledgers,
        )

    def told(self) -> Audited:
        """Everything found, what could not be looked at first."""
        judged = [each for each in self._found if each.customer_id not in self._misplaced]
        untold = Counter(each.purpose for each in judged if each.code == "cannot_tell")
        return Audited(
            self._customers,
            self._commits,
            self._held,
            [
                *(difference("not_checked", f"its database: {code}", service=each) for each, code in self._away()),
                *self._before_the_logs(),
                *(difference("cannot_tell", _older(count), purpose=purpose) for purpose, count in untold.items()),
                *(difference("misplaced", _ELSEWHERE, customer=each) for each in sorted(self._misplaced)),
                *(each for each in judged if each.code != "cannot_tell"),
            ],
        )

    def _away(self) -> list[tuple[str, str]]:
        return sorted(self._ledgers.away.items())

    def _before_the_logs(self) -> Iterator[Difference]:
        if self._since is not None and self._since < self._begins - TOLERANCE:
            yield difference("cannot_tell", f"a topic begins {moment(self._begins).isoformat()}: nothing before")


_ELSEWHERE = "an event stands on a partition that is not the customer's; nothing else was told of him"


def _older(count: int) -> str:
    return f"{count} commands or due dates rest on facts older than the events topic"
