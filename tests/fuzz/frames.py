"""Frames: records of every kind as bytes, made wrong, read by whoever reads that topic."""

import random
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from consumers.anonymizer.reading import read_command
from consumers.domain.errors import InvalidRecordError
from consumers.domain.folding import fold, hold
from consumers.domain.index import index_keys
from consumers.domain.item import Item
from consumers.domain.retention import moment
from consumers.item_record import from_bytes, to_bytes
from consumers.operations.customers import when
from consumers.operations.results import result_of
from consumers.ports import Record
from consumers.runtime.records import position_of
from consumers.state.reading import NO_CUSTOMER, Refused, Understood, read_record, refused_as
from consumers.ticker.consumer import read_tick
from schemas.codec import decode
from schemas.library import newest
from schemas.validate import PERSONAL_DATA, UUID_TEXT, check_customer_id
from tests.fuzz.cases import Target
from tests.fuzz.growing import IDS, NAMES, TIMES, record_of, text_of
from tests.fuzz.headers import headers_of
from tests.fuzz.mutation import HUGE, mutated
from tests.support.build import NOW
from tests.support.histories import POLICY
from tests.support.world import PURPOSE

FRAMING = frozenset({"tombstone", "undecodable", "unknown_schema", "wrong_type", "truncated", "trailing_bytes"})
FIELDS = frozenset(
    {"invalid_customer_id", "personal_data_in_id", "invalid_product", "invalid_event_id", "invalid_time", "wrong_type"}
)
OF_EVENTS = FRAMING | FIELDS | {"missing_key", "key_mismatch", "too_far_in_the_future"}
TOPIC_OF = {
    **dict.fromkeys(("ScheduleAnonymization", "PostponeAnonymization"), "events"),
    **dict.fromkeys(("CheckCustomer", "AnonymizeCustomer"), "commands"),
    "TickRequested": "ticks",
    "AnonymizationResult": "results",
    "CustomerState": "state",
}
OFTEN = ("ScheduleAnonymization", "PostponeAnonymization") * 3 + NAMES
TABLE_KEY_BYTES = 2048 - len("tick#")
"""DynamoDB's longest partition key, less our longest prefix that takes a name from a record."""


class Registry:
    """A registry in which anybody may have registered anything. By the id in the frame."""

    def writer_schema(self, schema_id: int, /) -> Mapping[str, Any] | None:
        """One of ours, one made wrong, or none."""
        return _registered().get(schema_id)


@cache
def _registered() -> dict[int, Any]:
    sources = [version.source for version in newest().values()]
    fewer = [{**each, "fields": each["fields"][1:]} for each in sources]
    turned = [{**each, "fields": each["fields"][::-1]} for each in sources]
    more = [{**each, "fields": [*each["fields"], _DEEP]} for each in sources]
    wrong: list[Any] = [{}, {"type": "record"}, {"type": "x"}, [], "string", {**sources[0], "name": "Other"}, None]
    return dict(enumerate([*sources, *fewer, *turned, *more, *wrong]))


_DEEP = {
    "name": "deep",
    "type": ["null", {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "lapse.Node"]}]}],
}
REGISTRY = Registry()


class Frame(NamedTuple):
    """A record on a topic, without prefix, of this installation."""

    topic: str
    record: Record


def make(chance: random.Random) -> Frame:
    """A record as it should be, or not at all as it should be."""
    name = chance.choice(OFTEN)
    customer = text_of(chance, "customer_id")
    value, _ = record_of(chance, name, customer_id=customer)
    topic = TOPIC_OF[name] if chance.random() < 0.9 else chance.choice(tuple(TOPIC_OF.values()))
    key = customer.encode() if chance.random() < 0.7 else _key(chance)
    headers = headers_of(chance) if chance.random() < 0.1 else ()
    timestamp = NOW if chance.random() < 0.9 else chance.choice(TIMES)
    record = Record(f"lapse.{topic}", chance.randrange(2), chance.randrange(1 << 40), timestamp, key, None, headers)
    return Frame(topic, record._replace(value=_wrong(chance, value)))


def _key(chance: random.Random) -> bytes | None:
    given = chance.choice(IDS).encode()
    return chance.choice(
        (None, None, b"", b"\xff\xfe", b"c-1\x00", chance.randbytes(40), given, mutated(chance, given, [b"c-1"]))
    )


def _wrong(chance: random.Random, value: bytes) -> bytes | None:
    """The value as it is, or framed or filled by somebody else."""
    die = chance.random()
    if die < 0.2:
        return value
    if die < 0.75:
        # the frame left whole more often than chance would: what is behind it is the larger part
        return value[:10] + mutated(chance, value[10:], _frames()) if die < 0.6 else mutated(chance, value, _frames())
    if die < 0.85:
        schema = chance.choice((chance.randrange(40), 1 << 31, (1 << 32) - 1)).to_bytes(4, "big")
        body = value[10:] + b"\x02" * chance.choice((0, 1, 50, 5000))
        return b"\x00" + schema + (body if chance.random() < 0.5 else mutated(chance, body, _frames()))
    if die < 0.95:
        return chance.choice(_frames())[:10] + chance.choice((value[10:], b"", chance.choice(HUGE), HUGE[0] * 50))
    return chance.choice(
        (None, b"", b"\x00", b"\xc3", b"\xc3\x01", chance.randbytes(chance.choice((1, 9, 10, 11, 200))))
    )


