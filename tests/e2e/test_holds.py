"""A record that cannot be handled holds whom it may have meant, or everybody; it is kept byte for byte."""

import hashlib
import hmac
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from consumers.domain import rows
from consumers.domain.item import Hold
from consumers.local import Services
from consumers.operations import customers
from consumers.ports import Record
from consumers.runtime.letterhead import DLQ, SPRING
from consumers.runtime.murmur2 import partition_of
from consumers.runtime.records import position_of
from tests.support.build import new_id
from tests.support.by_hand import ahead, append, dead_letters, postpone, read_all, standing
from tests.support.installation import PURPOSE, Installation, installation

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
HEADERS = [("traceparent", TRACE), ("note", b"\x00\xff"), ("note", b"")]
SECRET = "a key for hashes"
PERSONAL = "19800517-1234"


@pytest.fixture(scope="module")
def lapse(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("holds")
    with installation(services, folder, ("crm",), id_hash_key=SECRET) as made, made.roles():
        yield made


@pytest.fixture
def halting(services: Services, tmp_path: Path) -> Iterator[Installation]:
    with installation(services, tmp_path, ("crm",)) as made:
        yield made


class Bad(NamedTuple):
    """A record that cannot be handled, and whom it must hold."""

    code: str
    key: str | None
    value: bytes | None
    holds: tuple[str, ...]


def truncated(customer: str) -> bytes:
    """A postpone that lost its end on the way."""
    return postpone(customer)[:-3]


def unknown_schema(customer: str) -> bytes:
    value = postpone(customer)
    return value[:2] + b"12345678" + value[10:]


def from_the_future(customer: str) -> bytes:
    return postpone(customer, occurred=ahead(minutes=10))


def malformed(customer: str) -> bytes:
    return postpone(customer, product="Loan Nr. 1")


BAD = {
    "undecodable": lambda one, _: Bad("undecodable", one, b"no event at all", (one,)),
    "truncated": lambda one, _: Bad("truncated", one, truncated(one), (one,)),
    "unknown schema": lambda one, _: Bad("unknown_schema", one, unknown_schema(one), (one,)),
    "tombstone": lambda one, _: Bad("tombstone", one, None, (one,)),
    "malformed": lambda one, _: Bad("invalid_product", one, malformed(one), (one,)),
    "future": lambda one, _: Bad("too_far_in_the_future", one, from_the_future(one), (one,)),
    "key and value disagree": lambda one, two: Bad("key_mismatch", one, postpone(two), (one, two)),
    "no key": lambda _, two: Bad("missing_key", None, postpone(two), (two,)),
    "unusable key": lambda _, two: Bad("key_mismatch", "a#b", postpone(two), (two,)),
    "malformed for another": lambda one, two: Bad("invalid_product", one, malformed(two), (one, two)),
}


def due(lapse: Installation, *named: str) -> tuple[str, ...]:
    """Customers who are due."""
    made = named or (new_id(), new_id())
    lapse.people(*made)
    lapse.close_product(*made)
    lapse.wait_until_folded()
    return made


def neighbour(lapse: Installation, customer: str) -> str:
    """A customer on the same partition."""
    count = len(lapse.app.offsets.end(lapse.app.names.events))
    wanted = partition_of(customer.encode(), count)
    names = (new_id("n") for _ in range(10_000))
    return next(name for name in names if partition_of(name.encode(), count) == wanted)


def last_dead_letter(lapse: Installation, code: str) -> Record:
    return max(dead_letters(lapse, code), key=lambda record: record.timestamp)


def origin(letter: Record) -> str:
    told = dict(letter.headers)
    parts = [told[DLQ + part] or b"" for part in ("topic", "partition", "offset")]
    return b"-".join(parts).decode()


@pytest.mark.parametrize("make", BAD.values(), ids=BAD.keys())
def test_event_that_cannot_be_handled_holds_its_customer(lapse: Installation, make: Callable[[str, str], Bad]) -> None:
    bad = make(*due(lapse))
    append(lapse, "events", None if bad.key is None else bad.key.encode(), bad.value, HEADERS)
    lapse.wait_until_folded()
    letter = last_dead_letter(lapse, bad.code)
    held = {each for each in bad.holds if lapse.item(each).holds}
    assert held == set(bad.holds)
    for customer in bad.holds:
        assert {name: hold.code for name, hold in lapse.item(customer).holds.items()} == {origin(letter): bad.code}
    assert (letter.key, letter.value) == (None if bad.key is None else bad.key.encode(), bad.value)
    before = standing(lapse, bad.holds)
    lapse.tick()
    assert standing(lapse, bad.holds) == before
    assert not set(bad.holds) & lapse.anonymized("crm")


def test_dead_letter_has_the_original_headers_first_and_then_why_it_is_there(lapse: Installation) -> None:
    append(lapse, "events", b"headers", b"\xc3\x01 no event", HEADERS)
    lapse.wait_until_folded()
    [letter] = [each for each in dead_letters(lapse) if each.key == b"headers"]
    assert letter.value == b"\xc3\x01 no event"
    assert list(letter.headers[: len(HEADERS)]) == HEADERS
    [original] = [each for each in lapse.records("events") if each.key == b"headers"]
    names, group = lapse.app.names, lapse.app.names.state_group
    assert dict(letter.headers[len(HEADERS) :]) == {
        DLQ + "topic": names.events.encode(),
        DLQ + "partition": str(original.partition).encode(),
        DLQ + "offset": str(original.offset).encode(),
        DLQ + "group": group.encode(),
        DLQ + "delivery.count": b"1",
        DLQ + "message": b"unknown_schema",
        SPRING + "topic": names.events.encode(),
        SPRING + "partition": original.partition.to_bytes(4, "big"),
        SPRING + "offset": original.offset.to_bytes(8, "big"),
        SPRING + "timestamp": (original.timestamp // 1000).to_bytes(8, "big"),
        SPRING + "consumer-group": group.encode(),
    }


def test_partition_of_a_bad_record_goes_on(lapse: Installation) -> None:
    unread = new_id()
    after = neighbour(lapse, unread)
    due(lapse, unread)
    append(lapse, "events", unread.encode(), b"no event")
    due(lapse, after)
    lapse.tick()
    lapse.wait_until_completed(after)
    assert {unread, after} & lapse.anonymized("crm") == {after}


def test_good_event_afterwards_does_not_lift_the_hold(lapse: Installation) -> None:
    customer, _ = due(lapse)
    append(lapse, "events", customer.encode(), b"no event")
    lapse.close_product(customer, product="loan/2")
    lapse.wait_until_folded()
    lapse.tick()
    assert len(lapse.item(customer).holds) == 1
    assert customer not in lapse.anonymized("crm")


def test_id_that_is_personal_data_holds_nobody_and_leaves_no_copy(lapse: Installation) -> None:
    # the record's own text, and what a producer's header may say of it
    append(lapse, "events", PERSONAL.encode(), postpone(PERSONAL), [("who", PERSONAL.encode())])
    lapse.wait_until_folded()
    letter = last_dead_letter(lapse, "personal_data_in_id")
    digest = hmac.new(SECRET.encode(), PERSONAL.encode(), hashlib.sha256).hexdigest()
    assert (letter.key, letter.value) == (digest.encode(), None)
    assert PERSONAL.encode() not in b"".join(name.encode() + (value or b"") for name, value in letter.headers)
    [original] = [each for each in lapse.records("events") if each.key == PERSONAL.encode()]
    assert origin(letter) == position_of(original)
    assert lapse.stored(PERSONAL).row is None
    assert rows.ALL_HALT not in lapse.app.table.read([rows.ALL_HALT])


def test_person_holds_and_lifts(lapse: Installation) -> None:
    customer, other = due(lapse)
    policy, clock = lapse.app.settings.policy(), lapse.app.clock
    with closing(lapse.app.sink()) as sink:
        items = lapse.app.items(sink)
        name = customers.add_hold(items, customer, "ada", "a dispute by letter", policy, clock)
        hold = lapse.item(customer).holds[name]
        assert hold == Hold(hold.since, "person", "ada", "a dispute by letter")
        lapse.tick()
        lapse.wait_until_completed(other)
        assert lapse.item(customer).of(PURPOSE).command is None
        customers.lift_hold(items, customer, name, policy)
        assert lapse.tick().taken == 1
        lapse.wait_until_completed(customer)
    assert {customer, other} <= lapse.anonymized("crm")


def test_record_that_may_have_meant_anybody_halts_everything(halting: Installation) -> None:
    lapse = halting
    with lapse.roles("state", "ticker"):
        [claimed] = due(lapse, "claimed")
        assert lapse.tick().taken == 1
        [waiting] = due(lapse, "waiting")
        append(lapse, "events", None, b"no event")
        lapse.wait_until_folded()
        [record] = [each for each in lapse.records("events") if each.key is None]
        halt = rows.halt(lapse.app.table.read([rows.ALL_HALT])[rows.ALL_HALT].body)
        assert halt.positions == (position_of(record),)
        before = standing(lapse, [claimed, waiting])
        tick = lapse.tick()
        assert (tick.report.due, tick.taken, tick.report.blockers) == (1, 0, ("halted",))
        with lapse.roles("anonymizer.crm"):
            read_all(lapse, "anonymizer.crm")
        assert standing(lapse, [claimed, waiting]) == before
        assert [each["outcome"] for each in lapse.results()] == ["SUPERSEDED"]
        letter = last_dead_letter(lapse, "undecodable")
        assert (letter.key, letter.value, origin(letter)) == (None, b"no event", position_of(record))
