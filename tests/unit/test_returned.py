"""A customer whose data came back becomes due again without a word about him changed."""

from hypothesis import given, settings

from consumers.domain.commands import claim
from consumers.domain.due import NEVER, command_id, due_date
from consumers.domain.folding import fold
from consumers.domain.item import Item, Last, PurposeState
from consumers.domain.registers import Event, counts, spend
from consumers.domain.returned import Again, said_again, standing
from tests.support.build import DAY, NOW, all_live, item, policy, postpone, purpose, schedule
from tests.support.histories import POLICY, PURPOSES, histories, lived
from tests.support.oracle import Commit, Step

CRM, MARKETING = "crm", purpose()
RULES = policy()


def done(*events: Event) -> Item:
    """Claimed and committed: every register is spent, nothing in flight."""
    known = item(*events)
    products = {name: spend(product, "marketing") for name, product in known.products.items()}
    last = Last("11111111-1111-5111-8111-111111111111", ("crm",), {"crm": "DONE"}, NOW - DAY, NOW - DAY)
    return known._replace(products=products, purposes={"marketing": PurposeState(attempt=1, last=last)})


def again_of(known: Item) -> Again:
    found = said_again(known, MARKETING, RULES)
    assert found is not None
    return found


def told(known: Item, again: Again, position: str = "lapse.events-0-99") -> Item:
    return fold(known, [Event(again.kind, again.product, again.register, position)], RULES, NOW).item


def stands(known: Item) -> str:
    return standing(known, MARKETING, CRM, RULES, NOW)


def test_who_is_complete_and_said_nothing_since_has_returned_and_becomes_due_by_a_new_command() -> None:
    known = done(schedule(occurred=1), postpone("activity", occurred=2, until=3))
    assert stands(known) == "returned"
    again = told(known, again_of(known))
    assert stands(again) == "due"
    [sent] = claim(again, RULES, all_live(RULES), NOW, NOW).sent
    assert sent.command.id == command_id(again, MARKETING, RULES) != command_id(known, MARKETING, RULES)


def test_said_twice_before_it_is_folded_it_is_one_event() -> None:
    known = done(schedule(occurred=1))
    assert again_of(known) == again_of(known)
    once = told(known, again_of(known))
    assert told(once, again_of(known), "lapse.events-0-100") == once


def test_the_newest_statement_of_his_own_product_is_said_again_as_what_it_was() -> None:
    ended, moved = schedule(occurred=1), postpone(occurred=2, until=3)
    assert (again_of(done(ended)).kind, again_of(done(ended)).register.date) == ("schedule", 1)
    assert (again_of(done(ended, moved)).kind, again_of(done(ended, moved)).register.date) == ("postpone", 3)
    assert again_of(done(moved, schedule(occurred=4))).kind == "schedule"
    # as of a tie the postpone counts
    assert again_of(done(ended, postpone(occurred=1, until=3))).kind == "postpone"
    another = done(ended)._replace(customer_id="another")
    assert again_of(another).register.event_id != again_of(done(ended)).register.event_id


def test_a_product_of_another_kind_has_nothing_to_say() -> None:
    loans, cards = purpose(products=frozenset({"loan"})), purpose(products=frozenset({"card"}))
    known = done(schedule("loan/1", occurred=1))
    assert said_again(known, loans, policy(loans)) is not None
    assert said_again(known, cards, policy(cards)) is None


def test_who_came_back_by_himself_is_left_alone_until_he_is_due() -> None:
    known = done(schedule(occurred=1))
    back = fold(known, [schedule("loan/2", NOW - DAY)], RULES, NOW).item
    assert stands(back) == "kept"
    assert standing(back, MARKETING, CRM, RULES, NOW + 40 * DAY) == "due"
    assert stands(fold(known, [postpone("loan/2", NOW - DAY)], RULES, NOW).item) == "kept"


def test_a_command_under_way_or_a_service_put_off_is_nobody_elses_to_repair() -> None:
    known = done(schedule(occurred=1))
    state = known.of("marketing")
    assert stands(known.having("marketing", state._replace(deferred={CRM: NOW + DAY}))) == "due"
    assert stands(known.having("marketing", state._replace(deferred={"newsletter": NOW + DAY}))) == "returned"
    claimed = claim(told(known, again_of(known)), RULES, all_live(RULES), NOW, NOW).item
    assert stands(claimed) == "due"


def test_who_is_forgotten_has_nothing_to_become_due_by() -> None:
    assert stands(Item("c")) == "forgotten"
    assert stands(done(postpone(occurred=1, until=2))) == "forgotten"


def test_whatever_a_product_service_says_later_wins_folded_before_or_after() -> None:
    known = done(schedule(occurred=NOW - 60 * DAY))
    opened = postpone(occurred=NOW - 60 * DAY + 1)
    again = again_of(known)
    after = fold(told(known, again), [opened], RULES, NOW).item
    before = told(fold(known, [opened], RULES, NOW).item, again)
    assert due_date(after, MARKETING, RULES) == due_date(before, MARKETING, RULES) == NEVER


@settings(max_examples=300)
@given(histories())
def test_no_due_date_changes_but_of_purposes_that_had_used_it_up(history: list[Step]) -> None:
    one = PURPOSES[0]
    known = lived([*history, Commit(one.name)])
    again = said_again(known, one, POLICY)
    if again is None:
        assert not any(product.schedule for name, product in known.products.items() if POLICY.lists(one, name))
        return
    after = fold(known, [Event(again.kind, again.product, again.register, "lapse.events-0-99")], POLICY, NOW).item
    assert due_date(after, one, POLICY) is not None
    for other in PURPOSES:
        lists = POLICY.lists(other, again.product)
        if not lists or counts(known.products[again.product], other.name):
            assert due_date(after, other, POLICY) == due_date(known, other, POLICY)