@cache
def _frames() -> tuple[bytes, ...]:
    chance = random.Random("frames")
    unknown = b"\xc3\x01" + bytes(8)
    return (*(record_of(chance, name)[0] for name in NAMES for _ in range(3)), unknown)


def judge(case: Frame) -> str:
    """Understood, or refused for a reason that is documented; whom it may have meant is held."""
    told = _READERS[case.topic](case.record)
    _decoded_with_registry(case.record.value)
    return f"{case.topic}: {told}"


def _decoded_with_registry(value: bytes | None) -> None:
    try:
        decode(value, frozenset(NAMES), registry=REGISTRY)
    except InvalidRecordError as error:
        _documented(error.code, FRAMING)


def _documented(code: str, codes: frozenset[str]) -> str:
    assert code in codes, code
    return code


def _event(record: Record) -> str:
    read = read_record(record, PERSONAL_DATA)
    again = refused_as(record, "keeps_failing", PERSONAL_DATA)
    if isinstance(read, Understood):
        assert again == Refused("keeps_failing", (read.customer_id,))
        _folds(read, record)
        return "understood"
    assert again == read._replace(code="keeps_failing")
    _holds_whom_it_may_mean(read, record)
    return _documented(read.code, OF_EVENTS)


def _folds(read: Understood, record: Record) -> None:
    """An event that is understood can be kept, dated and published."""
    assert record.key == read.customer_id.encode()
    assert _id_of(record.key) == read.customer_id
    item = fold(Item(read.customer_id), [read.event], POLICY, NOW).item
    keys = index_keys(item, POLICY)
    assert keys is None or moment(keys.next_action_at)
    body = to_bytes(item, 1, "stamp", NOW)
    assert from_bytes(body) == item, "an item that does not come back as it was written"


def _holds_whom_it_may_mean(read: Refused, record: Record) -> None:
    of_key, of_value = _id_of(record.key), _customer_in(record.value)
    for each in read.holds:
        assert _id_of(each.encode()) == each, "a hold for what is no customer"
        assert index_keys(hold(Item(each), position_of(record), read.code, NOW), POLICY), "a hold that nobody finds"
    assert of_key is None or of_key in read.holds, "the customer of the key is not held"
    if read.code not in NO_CUSTOMER:
        assert of_value is None or of_value in read.holds, "the customer of the value is not held"
        assert read.holds or read.halts or record.key is not None, "nobody is held and nothing halts"
    assert not (read.halts and read.holds)
    assert not (read.personal and read.halts)


def _id_of(key: bytes | None) -> str | None:
    try:
        customer = (key or b"").decode()
        check_customer_id(customer, PERSONAL_DATA)
    except (UnicodeDecodeError, InvalidRecordError):
        return None
    return customer


def _customer_in(value: bytes | None) -> str | None:
    try:
        fields = decode(value, {"ScheduleAnonymization", "PostponeAnonymization"}).fields
    except InvalidRecordError:
        return None
    return _id_of(fields["customer_id"].encode())


def _command(record: Record) -> str:
    try:
        order = read_command(record, "crm", PURPOSE)
    except InvalidRecordError as error:
        return _documented(error.code, FRAMING | FIELDS | {"key_mismatch"})
    if order is None:
        return "for another"
    _names_a_row(order.customer_id)
    assert UUID_TEXT.fullmatch(order.command_id), "a command id that no ledger can be asked for"
    return "understood"


def _names_a_row(name: str) -> None:
    assert name, "an empty name of a row stops its reader for ever"
    assert name.isprintable(), "a name that PostgreSQL cannot be asked for"
    assert len(name.encode()) <= TABLE_KEY_BYTES, "a name too long for a row stops its reader for ever"


def _tick(record: Record) -> str:
    try:
        tick = read_tick(record, NOW)
    except InvalidRecordError as error:
        return _documented(error.code, FRAMING | FIELDS | {"as_of_in_the_future"})
    _names_a_row(tick.tick_id)
    assert UUID_TEXT.fullmatch(tick.tick_id), "a tick id that is none"
    assert moment(tick.as_of)
    assert tick.dry_run or tick.as_of <= NOW
    return "understood"


def _result(record: Record) -> str:
    told = result_of(record)
    if told is None:
        return "none"
    assert when(told["finished_at"])  # as `lapse customer` prints it
    return str(told["outcome"])


def _item(record: Record) -> str:
    if record.value is None:
        return "tombstone"
    try:
        item = from_bytes(record.value)
    except InvalidRecordError as error:
        return _documented(error.code, FRAMING)
    assert from_bytes(to_bytes(item, 1, "stamp", NOW)) == item
    return "item"


_READERS: dict[str, Callable[[Record], str]] = {
    "events": _event,
    "commands": _command,
    "ticks": _tick,
    "results": _result,
    "state": _item,
}
TARGET = Target("frames", make, judge)
