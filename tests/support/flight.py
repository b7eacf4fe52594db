"""A customer on his way through a command: claimed, committed, complete."""

from typing import Final

from consumers.domain.commands import claim
from consumers.domain.due import command_id
from consumers.domain.item import Command, Item
from consumers.domain.outcomes import record_outcome
from consumers.domain.verdicts import Verdict, judge
from tests.support.build import HOUR, NOW, all_live, at, item, policy, purpose, schedule

MARKETING: Final = purpose()
BOOKS: Final = purpose("books", services=("ledger",), products=frozenset({"loan"}))
RULES: Final = policy(MARKETING, BOOKS)
MODES: Final = all_live(RULES)
BOTH: Final = {"crm", "newsletter"}
FACTS: Final = schedule(starts=at("2026-05-01"))
DUE: Final = at("2026-05-31")
BASE: Final = item(FACTS)
LATER: Final = NOW + 6 * HOUR


def claimed(known: Item = BASE) -> Item:
    return claim(known, RULES, MODES, NOW, NOW).item


def carried(known: Item, name: str = "marketing") -> Command:
    command = known.of(name).command
    assert command is not None
    return command


def judged(
    known: Item,
    service: str = "crm",
    message: str | None = None,
    *,
    carried_out: bool = False,
    halted: bool = False,
    objects: bool = False,
    waited: bool = False,
) -> Verdict:
    return judge(
        known,
        MARKETING,
        service,
        message or command_id(BASE, MARKETING, RULES),
        RULES,
        NOW + HOUR,
        carried_out=carried_out,
        halted=halted,
        objects=objects,
        waited=waited,
    )


def committed() -> Item:
    return judged(claimed()).item


def finished(known: Item, **outcomes: str) -> Item:
    for service, outcome in outcomes.items():
        after = record_outcome(known, "marketing", carried(known).id, service, outcome, NOW + 2 * HOUR)
        assert after is not None
        known = after
    return known


def complete() -> Item:
    return finished(committed(), crm="DONE", newsletter="NOTHING_FOUND")
