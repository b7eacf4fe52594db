"""The conformance suite refuses a store for each of its defects."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from consumers.adapters.memory.store import MemoryRow, MemoryStore
from consumers.domain.errors import PermanentError, TransientError
from consumers.domain.work import Carried, Task
from consumers.stores.conformance import StoreConformance, Subject
from tests.support.conforming import InMemory

Refused = (AssertionError, PermanentError, TypeError, ValueError)


class Defective(InMemory):
    """A store in memory, opened with something taken out."""

    def __init__(self, defect: Callable[[MemoryStore], None]) -> None:
        super().__init__()
        self._defect = defect

    def open(self, break_at: int | None = None) -> MemoryStore:
        store = super().open(break_at)
        self._defect(store)
        return store


def neighbours_by_prefix(store: Any) -> None:
    carry_out = store._carry_out

    def too_much(task: Task) -> Carried:
        for each in store.rows:
            if each.startswith(task.customer_id) and each != task.customer_id:
                store.rows[each] = MemoryRow("anonymized", anonymized=True)
        answer: Carried = carry_out(task)
        return answer

    store._carry_out = too_much


def without_a_ledger(store: Any) -> None:
    store.rows_of_ledger = {}


def touches_who_came_back(store: Any) -> None:
    carry_out = store._carry_out

    def again(task: Task) -> Carried:
        answer: Carried = carry_out(task)
        if answer.outcome == "LATE":
            store.rows[task.customer_id] = MemoryRow("anonymized", anonymized=True)
        return answer

    store._carry_out = again


def answers_out_of_order(store: Any) -> None:
    anonymize = store.anonymize
    store.anonymize = lambda tasks: list(reversed(anonymize(tasks)))


def absent_is_an_error(store: Any) -> None:
    anonymize = store.anonymize

    def refusing(tasks: Sequence[Task]) -> Sequence[Carried]:
        if any(each.customer_id not in store.rows for each in tasks):
            raise PermanentError("no such customer")
        answers: Sequence[Carried] = anonymize(tasks)
        return answers

    store.anonymize = refusing


def counts_one_more(store: Any) -> None:
    count = store.count

    def more(customers: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        return {name: {table: rows + 1 for table, rows in each.items()} for name, each in count(customers).items()}

    store.count = more


def counting_anonymizes(store: Any) -> None:
    count = store.count

    def counted(customers: Sequence[str]) -> Any:
        found = count(customers)
        store.rows |= {each: MemoryRow("anonymized", anonymized=True) for each in found}
        return found

    store.count = counted


def nothing_is_changed(store: Any) -> None:
    def claimed(tasks: Sequence[Task]) -> Sequence[Carried]:
        return [Carried("DONE", {"people": 1}) for _ in tasks]

    store.anonymize = claimed


def names_the_customer(store: Any) -> None:
    def refusing(customers: Sequence[str]) -> Any:
        raise TransientError(f"cannot read {customers}")

    store.unflagged = refusing


def everybody_is_unflagged(store: Any) -> None:
    store.unflagged = frozenset


def sees_flagged_rows_only(store: Any) -> None:
    store.unflagged = lambda _customers: frozenset()


DEFECTS: dict[Callable[[Any], None], Callable[[StoreConformance, Subject], None]] = {
    neighbours_by_prefix: StoreConformance.test_no_neighbour_is_touched,
    without_a_ledger: StoreConformance.test_a_second_run_changes_nothing,
    touches_who_came_back: StoreConformance.test_who_came_back_is_left_to_a_command_that_was_carried_out,
    answers_out_of_order: StoreConformance.test_answers_come_in_the_order_of_the_tasks,
    absent_is_an_error: StoreConformance.test_an_absent_customer_is_success,
    counts_one_more: StoreConformance.test_what_is_declared_is_what_happens,
    counting_anonymizes: StoreConformance.test_counting_changes_nothing,
    nothing_is_changed: StoreConformance.test_who_came_back_is_anonymized_by_another_command,
    everybody_is_unflagged: StoreConformance.test_unflagged_are_those_who_have_something_here,
    sees_flagged_rows_only: StoreConformance.test_unflagged_are_those_who_have_something_here,
}


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda each: each.__name__)
def test_suite_refuses_a_store_with_a_defect(defect: Callable[[Any], None]) -> None:
    case = DEFECTS[defect]
    case(StoreConformance(), InMemory())
    with pytest.raises(Refused):
        case(StoreConformance(), Defective(defect))


class Telling(InMemory):
    """Its refusals name the customer."""

    @contextmanager
    def away(self) -> Iterator[MemoryStore]:
        with super().away() as store:
            names_the_customer(store)
            yield store


def test_suite_refuses_a_message_that_names_a_customer() -> None:
    with pytest.raises(AssertionError):
        StoreConformance().test_no_message_names_a_customer(Telling())
    StoreConformance().test_no_message_names_a_customer(InMemory())
