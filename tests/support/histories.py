"""Histories of one customer for property tests: events in any order with commits between them."""

from collections.abc import Sequence
from typing import Final

from hypothesis import strategies as st

from consumers.domain.folding import fold
from consumers.domain.item import Item
from consumers.domain.policy import Policy
from consumers.domain.registers import Event, spend
from consumers.domain.retention import Retention
from tests.support.build import CUSTOMER, HOUR, NOW, at, event, policy, purpose
from tests.support.oracle import Commit, Step

PURPOSES: Final = (
    purpose("marketing"),
    purpose(
        "bookkeeping",
        services=("ledger",),
        products=frozenset({"loan"}),
        retention=Retention(years=7, counted_from="end_of_year", timezone="Europe/Stockholm"),
    ),
    purpose(
        "risk",
        services=("scores",),
        products=frozenset({"activity"}),
        retention=Retention(months=1, timezone="America/New_York"),
    ),
)
POLICY: Final = policy(*PURPOSES, always=frozenset({"dispute"}))
PRODUCTS: Final = ["loan/1", "loan/2", "activity", "dispute/9", "legal-hold/77"]
# leap day, last day of a long month, both changes of the clock, both sides of a year's end and of 1970, midnights
INSTANTS: Final = [
    at(text)
    for text in (
        "2024-02-29T00:00",
        "2024-01-31T22:59:59.999999",
        "2024-03-31T00:30",
        "2024-10-27T00:30",
        "2024-12-31T23:30",
        "2024-12-31T22:59:59",
        "1969-12-31T23:59:59.999999",
        "2026-06-14T22:00",
        "2026-06-15T04:00",
        "2030-01-01T00:00",
    )
]


def times() -> st.SearchStrategy[int]:
    """Instants that have bitten somebody, and others."""
    return st.sampled_from(INSTANTS) | st.integers(at("1950-01-01"), at("2100-01-01"))


def events() -> st.SearchStrategy[Event]:
    """Events of five products whose times tie often."""
    occurred = st.integers(0, 4).map(lambda hours: at("2024-01-01") + hours * HOUR)
    return st.builds(
        lambda product, kind, occurred, date, not_before: event(
            kind, product, occurred, 0 if date is None and kind == "schedule" else date, not_before=not_before
        ),
        st.sampled_from(PRODUCTS),
        st.sampled_from(["schedule", "postpone"]),
        occurred,
        st.none() | times() | times(),
        st.none() | times(),
    )


def histories(max_size: int = 12) -> st.SearchStrategy[list[Step]]:
    """Events with commits between them."""
    commits = st.sampled_from([Commit(one.name) for one in PURPOSES])
    return st.lists(st.one_of(events(), events(), events(), commits), max_size=max_size)


def lived(history: Sequence[Step], rules: Policy = POLICY) -> Item:
    """The item after a history; a commit marks registers as the commit point does, due or not."""
    known = Item(CUSTOMER)
    for step in history:
        known = fold(known, [step], rules, NOW).item if isinstance(step, Event) else _committed(known, step, rules)
    return known


def _committed(known: Item, step: Commit, rules: Policy) -> Item:
    committing = rules.purposes[step.purpose]
    products = {
        name: spend(product, step.purpose) if rules.lists(committing, name) else product
        for name, product in known.products.items()
    }
    return known._replace(products=products)
