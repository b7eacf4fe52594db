"""Bytes made wrong: a few of the ways in which a disk, a network, an old client or an attacker does it."""

import random
from collections.abc import Callable, Sequence

HUGE = (
    b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f",  # 2^62 - 1 as an Avro long
    b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f",  # and its negative: a block of an array that says its size
    b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # 2^63 - 1
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",  # -2^63
    b"\xfe\xff\xff\xff\x0f",  # 2^31 - 1
    b"\xff" * 12,  # a number that does not end
    b"\x80" * 9 + b"\x00",  # zero, at length
)
Mutation = Callable[[random.Random, bytearray, Sequence[bytes]], None]


def _flip(chance: random.Random, value: bytearray, _: Sequence[bytes]) -> None:
    for _times in range(chance.choice((1, 1, 1, 2, 8))):
        if value:
            value[chance.randrange(len(value))] ^= 1 << chance.randrange(8)


def _cut(chance: random.Random, value: bytearray, _: Sequence[bytes]) -> None:
    del value[chance.randrange(len(value) + 1) :]


def _behead(chance: random.Random, value: bytearray, _: Sequence[bytes]) -> None:
    del value[: chance.randrange(len(value) + 1)]


def _take_out(chance: random.Random, value: bytearray, _: Sequence[bytes]) -> None:
    start = chance.randrange(len(value) + 1)
    del value[start : start + chance.choice((1, 1, 2, 4, 16))]


def _put_in(chance: random.Random, value: bytearray, _: Sequence[bytes]) -> None:
    at = chance.randrange(len(value) + 1)
    value[at:at] = chance.randbytes(chance.choice((1, 1, 2, 8, 300)))


def _overwrite(chance: random.Random, value: bytearray, _: Sequence[bytes]) -> None:
    at = chance.randrange(len(value) + 1)
    new = chance.choice((b"\x00", b"\xff", b"\x80", b"\xc3\x28", b"\xed\xa0\x80", b"\xf4\x90\x80\x80")) * 2
    value[at : at + len(new)] = new


def _believe_me(chance: random.Random, value: bytearray, _: Sequence[bytes]) -> None:
    at = chance.randrange(len(value) + 1)
    value[at : at + chance.randrange(3)] = chance.choice(HUGE)


def _graft(chance: random.Random, value: bytearray, others: Sequence[bytes]) -> None:
    other = chance.choice(others)
    value[chance.randrange(len(value) + 1) :] = other[chance.randrange(len(other) + 1) :]


def _repeat(chance: random.Random, value: bytearray, _: Sequence[bytes]) -> None:
    start = chance.randrange(len(value) + 1)
    part = bytes(value[start : start + chance.choice((1, 4, 40))])
    value[start:start] = part * chance.choice((1, 2, 50))


MUTATIONS: tuple[Mutation, ...] = (
    *(_flip, _flip, _cut, _behead, _take_out, _put_in, _overwrite, _believe_me, _believe_me),
    *(_graft, _repeat),
)


def mutated(chance: random.Random, value: bytes, others: Sequence[bytes]) -> bytes:
    """The value changed once or a few times; `others` are what parts of another may come from."""
    changed = bytearray(value)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        chance.choice(MUTATIONS)(chance, changed, others)
    return bytes(changed)
