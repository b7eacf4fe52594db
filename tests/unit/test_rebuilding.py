"""A copy of the table laid under what was published: nothing said or spent is lost, in whatever order it is met."""

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.domain.due import command_id
from consumers.domain.item import Command, Hold, Item, Last, Phase
from consumers.domain.rebuilding import backfilled, claimed_lately, is_open, lay_over
from consumers.domain.registers import Event, Product, merge_products, spend, with_event
from tests.support.build import CUSTOMER, DAY, NOW, SECOND, item, policy, postpone, purpose, schedule

PURPOSE = purpose(services=("crm", "wiki"))
POLICY = policy(PURPOSE)
HELD = {"person:1": Hold(NOW, "person", "ann", "dispute")}


def told() -> st.SearchStrategy[list[Event]]:
    """Few products and times, so that statements meet and tie."""
    one = st.builds(
        lambda make, product, occurred: make(product, occurred),
        st.sampled_from([schedule, postpone]),
        st.sampled_from(["loan/1", "loan/2", "activity"]),
        st.integers(0, 3),
    )
    return st.lists(one, max_size=6)


def lived(events: list[Event], *, spent: bool) -> Item:
    """A customer about whom this is known, used up by a commit or not."""
    known = item(*events)
    if not spent:
        return known
    return known._replace(products={name: spend(product, PURPOSE.name) for name, product in known.products.items()})


def folded(known: Item, events: list[Event]) -> dict[str, Product]:
    return reduce(
        lambda products, news: {**products, news.product: with_event(products.get(news.product), news)},
        events,
        dict(known.products),
    )


def committed(*, done: tuple[str, ...] = ("crm",), phase: Phase = "COMMITTED") -> Command:
    return Command(
        id=command_id(item(schedule()), PURPOSE, POLICY),
        attempt=7,
        phase=phase,
        services=("crm",),
        sent_at=NOW,
        lease_until=NOW + DAY,
        outcomes=dict.fromkeys(done, "DONE"),
        committed_at=NOW if phase == "COMMITTED" else None,
    )


def last() -> Last:
    command = committed()
    return Last(command.id, command.services, command.outcomes, NOW, NOW)


def having(command: Command | None = None, last: Last | None = None, *, spent: bool = True) -> Item:
    known = lived([schedule()], spent=spent)
    return known.having(PURPOSE.name, known.of(PURPOSE.name)._replace(attempt=7, command=command, last=last))


# ---- laid over -------------------------------------------------------------------------------------------------------


@given(told(), told(), told(), st.booleans(), st.booleans(), st.integers(1, 3), st.integers(1, 3))
def test_laying_over_and_folding_may_change_places(
    copied: list[Event], published: list[Event], replayed: list[Event], used: bool, spent: bool, one: int, other: int
) -> None:
    copy, newest = lived(copied, spent=used), lived(published, spent=spent)
    laid = lay_over(copy, one, newest, other)
    early = lay_over(copy._replace(products=folded(copy, replayed)), one, newest, other)
    assert folded(laid, replayed) == early.products
    assert folded(lay_over(laid, one, newest, other), replayed) == early.products


@given(told(), told(), st.booleans())
def test_the_same_facts_give_the_same_command_however_they_were_split(
    copied: list[Event], published: list[Event], spent: bool
) -> None:
    laid = lay_over(lived(copied, spent=spent), 2, lived(published, spent=not spent), 1)
    assert command_id(laid, PURPOSE, POLICY) == command_id(item(*copied, *published), PURPOSE, POLICY)


@given(told(), st.booleans())
def test_what_a_commit_used_up_stays_so_on_whichever_side_it_is_known(events: list[Event], in_the_copy: bool) -> None:
    sides = lived(events, spent=in_the_copy), lived(events, spent=not in_the_copy)
    laid = lay_over(sides[0], 1, sides[1], 1)
    assert laid.products == lived(events, spent=True).products == merge_products(sides[0].products, sides[1].products)


@pytest.mark.parametrize(("copy", "newest", "held"), [(4, 5, True), (5, 5, False), (6, 5, False)])
def test_holds_and_commands_come_from_the_higher_version_and_at_a_tie_from_the_table(
    copy: int, newest: int, held: bool
) -> None:
    said = having(committed())._replace(holds=HELD)
    laid = lay_over(Item(CUSTOMER), copy, said, newest)
    assert (laid.holds, laid.purposes) == ((said.holds, said.purposes) if held else ({}, {}))


# ---- claims of the last day ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ago", "counts"), [(0, True), (DAY - SECOND, True), (DAY, False), (30 * DAY, False)])
def test_a_claim_is_known_by_its_attempt_for_a_day(ago: int, counts: bool) -> None:
    known = Item(CUSTOMER)
    claimed = known.having("marketing", known.of("marketing")._replace(attempt=(NOW - ago) // SECOND))
    assert claimed_lately(claimed, NOW) is counts
    assert not claimed_lately(known, NOW)


# ---- open though carried out -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        pytest.param(lived([schedule()], spent=False), True, id="due again"),
        pytest.param(having(committed(phase="ISSUED"), spent=False), True, id="issued"),
        pytest.param(having(committed()), False, id="committed"),
        pytest.param(having(last=last()), False, id="completed"),
        pytest.param(lived([schedule()], spent=True), False, id="used up"),
        pytest.param(lived([schedule(), postpone()], spent=False), False, id="other facts"),
        pytest.param(Item(CUSTOMER), False, id="forgotten"),
    ],
)
def test_a_command_is_open_where_the_table_would_carry_it_out_again(known: Item, expected: bool) -> None:
    assert is_open(known, PURPOSE, committed().id, POLICY) is expected


# ---- backfill --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [having(last=last()), having(committed(done=()))])
def test_a_completed_or_committed_command_is_sent_to_the_service_added_since(known: Item) -> None:
    sent = backfilled(known, PURPOSE, "wiki", POLICY, NOW + DAY)
    assert sent is not None
    assert (sent.only_service, sent.purpose, sent.command.id, sent.command.attempt, sent.command.sent_at) == (
        "wiki",
        PURPOSE.name,
        committed().id,
        7,
        NOW + DAY,
    )


def with_wiki(outcome: str) -> Last:
    return last()._replace(services=("crm", "wiki"), outcomes={"crm": "DONE", "wiki": outcome})


@pytest.mark.parametrize(
    "known",
    [
        pytest.param(Item(CUSTOMER), id="nobody"),
        pytest.param(having(), id="never completed"),
        pytest.param(having(committed(phase="ISSUED")), id="not committed"),
        pytest.param(having(committed()._replace(services=("crm", "wiki"))), id="owed anyway"),
        pytest.param(having(last=with_wiki("DONE")), id="done there"),
        pytest.param(having(last=with_wiki("ABANDONED")), id="abandoned there"),
        pytest.param(having(last=last())._replace(holds=HELD), id="held"),
        pytest.param(having(last=last(), spent=False), id="came back"),
    ],
)
def test_nobody_else_is_sent_to_the_service_added_since(known: Item) -> None:
    assert backfilled(known, PURPOSE, "wiki", POLICY, NOW) is None
