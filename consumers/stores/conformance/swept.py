"""And what `SweptStore` adds."""

from consumers.domain.work import Proof
from consumers.ports import SweptStore
from consumers.stores.conformance.subject import SweptSubject
from consumers.stores.conformance.suite import LedgeredStoreConformance, task


class SweptStoreConformance(LedgeredStoreConformance):
    """A ledger in pages, and data that came back behind it."""

    def test_a_ledger_is_read_in_pages_each_command_once(self, subject: SweptSubject) -> None:
        customers = [subject.customer(number) for number in range(1, 8)]
        store = subject.open()
        store.anonymize([task(each) for each in customers])
        seen: list[Proof] = []
        while page := store.page(seen[-1].command_id if seen else "", 3):
            assert len(page) <= 3
            seen += page
        assert sorted(each.customer_id for each in seen) == sorted(customers)
        assert list(store.proofs([each.command_id for each in seen[:1]])) == seen[:1]

    def test_after_a_run_nothing_has_come_back(self, subject: SweptSubject) -> None:
        customers = [subject.customer(number) for number in (1, 2)]
        for each in customers:
            subject.add(each)
        store: SweptStore = subject.open()
        store.anonymize([task(each) for each in customers])
        before = [subject.rows(each) for each in customers]
        assert store.unmet(customers) == {}
        assert [subject.rows(each) for each in customers] == before

    def test_who_is_reopened_is_taken_again_whole_and_no_neighbour(self, subject: SweptSubject) -> None:
        one, two = customers = [subject.customer(number) for number in (1, 2)]
        for each in customers:
            subject.add(each)
        store = subject.open()
        store.anonymize([task(each) for each in customers])
        neighbour = subject.rows(two)
        store.reopen([one, subject.customer(3)])
        assert store.unflagged(customers) <= {one}
        store.anonymize([task(one, "second")])
        assert store.unflagged(customers) == frozenset()
        assert not subject.is_personal(one)
        assert subject.rows(two) == neighbour
