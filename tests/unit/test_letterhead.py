"""What the headers of a dead letter and of a copy say, and what only looks like them."""

import pytest

from consumers.ports import Headers, Record
from consumers.runtime.letterhead import BLOCK, REDRIVE_GROUP, Origin, block, copy_headers, dead_of, original_of
from consumers.runtime.records import meant_for, position_of

GROUP = "lapse.state"
ORIGIN = Origin("lapse.events", 3, 1 << 40, 1_700_000_000_123_000, 2)
OWN: Headers = [("h", b"\x00\xff"), ("h", None), (BLOCK[0], b"mine")]
LETTER: Headers = [*OWN, *block(ORIGIN, GROUP, "undecodable")]
COPY = copy_headers(LETTER, GROUP)

CHECKED = [at for at, name in enumerate(BLOCK) if not name.endswith("message")]  # a code says itself


def record(headers: Headers) -> Record:
    return Record("lapse.events", 0, 7, 0, b"k", b"v", tuple(headers))


def changed(at: int, value: bytes | None) -> Headers:
    headers = list(COPY)
    headers[at] = headers[at][0], value
    return headers


def test_a_letter_and_its_copy_tell_the_headers_and_the_position_of_the_original() -> None:
    dead = dead_of(LETTER)
    assert dead is not None
    assert dead == original_of(COPY)
    assert (list(dead.own), dead.origin, dead.group, dead.code) == (OWN, ORIGIN, GROUP, "undecodable")
    assert position_of(record(COPY)) == str(ORIGIN)
    assert meant_for([record(COPY)], GROUP) == [record(COPY)]
    assert meant_for([record(COPY)], "another") == []


@pytest.mark.parametrize(
    "headers",
    [
        [],
        LETTER,
        [(REDRIVE_GROUP, GROUP.encode())],
        [*COPY, ("x", b"y")],
        [*OWN, *((name, b"\xff") for name in BLOCK), COPY[-1]],
        [*OWN, *reversed(COPY[len(OWN) : -1]), COPY[-1]],
        *(changed(len(OWN) + at, value) for at in CHECKED for value in (None, b"\xff", b"-1", b"9" * 5000)),
        changed(-1, b"another"),
    ],
)
def test_a_record_with_any_other_headers_is_no_copy_and_is_everybodys(headers: Headers) -> None:
    assert original_of(headers) is None
    assert position_of(record(headers)) == "lapse.events-0-7"
    assert meant_for([record(headers)], "another") == [record(headers)]
