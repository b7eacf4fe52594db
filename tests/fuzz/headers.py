"""Headers: those of dead letters and of copies, forged, torn, doubled; and what must hold whatever they say."""

import random
from typing import NamedTuple

from consumers.adapters.memory.broker import MemoryBroker
from consumers.adapters.memory.clock import MemoryClock
from consumers.adapters.memory.reader import MemoryReader
from consumers.operations import dlq
from consumers.operations.dlq import ACTION, LETTER
from consumers.ports import Headers, Record
from consumers.runtime.deadletters import headers as letter_headers
from consumers.runtime.letterhead import (
    BLOCK,
    REDRIVE_GROUP,
    WITHHELD,
    Origin,
    block,
    copy_headers,
    dead_of,
    original_of,
)
from consumers.runtime.records import meant_for, position_of, trace_headers, trace_of
from producer_client import InvalidEventError
from producer_client.checks import trace_header
from tests.fuzz.cases import Target
from tests.fuzz.mutation import mutated
from tests.support.build import NOW

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
GROUPS = ("lapse.state", "lapse.ticker", "lapse.anonymizer.crm", "", "\u00e9", "g" * 300)
TOPICS = ("lapse.events", "lapse.commands", "lapse.ticks", "", "a-b-1", "t" * 100_000, "\x00", "anna@example.com")
NUMBERS = (
    *(b"0", b"1", b"-1", b"+1", b" 1", b"1\n", b"01", b"1_0", b"1e3", b"0x1", b"1.0", b"", b"\xff", "\u0661".encode()),
    *(b"2147483647", b"2147483648", b"4294967296", b"9223372036854775807", b"18446744073709551616", b"9" * 5000),
    *(b"9" * 4300, b"1" + b"0" * 4299, b"NaN", b"inf", b"-0", b"\x00"),
)
VALUES = (
    None,
    b"",
    b"\x00",
    b"\xff\xfe",
    b"x" * 5000,
    b"\xed\xa0\x80",
    "\U0001f600".encode(),
    TRACE,
    b"1-2",
    b"REDRIVEN",
)
NAMES = (*BLOCK, WITHHELD, REDRIVE_GROUP, "traceparent", "Traceparent", ACTION, LETTER, "", "h", "\u00e9", "\x00")
LONGEST_POSITION = 249 + len("-2147483647-9223372036854775807")
"""Characters: Kafka's longest name of a topic, and its highest numbers."""
Made = list[tuple[str, bytes | None]]


class Headed(NamedTuple):
    """A record whose headers are the case."""

    record: Record


def _own(chance: random.Random) -> Made:
    return [(chance.choice(NAMES), chance.choice(VALUES)) for _ in range(chance.choice((0, 0, 1, 2, 5)))]


def _true(chance: random.Random) -> Made:
    """Headers as one of Lapse's own processes writes them, over one or more deliveries."""
    origin = Origin("lapse.events", chance.randrange(12), chance.randrange(1 << 40), NOW, chance.choice((1, 2, 5)))
    if chance.random() < 0.3:
        origin = _impossible(chance)
    group = chance.choice(GROUPS)
    made = [*_own(chance), *block(origin, group, chance.choice(("undecodable", "", "\U0001f600")))]
    return list(copy_headers(made, group)) if chance.random() < 0.7 else made


def _impossible(chance: random.Random) -> Origin:
    """As whoever knows the form may write it, out of Kafka's bounds or at their edge."""
    number = chance.choice((0, 7, (1 << 31) - 1, (1 << 32) - 1, 1 << 40, (1 << 63) - 1, (1 << 64) - 1))
    deliveries = chance.choice((1, 2, (1 << 31) - 1, 1 << 40, 10**4299, 10**4300 - 1))
    return Origin(chance.choice(TOPICS), number % (1 << 32), number, chance.choice((0, NOW, -1, 1 << 62)), deliveries)


