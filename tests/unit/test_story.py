"""The story of a customer, with what cannot be asked left out and named."""

from collections.abc import Sequence

import pytest

from consumers.adapters.memory.reader import MemoryReader
from consumers.domain.errors import PermanentError, TransientError
from consumers.domain.work import Proof
from consumers.operations.story import Ledgers, UnknownCommandError, customer_of, proofs_of, trail_of
from tests.support.world import PURPOSE, World, due_world


def away(_: Sequence[str]) -> Sequence[Proof]:
    raise TransientError("away", code="timed_out")


def unusable(_: Sequence[str]) -> Sequence[Proof]:
    raise PermanentError("no ledger table", code="42P01")


def completed(*customers: str) -> World:
    world = due_world(*customers)
    world.request_tick()
    world.run()
    return world


def command_of(world: World, customer: str) -> str:
    last = world.item(customer).of(PURPOSE).last
    assert last is not None
    return last.id


def resolved(world: World, command: str, ledgers: Ledgers) -> str:
    return customer_of(ledgers, MemoryReader(world.broker), world.names.results, command)


def test_trail_is_of_one_customer_and_passes_over_what_is_no_answer() -> None:
    world = completed("a", "b", "c")
    world.sink.send(world.names.results, b"a", b"garbage")
    world.sink.flush()
    told = trail_of(MemoryReader(world.broker), world.offsets, world.names.results, "a")
    assert [(each["service"], each["outcome"], each["command"]) for each in told if isinstance(each, dict)] == [
        (service, "DONE", command_of(world, "a")) for service in ("crm", "loans")
    ]
    assert len(told) == 2


def test_trail_says_that_kafka_is_away() -> None:
    world = completed("a")
    world.broker.away = True
    assert trail_of(MemoryReader(world.broker), world.offsets, world.names.results, "a") == ["away: transport"]


def test_proofs_name_the_ledgers_that_cannot_be_asked() -> None:
    assert proofs_of({"crm": away, "loans": unusable}, ["x"]) == {
        "crm": "away: timed_out",
        "loans": "unusable: 42P01",
    }


def test_command_is_resolved_past_ledgers_that_cannot_be_asked() -> None:
    world = completed("a", "b")
    assert resolved(world, command_of(world, "b"), {"crm": away, "loans": unusable}) == "b"


def test_command_nobody_answered_is_unknown() -> None:
    with pytest.raises(UnknownCommandError):
        resolved(completed("a"), "00000000-0000-4000-8000-000000000000", {})
