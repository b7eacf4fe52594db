"""The cases of strategies: what one declares is what a database does with it. Each gets a `subject`, see there."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, NamedTuple

from consumers.stores.conformance.strategy_subject import NULLS, TABLE, Bench, Column, StrategySubject, bench_of
from consumers.stores.conformance.suite import outcomes, task
from consumers.stores.sql.store import SqlStore


class Masked(NamedTuple):
    """What was, what is, and the store that made it so."""

    bench: Bench
    store: SqlStore
    old: dict[str, dict[Column, Any]]
    new: dict[str, dict[Column, Any]]

    def pairs(self, column: Column) -> list[tuple[Any, Any]]:
        """Old and new value of every cell that held one."""
        return [(self.old[each][column], self.new[each][column]) for each in self.bench.valued]

    def of(self, column: Column, customers: Sequence[str]) -> list[str]:
        """New values, as they are told apart."""
        return [repr(self.new[each][column]) for each in customers]


class StrategyConformance:
    """What strategies promise, ours and others alike."""

    def test_preflight_takes_it_on_the_types_it_declares_and_no_other(self, subject: StrategySubject) -> None:
        with bench_of(subject) as bench:
            found = bench.store(bench.columns).preflight()
            assert {each.code for each in found} <= {"type_mismatch", "enum_member"}, found
            refused = {each.place.removeprefix(f"tables.{TABLE}.mask.") for each in found}
            assert refused == {str(each) for each in bench.columns if each not in bench.fitting}

    def test_what_it_leaves_is_what_it_expects(self, subject: StrategySubject) -> None:
        with masked(subject) as done:
            assert done.store.unmet(done.bench.customers) == {}

    def test_what_it_leaves_stays_within_its_bound(self, subject: StrategySubject) -> None:
        with masked(subject) as done:
            for column in done.bench.fitting:
                longest = done.bench.longest(column)
                for old, new in done.pairs(column):
                    assert _length(new) <= max(longest, _length(old)), (column, longest)

    def test_null_becomes_what_it_declares(self, subject: StrategySubject) -> None:
        with masked(subject) as done:
            for column in done.bench.fitting:
                stays = done.bench.declared(column).null == "stays"
                assert (done.new[NULLS][column] is None) == stays, column

    def test_no_other_value_becomes_null_unless_it_declares_so(self, subject: StrategySubject) -> None:
        with masked(subject) as done:
            for column in done.bench.fitting:
                lost = any(new is None for _, new in done.pairs(column))
                assert not lost or done.bench.declared(column).may_be_null, column

    def test_the_same_value_becomes_the_same_or_not_as_it_declares(self, subject: StrategySubject) -> None:
        with masked(subject) as done:
            for column in done.bench.fitting:
                repeated = len({*done.of(column, done.bench.twins)}) == 1
                assert repeated == done.bench.declared(column).repeats, column

    def test_rows_stay_different_where_it_declares_so(self, subject: StrategySubject) -> None:
        with masked(subject) as done:
            for column in done.bench.fitting:
                values = done.of(column, done.bench.valued)
                assert len({*values}) == len(values) or not done.bench.declared(column).unique, column

    def test_no_cell_keeps_its_value_where_it_declares_so(self, subject: StrategySubject) -> None:
        with masked(subject) as done:
            for column in done.bench.fitting:
                kept = any(old == new for old, new in done.pairs(column))
                assert not kept or not done.bench.declared(column).differs, column

    def test_old_values_are_told_from_what_it_leaves(self, subject: StrategySubject) -> None:
        with masked(subject) as done:
            done.bench.put_back()
            unmet = done.store.unmet(done.bench.valued)
            for column in done.bench.fitting:
                for each in done.bench.valued:
                    if done.old[each][column] != done.new[each][column]:
                        assert unmet.get(each, {}).get(f"{TABLE}.{column}"), (column, each)

    def test_what_it_has_left_can_be_masked_again(self, subject: StrategySubject) -> None:
        """One that repeats and forgets leaves alone what it has left."""
        with masked(subject) as done:
            done.store.reopen(done.bench.customers)
            again = _anonymized(done.bench, done.store, done.new)
            assert done.store.unmet(done.bench.customers) == {}
            for column in done.bench.fitting:
                declared = done.bench.declared(column)
                if declared.repeats and not declared.reversible:
                    assert all(new == other for new, other in again.pairs(column)), column

    def test_two_who_are_alike_cannot_be_told_apart_unless_it_can_be_reversed(self, subject: StrategySubject) -> None:
        """What repeats and is another for each value is a pseudonym: who tries every value finds the old one."""
        with masked(subject) as done:
            one, other = done.bench.valued[:2]
            for column in done.bench.fitting:
                declared = done.bench.declared(column)
                if declared.repeats and not declared.reversible:
                    assert done.new[one][column] == done.new[other][column], column


@contextmanager
def masked(subject: StrategySubject) -> Iterator[Masked]:
    """Every value masked by every strategy that takes it."""
    with bench_of(subject) as bench:
        # tried on nothing, it would promise nothing
        assert {each.name for each in bench.fitting} == {*subject.strategies}
        store = bench.store(bench.fitting)
        assert store.preflight() == []
        yield _anonymized(bench, store, bench.cells())


def _anonymized(bench: Bench, store: SqlStore, old: dict[str, dict[Column, Any]]) -> Masked:
    carried = store.anonymize([task(each) for each in bench.customers])
    assert outcomes(carried) == ["DONE"] * len(bench.customers), [each.error_code for each in carried]
    return Masked(bench, store, old, bench.cells())


def _length(value: Any) -> int:
    """Letters, or digits before the point."""
    if isinstance(value, int | float | Decimal):
        return len(str(abs(int(value))))
    return len(value) if isinstance(value, str) else 0
