"""The figures of a run, as they are printed."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple, get_args

from tests.chaos.books import Books, Difference, Found, Wrong
from tests.chaos.customers import FOREVER, Customer
from tests.chaos.flow import Flow
from tests.chaos.roles import Kill, Roles
from tests.chaos.storm import SERVICES, VOTERS
from tests.chaos.strikes import Strikes

ENOUGH_IN_HAND: Final = 0.6
ENOUGH_KILLS: Final = 50
"""Of fewer the share with work in hand is chance."""


class Figures(NamedTuple):
    """What happened and what stands at the end."""

    acknowledged: int
    delivered_anew: int
    stands: Mapping[str, int]
    commands: int
    kills: Sequence[Kill]
    roles: Mapping[str, tuple[int, int]]
    starts: int
    ended_when_told: int
    struck: Mapping[str, int]
    wrong: Mapping[Wrong, int]
    letters: int

    @property
    def share(self) -> float:
        """Of all kills, those that hit work in hand."""
        return sum(kill.in_hand for kill in self.kills) / len(self.kills) if self.kills else 0.0


def figures(
    customers: Sequence[Customer],
    found: Found,
    books: Books,
    differences: Sequence[Difference],
    roles: Roles,
    strikes: Strikes,
    flow: Flow,
) -> Figures:
    """Count."""
    wrong = Counter(difference.wrong for difference in differences)
    return Figures(
        acknowledged=sum(_acknowledged(customer) for customer in customers),
        delivered_anew=flow.failed_deliveries,
        stands=Counter(_stands(customer, found, books) for customer in customers),
        commands=sum(len(books.commands(customer)) for customer in customers),
        kills=roles.kills,
        roles=roles.share(),
        starts=roles.starts,
        ended_when_told=roles.ended_when_told,
        struck=strikes.struck,
        wrong={each: wrong[each] for each in get_args(Wrong)},
        letters=len(found.letters),
    )


def _acknowledged(customer: Customer) -> int:
    times = [said.acknowledged for said in customer.said] + [record.acknowledged for record in customer.unreadable]
    return sum(at < FOREVER for at in times)


def _stands(customer: Customer, found: Found, books: Books) -> str:
    """How a customer stands at the end, in one word."""
    rows = [rows[customer.id] for rows in found.rows.values() if customer.id in rows]
    if any(row[2] for row in rows):
        return "anonymized again" if len(customer.rows) > 1 else "anonymized"
    if len(customer.rows) > 1:
        return "came back"
    if books.is_held(customer):
        return "held"
    if customer.active_until > found.now:
        return "active"
    return {"bystander": "never heard of", "not due": "not due yet"}.get(customer.fate, "postponed")


def lines(made: Figures) -> Iterator[str]:
    """The figures for a person to read."""
    count = sum(made.stands.values())
    yield f"{count} customers x {len(SERVICES)} services, {', '.join(VOTERS)} voting"
    yield f"acknowledged events   {made.acknowledged} ({made.delivered_anew} delivered anew after a failed delivery)"
    yield f"commands carried out  {made.commands}"
    yield "at the end            " + ", ".join(f"{name} {made.stands[name]}" for name in sorted(made.stands))
    hit = sum(kill.in_hand for kill in made.kills)
    at_points = sum(kill.point is not None for kill in made.kills)
    share = f"with work in hand {hit} ({made.share:.0%}), {at_points} of them at fault points"
    yield f"kills                 {len(made.kills)}, {share}; {made.struck.get('aimed in vain', 0)} aimed in vain"
    for role, (all_, in_hand) in made.roles.items():
        yield f"  {role:<19} {all_:>4}, with work in hand {in_hand}"
    for point, times in sorted(Counter(kill.point for kill in made.kills if kill.point).items()):
        yield f"  at {point:<24} {times}"
    yield f"stops and zombies     {made.struck.get('stop', 0)}, with work in hand {made.struck.get('stop in hand', 0)}"
    yield f"process starts        {made.starts}, ended cleanly when told {made.ended_when_told}"
    for kind in ("restart", "silence", "drop"):
        each = {name: times for name, times in made.struck.items() if name.startswith(f"{kind} ")}
        told = ", ".join(f"{name.removeprefix(kind).strip()} {each[name]}" for name in sorted(each))
        yield f"{kind + 's':<21} {made.struck.get(kind, 0)} ({told})"
    yield f"dead letters          {made.letters}, of records published to become one"
    yield "wrong                 " + ", ".join(f"{name} {times}" for name, times in made.wrong.items())
