"""Dead letters, seen from outside: what waits, what was sent again, what a person decided to do without.

What was done about a letter stands on the same topic, as a marker: a record without a value that names the letter.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from consumers.domain.errors import PermanentError
from consumers.operations.batches import batches
from consumers.ports import Clock, Headers, Record, RecordSink, TopicReader
from consumers.runtime.letterhead import Origin, copy_headers, dead_of

MAX_DELIVERIES = 5  # who failed so often needs a repair, not another try
ACTION = "lapse-dlq-action"
LETTER = "lapse-dlq-letter"
_PLACE = re.compile(rb"([0-9]{1,10})-([0-9]{1,19})")
State = Literal["WAITING", "PARKED", "REDRIVEN", "DISCARDED"]
Place = tuple[int, int]


class Letter(NamedTuple):
    """A dead letter without its content. `place` is its partition and offset on the dead-letter topic."""

    place: Place
    at: int
    origin: Origin
    group: str
    code: str
    withheld: bool
    state: State


class Selection(NamedTuple):
    """Which letters are meant; None: any. Times are microseconds, `since` included, `until` not."""

    group: str | None = None
    code: str | None = None
    topic: str | None = None
    since: int | None = None
    until: int | None = None
    at_most: int | None = None

    def of(self, letters: Iterable[Letter]) -> list[Letter]:
        """Those meant, oldest first."""
        found = sorted((each for each in letters if self._means(each)), key=lambda each: (each.at, each.place))
        return found if self.at_most is None else found[: self.at_most]

    def _means(self, letter: Letter) -> bool:
        return (
            self.group in {None, letter.group}
            and self.code in {None, letter.code}
            and self.topic in {None, letter.origin.topic}
            and (self.since is None or letter.at >= self.since)
            and (self.until is None or letter.at < self.until)
        )


def letters(reader: TopicReader, topic: str) -> list[Letter]:
    """One letter for each record and group that failed: the youngest, with what was done about it.

    What was done about an older one says nothing about it: the record failed again since, redriven or replayed.
    """
    found: dict[tuple[str, str], Letter] = {}
    done: dict[Place, str] = {}
    for record in reader.read(topic):
        if letter := _letter(record):  # first: a dead record may bear a marker's headers
            name = str(letter.origin), letter.group
            if name not in found or _age(found[name]) < _age(letter):
                found[name] = letter
        elif marked := _marked(record):
            done[marked[1]] = marked[0]
    return [letter._replace(state=_state(letter, done)) for letter in found.values()]


def _age(letter: Letter) -> tuple[int, int, int]:
    # time first: a replay counts deliveries from one again
    return letter.at, letter.origin.deliveries, letter.place[1]


def _state(letter: Letter, done: Mapping[Place, str]) -> State:
    match done.get(letter.place):
        case "DISCARDED":
            return "DISCARDED"
        case "REDRIVEN":
            return "REDRIVEN"
    return "PARKED" if letter.origin.deliveries >= MAX_DELIVERIES else "WAITING"


def _letter(record: Record) -> Letter | None:
    dead = dead_of(record.headers)
    if dead is None:
        return None
    place = record.partition, record.offset
    return Letter(place, record.timestamp, dead.origin, dead.group, dead.code, dead.withheld, "WAITING")


def _marked(record: Record) -> tuple[str, Place] | None:
    told = dict(record.headers)
    action, place = told.get(ACTION), _PLACE.fullmatch(told.get(LETTER) or b"")
    if action is None or place is None:
        return None
    return action.decode(errors="replace"), (int(place[1]), int(place[2]))


def waiting(found: Iterable[Letter]) -> list[Letter]:
    """Those somebody has to do something about."""
    return [letter for letter in found if letter.state in {"WAITING", "PARKED"}]


def redrivable(found: Iterable[Letter], *, parked: bool) -> list[Letter]:
    """Those a redrive sends: waiting, parked ones if asked for, never what was kept without its content."""
    states = {"WAITING", "PARKED"} if parked else {"WAITING"}
    return [letter for letter in found if letter.state in states and not letter.withheld]


def whole(reader: TopicReader, topic: str, chosen: Collection[Letter]) -> Iterator[Record]:
    """The letters as they stand on the topic, content included."""
    wanted = {letter.place for letter in chosen}
    starts: dict[int, int] = {}
    for partition, offset in wanted:
        starts[partition] = min(offset, starts.get(partition, offset))
    for record in reader.read(topic, starts) if wanted else ():
        if (record.partition, record.offset) in wanted:
            yield record


class Redrive:
    """Sends letters again, byte for byte, to the group that failed."""

    def __init__(self, reader: TopicReader, sink: RecordSink, topic: str, clock: Clock) -> None:
        self._reader, self._sink, self._topic, self._clock = reader, sink, topic, clock

    def run(self, chosen: Sequence[Letter], by: str, sent: Callable[[int], None] = lambda _: None) -> int:
        """Send copies of the chosen letters, a marker behind each; how many. `sent` hears of each batch.

        A crash between copy and marker sends a copy twice: folding and carrying out know it.
        """
        done = 0
        for batch in batches(whole(self._reader, self._topic, chosen)):
            for record in batch:
                dead = dead_of(record.headers)
                assert dead is not None, "chosen as a dead letter"
                headers = copy_headers(record.headers, dead.group)
                self._sink.send(dead.origin.topic, record.key, record.value, headers)
            self._sink.flush()
            for record in batch:
                self.mark(record, "REDRIVEN", by)
            self._sink.flush()
            done += len(batch)
            sent(len(batch))
        return done

    def mark(self, record: Record, action: State, by: str, reason: str | None = None) -> None:
        """Say what was done about a letter. Safe after the sink's flush."""
        headers: Headers = [
            (ACTION, action.encode()),
            (LETTER, f"{record.partition}-{record.offset}".encode()),
            ("lapse-dlq-by", by.encode()),
            ("lapse-dlq-at", str(self._clock.now()).encode()),
            *([("lapse-dlq-reason", reason.encode())] if reason else []),
        ]
        self._sink.send(self._topic, record.key, None, headers)


def named(found: Iterable[Letter], position: str, group: str | None) -> Letter:
    """The letter of a record, named by its original topic-partition-offset.

    Raises:
        PermanentError: There is none, or several groups have one.
    """
    fitting = [each for each in found if str(each.origin) == position and group in {None, each.group}]
    if not fitting:
        raise PermanentError("no dead letter of that name; `lapse dlq list` names them")
    if len(fitting) > 1:
        groups = ", ".join(sorted(each.group for each in fitting))
        raise PermanentError(f"several groups have a dead letter of that name; choose one with --group: {groups}")
    return fitting[0]
