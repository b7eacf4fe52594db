"""The cases. Each gets a `subject` of its own; the words are those of the store port."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from consumers.domain.errors import LapseError, TransientError
from consumers.domain.work import Carried, Task
from consumers.ports import Store
from consumers.stores.conformance.subject import LedgeredSubject, Subject

COMMITTED = 1_700_000_000_123_456
CALLS = 200
"""More calls than a store makes for a batch of three: with none of them lost any more, a run ends by itself."""


def task(customer_id: str, command: str = "first", offset: int = 7) -> Task:
    """A committed command. The same customer and `command` give the same one."""
    command_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{customer_id} {command}"))
    return Task(command_id, customer_id, "conformance", 3, offset, COMMITTED, None)


def outcomes(carried: Sequence[Carried]) -> list[str]:
    """One word a task."""
    return [each.outcome for each in carried]


def actual(before: Mapping[str, Sequence[object]], after: Mapping[str, Sequence[object]]) -> dict[str, int]:
    """By table or group: how many rows are not as they were. Groups without any are left out."""
    changed = {name: (Counter(rows) - Counter(after.get(name, ()))).total() for name, rows in before.items()}
    return {name: rows for name, rows in changed.items() if rows}


class StoreConformance:
    """What the store port promises."""

    def test_an_empty_server_is_safe_to_run(self, subject: Subject) -> None:
        assert subject.open().preflight() == []

    def test_an_empty_batch_is_nothing(self, subject: Subject) -> None:
        store = subject.open()
        assert list(store.anonymize([])) == []
        assert store.guard([]) == {}
        assert store.unflagged([]) == frozenset()
        assert store.count([]) == {}

    def test_an_absent_customer_is_success(self, subject: Subject) -> None:
        one, two = _added(subject, 1, 2)
        absent = subject.customer(3)
        carried = subject.open().anonymize([task(absent), task(one)])
        assert outcomes(carried) == ["NOTHING_FOUND", "DONE"]
        assert carried[0].rows == {}
        assert subject.is_personal(two)

    def test_an_id_that_no_customer_can_have_is_success(self, subject: Subject) -> None:
        (one,) = _added(subject, 1)
        odd = ["", "a\nb", "a\0b", "x" * 1000, "'; --", "%", "{customer_id}", "🙂"]
        store = subject.open()
        assert store.unflagged(odd) == frozenset()
        assert store.count(odd) == {}
        assert outcomes(store.anonymize([task(each) for each in odd])) == ["NOTHING_FOUND"] * len(odd)
        assert subject.is_personal(one)

    def test_no_neighbour_is_touched(self, subject: Subject) -> None:
        one, ten, eleven = _added(subject, 1, 10, 11)
        before = subject.rows(ten), subject.rows(eleven)
        assert outcomes(subject.open().anonymize([task(one)])) == ["DONE"]
        assert not subject.is_personal(one)
        assert (subject.rows(ten), subject.rows(eleven)) == before

    def test_answers_come_in_the_order_of_the_tasks(self, subject: Subject) -> None:
        customers = _added(subject, 1, 2, 3)
        order = [customers[2], subject.customer(4), customers[0], customers[1]]
        assert outcomes(subject.open().anonymize([task(each) for each in order])) == [
            "DONE",
            "NOTHING_FOUND",
            "DONE",
            "DONE",
        ]
        assert not any(map(subject.is_personal, customers))

    def test_a_second_run_changes_nothing(self, subject: Subject) -> None:
        customers = _added(subject, 1, 2)
        tasks = [task(each) for each in customers]
        assert outcomes(subject.open().anonymize(tasks)) == ["DONE", "DONE"]
        before = [subject.rows(each) for each in customers]
        assert outcomes(subject.open().anonymize(tasks)) == ["ALREADY_DONE", "ALREADY_DONE"]
        assert [subject.rows(each) for each in customers] == before

    def test_a_command_twice_in_a_batch_is_carried_out_once(self, subject: Subject) -> None:
        (one,) = _added(subject, 1)
        first, second = subject.open().anonymize([task(one), task(one, offset=8)])
        assert first.outcome == "DONE"
        assert second.outcome != "LATE"
        assert second.rows in ({}, first.rows)

    def test_nothing_found_is_remembered(self, subject: Subject) -> None:
        absent = subject.customer(1)
        assert outcomes(subject.open().anonymize([task(absent)])) == ["NOTHING_FOUND"]
        subject.add(absent)
        before = subject.rows(absent)
        assert outcomes(subject.open().anonymize([task(absent)])) == ["LATE"]
        assert subject.rows(absent) == before

    def test_who_came_back_is_left_to_a_command_that_was_carried_out(self, subject: Subject) -> None:
        (one,) = _added(subject, 1)
        subject.open().anonymize([task(one)])
        subject.add(one)
        before = subject.rows(one)
        assert outcomes(subject.open().anonymize([task(one)])) == ["LATE"]
        assert subject.rows(one) == before

    def test_who_came_back_is_anonymized_by_another_command(self, subject: Subject) -> None:
        (one,) = _added(subject, 1)
        subject.open().anonymize([task(one)])
        subject.add(one)
        assert outcomes(subject.open().anonymize([task(one, "second")])) == ["DONE"]
        assert not subject.is_personal(one)

    def test_unflagged_are_those_who_have_something_here(self, subject: Subject) -> None:
        one, two = _added(subject, 1, 2)
        store = subject.open()
        assert store.unflagged([one, two, subject.customer(3)]) == {one, two}
        store.anonymize([task(one)])
        assert store.unflagged([one, two]) == {two}
        subject.add(one)
        assert store.unflagged([one]) == {one}

    def test_counting_changes_nothing(self, subject: Subject) -> None:
        one, two = _added(subject, 1, 2)
        before = subject.rows(one), subject.rows(two)
        assert subject.open().count([one, subject.customer(3)]).keys() == {one}
        assert (subject.rows(one), subject.rows(two)) == before

    def test_what_is_declared_is_what_happens(self, subject: Subject) -> None:
        one, two = _added(subject, 1, 2)
        store, before = subject.open(), subject.rows(one)
        counted = store.count([one, two])
        [carried] = store.anonymize([task(one)])
        assert carried.rows == counted[one] == actual(before, subject.rows(one))
        assert carried.rows
        assert store.count([one]) == {}

    def test_the_ledger_names_what_was_carried_out(self, subject: Subject) -> None:
        one, two = _added(subject, 1, 2)
        store = subject.open()
        [carried] = store.anonymize([task(one)])
        found = store.ledger([task(one).command_id, task(two).command_id, task(one, "second").command_id])
        assert list(found) == [task(one).command_id]
        row = found[task(one).command_id]
        assert (row.outcome, dict(row.rows)) == (carried.outcome, dict(carried.rows))

    def test_the_digest_of_the_rules_is_the_same_for_every_store_over_them(self, subject: Subject) -> None:
        one, other = subject.open().rules_digest, subject.open().rules_digest
        assert one == other
        assert len(one) == 64
        assert set(one) <= set("0123456789abcdef")

    def test_without_a_guard_nobody_is_objected_to(self, subject: Subject) -> None:
        (one,) = _added(subject, 1)
        store = subject.open()
        assert not store.votes
        assert store.guard([one]) == {}

    def test_a_call_that_is_lost_at_any_point_converges(self, subject: Subject) -> None:
        (neighbour,) = _added(subject, 1)
        untouched, lost = subject.rows(neighbour), 0
        for number, tasks in zip(range(1, CALLS), _batches(subject), strict=False):
            before = {each.customer_id: subject.rows(each.customer_id) for each in tasks}
            broken = _lost(subject.open(number), tasks)
            carried = subject.open().anonymize(tasks)
            assert set(outcomes(carried)) <= {"DONE", "ALREADY_DONE", "NOTHING_FOUND"}
            for each in tasks:
                assert not subject.is_personal(each.customer_id)
                assert actual(before[each.customer_id], subject.rows(each.customer_id))
            assert subject.rows(neighbour) == untouched
            if not broken:
                break
            lost += 1
        assert lost >= 2, "`break_at` broke nothing"

    def test_a_server_that_is_away_is_waited_for(self, subject: Subject) -> None:
        (one,) = _added(subject, 1)
        before = subject.rows(one)
        with subject.away() as store:
            for refused in _refusals(store, one):
                assert isinstance(refused, TransientError), type(refused)
        assert subject.rows(one) == before

    def test_no_message_names_a_customer(self, subject: Subject) -> None:
        (one,) = _added(subject, 1)
        with subject.away() as store:
            told = [text for refused in _refusals(store, one) for text in _texts(refused)]
        broken = [error for number in range(1, 4) if (error := _lost(subject.open(number), [task(one)]))]
        told += [text for error in broken for text in _texts(error)]
        assert len(told) >= 4
        assert not [text for text in told if one in text]


class LedgeredStoreConformance(StoreConformance):
    """And what `LedgeredStore` adds."""

    def test_a_proof_has_all_of_a_command(self, subject: LedgeredSubject) -> None:
        one, _ = _added(subject, 1, 2)
        store = subject.open()
        [carried] = store.anonymize([task(one)])
        [proof] = store.proofs([task(one).command_id, task(one, "second").command_id])
        told = (proof.command_id, proof.customer_id, proof.purpose, proof.committed_at)
        assert told == (task(one).command_id, one, "conformance", COMMITTED)
        assert (proof.outcome, dict(proof.rows)) == (carried.outcome, dict(carried.rows))
        assert proof.rules_digest == store.rules_digest
        assert proof.carried_at > COMMITTED

    def test_proofs_are_read_by_partition(self, subject: LedgeredSubject) -> None:
        one, two = _added(subject, 1, 2)
        store = subject.open()
        store.anonymize([task(one)._replace(partition=1), task(two)._replace(partition=6)])
        assert [each.customer_id for each in store.carried(1, 4, 0) or ()] == [one]
        assert [each.customer_id for each in store.carried(2, 4, 0) or ()] == [two]
        assert list(store.carried(1, 4, 2**52) or ()) == []

    def test_the_highest_offset_is_known_by_partition(self, subject: LedgeredSubject) -> None:
        one, two = _added(subject, 1, 2)
        store = subject.open()
        assert store.reached() == {}
        store.anonymize([task(one, offset=70), task(two, offset=9)])
        assert store.reached() == {3: 70}


def _added(subject: Subject, *numbers: int) -> list[str]:
    customers = [subject.customer(number) for number in numbers]
    for each in customers:
        subject.add(each)
    return customers


def _batches(subject: Subject) -> Iterator[list[Task]]:
    """Two customers at a time, never the same."""
    for number in range(100, 100 + 2 * CALLS, 2):
        yield [task(each) for each in _added(subject, number, number + 1)]


def _lost(store: Store, tasks: Sequence[Task]) -> LapseError | None:
    """What the store says of a batch; None where no call was lost, or it did not matter."""
    try:
        store.anonymize(tasks)
    except TransientError as error:
        return error
    return None


def _refusals(store: Store, customer: str) -> Iterator[LapseError]:
    """What each call says while the server is away."""
    calls: list[Callable[[], object]] = [
        store.preflight,
        lambda: store.unflagged([customer]),
        lambda: store.count([customer]),
        lambda: store.ledger([task(customer).command_id]),
        lambda: store.anonymize([task(customer)]),
    ]
    for call in calls:
        try:
            call()
        except LapseError as error:
            yield error
        else:
            raise AssertionError("a server that is away was not missed")


def _texts(error: BaseException | None) -> Iterator[str]:
    """The error's text and code, and those of all it is chained to."""
    while error is not None:
        yield f"{error} {error!r} {getattr(error, 'code', '')}"
        error = error.__cause__ or error.__context__
