"""Registers are a join: order, grouping and repetition of what is merged do not matter."""

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from consumers.domain.registers import (
    Event,
    Product,
    Register,
    counts,
    kind_of,
    merge_product,
    merge_products,
    merge_register,
    spend,
    with_event,
)
from tests.support.build import event, postpone, schedule

TRACES = [None, "00-aa-01", "00-bb-01"]
PURPOSES = ["marketing", "bookkeeping", "risk"]


def registers() -> st.SearchStrategy[Register]:
    """Few times, ids and digests, so that ties of each length are common; equal identities are the same statement."""
    told = st.builds(
        lambda occurred, number, digest: Register(occurred, f"id-{number}", digest, hash((occurred, number)) % 5),
        st.integers(0, 2),
        st.integers(0, 2),
        st.sampled_from("ab"),
    )
    return st.builds(
        lambda register, spent, trace: register._replace(spent=spent, traceparent=trace),
        told,
        st.frozensets(st.sampled_from(PURPOSES)),
        st.sampled_from(TRACES),
    )


def products() -> st.SearchStrategy[Product]:
    maybe = st.none() | registers()
    return st.builds(Product, maybe, maybe)


@given(registers(), registers())
def test_merging_registers_is_commutative(one: Register, other: Register) -> None:
    assert merge_register(one, other) == merge_register(other, one)


@given(registers(), registers(), registers())
def test_merging_registers_is_associative(one: Register, two: Register, three: Register) -> None:
    assert merge_register(merge_register(one, two), three) == merge_register(one, merge_register(two, three))


@given(registers())
def test_merging_a_register_with_itself_or_nothing_changes_nothing(one: Register) -> None:
    assert merge_register(one, one) is one
    assert merge_register(one, None) is one
    assert merge_register(None, one) is one
    assert merge_register(None, None) is None


@given(st.lists(st.dictionaries(st.sampled_from("abc"), products(), max_size=3), min_size=3, max_size=3))
def test_merging_products_is_a_join(states: list[dict[str, Product]]) -> None:
    one, two, three = states
    joined = merge_products(merge_products(one, two), three)
    assert joined == merge_products(one, merge_products(two, three))
    assert joined == merge_products(merge_products(three, one), two)
    assert merge_products(joined, two) == joined


@given(products(), products())
def test_merging_products_keeps_every_spent_mark_of_the_winner(one: Product, other: Product) -> None:
    merged = merge_product(one, other)
    for mine, theirs, joined in zip(one, other, merged, strict=True):
        for register in (mine, theirs):
            if register and joined and register[:3] == joined[:3]:
                assert register.spent <= joined.spent


def test_of_two_registers_the_later_wins_then_the_greater_id_then_the_greater_digest() -> None:
    ordered = [
        Register(1, "b", "b", 0),
        Register(2, "a", "b", 0),
        Register(2, "b", "a", 0),
        Register(2, "b", "b", 0),
    ]
    for chosen in permutations(ordered, 2):
        assert merge_register(*chosen) is max(chosen, key=ordered.index)


def test_spent_marks_of_the_same_event_are_united() -> None:
    one = Register(1, "a", "x", 0, spent=frozenset({"marketing"}))
    other = one._replace(spent=frozenset({"risk"}))
    merged = merge_register(one, other)
    assert merged
    assert merged.spent == {"marketing", "risk"}


def test_spent_marks_of_a_loser_do_not_pass_to_the_winner() -> None:
    newer = Register(2, "a", "x", 0)
    assert merge_register(Register(1, "a", "x", 0, spent=frozenset({"marketing"})), newer) is newer


@given(st.lists(st.sampled_from([schedule(occurred=n) for n in range(3)] + [postpone(occurred=n) for n in range(3)])))
def test_an_event_that_is_no_news_gives_the_very_same_product(events: list[Event]) -> None:
    product = Product()
    for one in events:
        product = with_event(product, one)
    for one in events:
        assert with_event(product, one) is product


def test_a_redelivered_event_keeps_its_spent_marks() -> None:
    done = spend(with_event(None, schedule()), "marketing")
    assert with_event(done, schedule()) is done


def test_schedule_and_postpone_have_a_register_each() -> None:
    one, other = event("schedule", occurred=1), event("postpone", occurred=2)
    product = with_event(with_event(None, one), other)
    assert product == Product(one.register, other.register)


def test_a_product_counts_while_either_register_is_unspent() -> None:
    done = spend(with_event(with_event(None, schedule()), postpone()), "marketing")
    assert not counts(done, "marketing")
    assert counts(done, "risk")
    assert counts(with_event(done, schedule(occurred=1)), "marketing")
    assert counts(with_event(done, postpone(occurred=1)), "marketing")
    assert not counts(Product(), "marketing")


def test_spending_marks_both_registers_and_keeps_other_purposes() -> None:
    product = spend(spend(Product(schedule().register, postpone().register), "risk"), "marketing")
    assert [register.spent for register in product if register] == [{"risk", "marketing"}] * 2
    assert spend(Product(schedule().register, None), "risk").postpone is None


def test_the_kind_of_a_product_is_what_stands_before_the_slash() -> None:
    assert [kind_of(product) for product in ("loan/8812", "activity", "a/b/c")] == ["loan", "activity", "a"]
