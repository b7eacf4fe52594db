"""The books find what they are there to find."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from consumers.domain.commands import claim
from consumers.domain.due import command_id
from consumers.domain.folding import fold, hold
from consumers.domain.item import Item
from consumers.domain.policy import Policy, Purpose
from consumers.domain.registers import Event
from consumers.domain.retention import Retention, micros
from producer_client import Postpone, Schedule
from tests.chaos.books import Books, Entry, Found, Wrong
from tests.chaos.customers import Customer, Row, Said, Unreadable, event_of
from tests.chaos.storm import SERVICES

SECOND = 1_000_000
NOW = micros(datetime(2026, 11, 20, 12, tzinfo=UTC))
PURPOSE = Purpose("care", Retention(days=30, timezone="Europe/Stockholm"), SERVICES)
POLICY = Policy({"care": PURPOSE})
UNTOUCHED = ("Ada", "ada@example.invalid", False)
ANONYMIZED = ("Anonymized", "0123456789abcdef0123456789abcdef@anonymized.invalid", True)
Ledgers = Mapping[str, Mapping[str, Sequence[Entry]]]


def at(seconds: float) -> int:
    return NOW + int(seconds * SECOND)


def when(seconds: float) -> datetime:
    return datetime(2026, 11, 20, 12, tzinfo=UTC) + timedelta(seconds=seconds)


def closed(seconds: float, *, product: str = "loan/1", days: int = 60) -> Said:
    """Said and acknowledged at a time, of a retention that began so many days before."""
    starts = when(seconds) - timedelta(days=days)
    told = Schedule(
        customer_id="ada",
        product=product,
        retention_starts_at=starts,
        occurred_at=when(seconds),
        source="t",
        event_id=UUID(int=int(seconds * 10) + 1, version=4),
    )
    return Said(event_of(told), at(seconds), at(seconds + 1))


def opened(seconds: float, *, product: str = "loan/2") -> Said:
    told = Postpone(
        customer_id="ada",
        product=product,
        occurred_at=when(seconds),
        source="t",
        event_id=UUID(int=int(seconds * 10) + 2, version=4),
    )
    return Said(event_of(told), at(seconds), at(seconds + 1))


def ada(*said: Said) -> Customer:
    return Customer("ada", "due", list(said), rows=[Row(0, *UNTOUCHED[:2])])


def item_of(events: Sequence[Event]) -> Item:
    return fold(Item("ada"), events, POLICY, NOW).item


def command_of(*said: Said) -> str:
    return command_id(item_of([each.event for each in said]), PURPOSE, POLICY)


def found(customer: Customer, *commands: tuple[str, float, float], **changed: Any) -> Found:
    """A world in which these commands (id, sent, committed) were carried out everywhere."""
    entries = [Entry(name, at(committed), "DONE") for name, _, committed in commands]
    untouched = not commands or at(commands[-1][2]) < customer.rows[-1].at
    written = customer.rows[-1]
    row = (written.name, written.email, False) if untouched else ANONYMIZED
    item = item_of([said.event for said in customer.said])
    for record in customer.unreadable:
        if record.released > at(1000):
            item = hold(item, record.position, record.code, NOW)
    right = Found(
        now=at(1000),
        rows={service: {"ada": row} for service in SERVICES},
        ledgers={service: {"ada": entries} if entries else {} for service in SERVICES},
        sent={name: at(sent) for name, sent, _ in commands},
        items={"ada": item},
        late=set(),
        letters={record.position: record.code for record in customer.unreadable},
    )
    return right._replace(**changed)


def wrong(customer: Customer, world: Found) -> set[Wrong]:
    return {each.wrong for each in Books(world, POLICY, "care").differences([customer])}


def test_due_and_anonymized_everywhere_is_right() -> None:
    customer = ada(closed(0))
    assert wrong(customer, found(customer, (command_of(*customer.said), 5, 6))) == set()


def test_nobody_due_and_nothing_touched_is_right() -> None:
    customer = ada(opened(0), closed(3))
    assert wrong(customer, found(customer)) == set()


def test_due_and_not_anonymized_is_lost() -> None:
    customer = ada(closed(0))
    assert wrong(customer, found(customer)) == {"lost"}


def test_event_the_item_does_not_have_is_lost() -> None:
    customer = ada(opened(0), closed(3))
    assert wrong(customer, found(customer, items={"ada": item_of([customer.said[1].event])})) == {"lost"}


def test_postpone_acknowledged_before_the_command_was_sent_and_ignored_is_premature() -> None:
    customer = ada(closed(0), opened(1))
    ignoring = command_of(customer.said[0])
    assert "premature" in wrong(customer, found(customer, (ignoring, 5, 6)))


def test_postpone_acknowledged_after_the_command_was_sent_may_come_too_late_but_must_be_reported() -> None:
    customer = ada(closed(0), opened(5))
    command = command_of(customer.said[0])
    world = found(customer, (command, 5.5, 7))
    assert wrong(customer, world) == {"late"}
    assert wrong(customer, world._replace(late={("ada", command)})) == set()


def test_statement_sent_after_the_commit_cannot_have_been_known() -> None:
    customer = ada(opened(0, product="loan/1"), closed(8))
    assert "premature" in wrong(customer, found(customer, (command_of(*customer.said), 5, 6)))


def test_before_the_due_date_is_premature() -> None:
    customer = ada(closed(0, days=3))
    assert wrong(customer, found(customer, (command_of(*customer.said), 5, 6))) == {"premature"}


def test_while_the_voting_service_objects_is_premature() -> None:
    customer = ada(closed(0))
    customer.active_until = at(7)
    assert wrong(customer, found(customer, (command_of(*customer.said), 5, 6))) == {"premature"}


def test_while_a_record_holds_is_premature() -> None:
    customer = ada(closed(3))
    customer.unreadable.append(Unreadable("undecodable", b"", position="e-0-1", acknowledged=at(1), released=at(30)))
    world = found(customer, (command_of(*customer.said), 10, 40))
    assert wrong(customer, world) == {"premature"}
    assert wrong(customer, world._replace(sent={command_of(*customer.said): at(31)})) == set()


def test_held_for_good_is_right_only_with_its_hold() -> None:
    customer = ada(closed(3))
    customer.unreadable.append(Unreadable("undecodable", b"", position="e-0-1", acknowledged=at(1)))
    assert wrong(customer, found(customer)) == set()
    assert wrong(customer, found(customer, items={"ada": item_of([customer.said[0].event])})) == {"item"}
    assert wrong(customer, found(customer, letters={})) == {"letters"}


def test_dead_letter_nobody_published_is_wrong() -> None:
    customer = ada(closed(0))
    world = found(customer, (command_of(*customer.said), 5, 6), letters={"commands-0-7": "failed"})
    assert wrong(customer, world) == {"letters"}


def test_one_service_missing_is_partial() -> None:
    customer = ada(closed(0))
    world = found(customer, (command_of(*customer.said), 5, 6))
    assert wrong(customer, world._replace(ledgers={**world.ledgers, "news": {}})) == {"partial"}
    assert wrong(customer, world._replace(rows={**world.rows, "news": {"ada": UNTOUCHED}})) == {"partial"}


def test_ledgers_that_disagree_are_wrong() -> None:
    customer = ada(closed(0))
    command = command_of(*customer.said)
    world = found(customer, (command, 5, 6))
    other: Ledgers = {**world.ledgers, "news": {"ada": [Entry(command, at(9), "DONE")]}}
    assert wrong(customer, world._replace(ledgers=other)) == {"partial"}


@pytest.mark.parametrize("row", [ANONYMIZED, ("Ada", "other@example.invalid", False), None])
def test_row_changed_though_nothing_was_due_is_wrong(row: tuple[str, str, bool] | None) -> None:
    customer = ada()
    world = found(customer)
    rows = {**world.rows, "crm": {"ada": row} if row else {}}
    assert wrong(customer, world._replace(rows=rows)) == {"neighbours"}


def test_who_came_back_keeps_the_new_rows_until_due_again() -> None:
    customer = ada(closed(0), opened(10))
    customer.rows.append(Row(at(12), "Ada again", "again@example.invalid"))
    first = command_of(customer.said[0]), 5.0, 6.0
    assert wrong(customer, found(customer, first)) == set()
    erased = {service: {"ada": ANONYMIZED} for service in SERVICES}
    assert wrong(customer, found(customer, first, rows=erased)) == {"neighbours"}
    customer.said.append(closed(20, product="loan/2"))
    assert wrong(customer, found(customer, first)) == {"lost"}
    again = command_of(*customer.said), 25.0, 26.0
    assert wrong(customer, found(customer, first, again)) == set()


def test_due_again_without_new_rows_finds_nothing() -> None:
    customer = ada(closed(0), opened(10), closed(20, product="loan/2"))
    first, again = command_of(customer.said[0]), command_of(*customer.said)
    world = found(customer, (first, 5, 6), (again, 25, 26))
    assert wrong(customer, world) == {"partial"}
    entries = [Entry(first, at(6), "DONE"), Entry(again, at(26), "NOTHING_FOUND")]
    assert wrong(customer, world._replace(ledgers={service: {"ada": entries} for service in SERVICES})) == set()


def test_command_in_flight_at_the_end_is_wrong() -> None:
    customer = ada(closed(0))
    command = command_of(*customer.said)
    world = found(customer, (command, 5, 6))
    item = claim(world.items["ada"], POLICY, dict.fromkeys(SERVICES, "live"), at(2), at(2)).item
    assert wrong(customer, world._replace(items={"ada": item})) == {"item"}
