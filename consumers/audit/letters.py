"""The dead letters of events: whom they hold until a person has decided, and what was done without."""

from collections.abc import Iterable
from typing import NamedTuple

from consumers.audit.sources import History
from consumers.operations import dlq
from consumers.ports import Record
from consumers.runtime.letterhead import dead_of
from consumers.state.reading import Refused, refused_as


class Letters(NamedTuple):
    """`discarded` are positions of records done without; `held` customers whom a letter may hold that waits.

    `halted_since`: when the first record that waits was appended which may have meant anybody.
    """

    discarded: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()
    halted_since: int | None = None


def read_letters(history: History) -> Letters:
    """Read the dead-letter topic; in memory stays one small entry per letter."""
    names = history.names
    events = dlq.Selection(group=names.state_group, topic=names.events)
    found = events.of(dlq.letters(history.reader, names.dead_letters))
    waiting = [letter for letter in dlq.waiting(found) if not letter.withheld]
    whys = [_why(record, history) for record in dlq.whole(history.reader, names.dead_letters, waiting)]
    return Letters(
        frozenset(str(letter.origin) for letter in found if letter.state == "DISCARDED"),
        frozenset(customer for _, why in whys for customer in why.holds),
        _first(at for at, why in whys if why.halts),
    )


def _why(letter: Record, history: History) -> tuple[int, Refused]:
    dead = dead_of(letter.headers)
    assert dead is not None, "chosen as a dead letter"
    origin = dead.origin
    record = Record(*origin[:4], letter.key, letter.value, dead.own)
    return origin.timestamp, refused_as(record, dead.code, history.personal_data)


def _first(times: Iterable[int]) -> int | None:
    return min(times, default=None)