def _torn(chance: random.Random, made: Made) -> None:
    at = chance.randrange(len(made) + 1)
    if chance.random() < 0.3:
        made.insert(at, (chance.choice(NAMES), chance.choice(VALUES)))
    elif at < len(made):
        name, value = made[at]
        changes: list[Made] = [
            [],
            [made[at], made[at]],
            [(name, chance.choice(VALUES))],
            [(name, chance.choice(NUMBERS))],
            [(chance.choice(NAMES), value)],
            [(name, mutated(chance, value or b"", [TRACE]))],
        ]
        made[at : at + 1] = chance.choice(changes)


def headers_of(chance: random.Random) -> tuple[tuple[str, bytes | None], ...]:
    """Headers of any kind."""
    made = _true(chance) if chance.random() < 0.8 else _own(chance)
    if chance.random() < 0.2:
        made += _true(chance)
    if chance.random() < 0.3:
        made.append(("traceparent", mutated(chance, TRACE, [TRACE]) if chance.random() < 0.5 else TRACE))
    for _ in range(chance.choice((0, 0, 1, 1, 2, 6))):
        _torn(chance, made)
    return tuple(made)


def make(chance: random.Random) -> Headed:
    """A record with such headers."""
    key = chance.choice((None, b"", b"c-1", b"\xff"))
    return Headed(
        Record("lapse.events", chance.randrange(3), chance.randrange(1000), NOW, key, b"v", headers_of(chance))
    )


def judge(case: Headed) -> str:
    """Nothing raises; nobody but a copy's own group is kept from a record; what stood there stands there again."""
    record = case.record
    _judge_trace(record.headers)
    copy = original_of(record.headers)
    position = position_of(record)
    assert len(position) <= LONGEST_POSITION, "a position too long to stand in an item"
    assert copy or position == f"{record.topic}-{record.partition}-{record.offset}"
    for group in GROUPS:
        assert bool(meant_for([record], group)) is (copy is None or copy.group == group), "hidden from a group"
    _judge_letter(record, copy.origin if copy else None)
    _judge_list(record)
    return _kind(record.headers)


def _judge_trace(headers: Headers) -> None:
    trace = trace_of(headers)
    assert trace is None or list(trace_headers(trace)), "a trace context that cannot be handed on"
    if trace is not None:
        try:
            trace_header(trace)
        except InvalidEventError:
            raise AssertionError(
                "a trace context that is none of W3C's goes on into item, command and ledger"
            ) from None


def _judge_letter(record: Record, origin: Origin | None) -> None:
    """What a consumer that cannot handle the record writes says what it was, byte for byte."""
    letter = letter_headers(record, "lapse.state", "undecodable")
    dead = dead_of(letter)
    assert dead is not None, "a dead letter that does not read as one"
    copy = original_of(record.headers)
    assert list(dead.own) == list(copy.own if copy else record.headers), "headers of the record are lost"
    assert str(dead.origin) == position_of(record)
    # a count that has come to its end stays there: a letter that cannot be read would be hidden
    before = origin.deliveries if origin else 0
    assert dead.origin.deliveries == min(before + 1, max(before, (1 << 31) - 1))
    again = original_of(copy_headers(letter, "lapse.state"))
    assert again == dead, "the copy of the letter does not name its original"


def _judge_list(record: Record) -> None:
    """On the dead-letter topic such a record neither stops the list nor hides the letter beside it."""
    broker = MemoryBroker(MemoryClock(NOW))
    broker.create("dead")
    broker.append(
        "dead", b"c-9", b"v", letter_headers(Record("lapse.events", 0, 5000, NOW, b"c-9", b"v"), "lapse.state", "x")
    )
    broker.append("dead", record.key, record.value, record.headers)
    found = dlq.letters(MemoryReader(broker), "dead")
    assert any(str(each.origin) == "lapse.events-0-5000" for each in found), "a letter is hidden"


def _kind(headers: Headers) -> str:
    if original_of(headers):
        return "copy"
    return "letter" if dead_of(headers) else "neither"


TARGET = Target("headers", make, judge)
