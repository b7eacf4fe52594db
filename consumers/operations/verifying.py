"""Looks for data that came back behind a ledger row: a row restored by hand, old data written into anonymized rows.

A page of the ledger at a time: what is there is read from the database, then the barrier is taken, then the items are
read strongly. So whoever came back legitimately, and said so before his new rows were there, is not taken for it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from consumers.domain.errors import PermanentError
from consumers.domain.item import Item
from consumers.domain.policy import Purpose
from consumers.domain.returned import Again, Standing, said_again, standing
from consumers.domain.work import Proof
from consumers.items import Items, Stored
from consumers.operations.batches import batches
from consumers.ports import Clock, LedgeredStore, RecordSink, SweptStore, Table
from consumers.runtime.barrier import Barrier
from consumers.runtime.control import Control
from consumers.runtime.records import trace_headers
from schemas.codec import encode
from schemas.library import POSTPONE, SCHEDULE

PAGE = 500
SOURCE = "lapse-verify"
BACK: frozenset[Standing] = frozenset({"returned", "forgotten"})
Told = Callable[[int], None]


class Returned(NamedTuple):
    """One carried-out command whose data came back. `rows` by place: a table's rows without flag, or `TABLE.COLUMN`.

    `other_rules`: it was carried out under other rules than today's, which may be all that differs.
    """

    command_id: str
    standing: Standing
    rows: Mapping[str, int]
    other_rules: bool


class Verified(NamedTuple):
    """What a sweep found; `due` and `kept` are customers with data who need nothing. `sent`: said again."""

    commands: int = 0
    found: tuple[Returned, ...] = ()
    due: int = 0
    kept: int = 0
    sent: int = 0


class Resend(NamedTuple):
    """How events are published, by whom and why."""

    sink: RecordSink
    topic: str
    by: str
    reason: str


class Verification:
    """The sweep of one service. `parts`: partitions of the commands topic, for stores that show a ledger by these."""

    def __init__(
        self,
        service: str,
        *,
        store: LedgeredStore,
        table: Table,
        items: Items,
        barrier: Barrier,
        clock: Clock,
        parts: int,
        resend: Resend | None = None,
    ) -> None:
        self._service, self._store, self._items = service, store, items
        self._barrier, self._clock, self._parts, self._resend = barrier, clock, parts, resend
        self._control = Control.read(table, [service])
        self._purpose = _purpose(self._control, service)
        if resend and self._control.modes.get(service) != "live":
            raise PermanentError(f"{service} is not live: nobody would be claimed for it; `lapse service enable` first")

    def run(self, since: int, done: Told) -> Verified:
        """Sweep what was carried out from `since` (microseconds) on. Without `resend` nothing is touched anywhere.

        Raises:
            PermanentError: The policy has no such service, or its rules keep no ledger.
            TransientError: Database, table or broker is away, or the barrier is closed.
        """
        total = Verified()
        for page in self._pages(since):
            proofs = [proof for proof in page if proof.carried_at >= since]
            total = _sum(total, self._verify(proofs)._replace(commands=len(proofs)))
            done(len(page))
        return total

    def _pages(self, since: int) -> Iterator[Sequence[Proof]]:
        if not isinstance(self._store, SweptStore):
            for number in range(self._parts):
                yield from batches(_kept(self._store.carried(number, self._parts, since)))
            return
        page = _kept(self._store.page("", PAGE))
        while page:
            yield page
            page = _kept(self._store.page(page[-1].command_id, PAGE))

    def _verify(self, proofs: Sequence[Proof]) -> Verified:
        there = self._there({proof.customer_id for proof in proofs})
        if not there:
            return Verified()
        self._barrier.wait()
        stored = self._items.read(there)
        judged = {
            customer: Returned(
                proof.command_id, self._standing(stored[customer]), there[customer], self._differs(proof)
            )
            for customer, proof in self._newest(proofs, stored).items()
        }
        back = {customer: each for customer, each in judged.items() if each.standing in BACK}
        return Verified(
            found=tuple(back.values()),
            due=sum(each.standing == "due" for each in judged.values()),
            kept=sum(each.standing == "kept" for each in judged.values()),
            sent=self._send([stored[customer].item for customer in back]),
        )

    def _there(self, customers: set[str]) -> dict[str, dict[str, int]]:
        """Rows by place of each customer who has some that are not as a carried-out command leaves them."""
        asked = sorted(customers)
        fresh = self._store.unflagged(asked)
        found = {each: dict(rows) for each, rows in self._store.count(sorted(fresh)).items()} if fresh else {}
        unmet = self._store.unmet(asked) if isinstance(self._store, SweptStore) else {}
        for each, rows in unmet.items():
            found.setdefault(each, {}).update(rows)
        return found

    def _standing(self, stored: Stored) -> Standing:
        return standing(stored.item, self._purpose, self._service, self._control.policy, self._clock.now())

    def _differs(self, proof: Proof) -> bool:
        return proof.rules_digest != self._store.rules_digest

    def _newest(self, proofs: Sequence[Proof], stored: Mapping[str, Stored]) -> dict[str, Proof]:
        """The row to tell each customer's data under: his newest command's, wherever in the ledger that stands."""
        rows: dict[str, dict[str, Proof]] = {}
        for proof in proofs:
            if proof.customer_id in stored:
                rows.setdefault(proof.customer_id, {})[proof.command_id] = proof
        newest = {customer: self._last(stored[customer].item) for customer in rows}
        elsewhere = self._store.ledger([each for who, each in newest.items() if each and each not in rows[who]])
        return {
            customer: mine.get(newest[customer] or "") or next(iter(mine.values()))
            for customer, mine in rows.items()
            if newest[customer] in mine or newest[customer] not in elsewhere
        }

    def _last(self, item: Item) -> str | None:
        last = item.of(self._purpose.name).last
        return last.id if last else None

    def _send(self, items: Sequence[Item]) -> int:
        """Open their rows and say their statements again; how many customers had one."""
        if not self._resend or not items:
            return 0
        # before the event: the command that follows takes rows without a flag only
        if isinstance(self._store, SweptStore):
            self._store.reopen([item.customer_id for item in items])
        said = {item.customer_id: said_again(item, self._purpose, self._control.policy) for item in items}
        for customer, again in said.items():
            if again:
                self._publish(customer, again, self._resend)
        self._resend.sink.flush()
        return sum(again is not None for again in said.values())

    def _publish(self, customer_id: str, again: Again, resend: Resend) -> None:
        headers = [
            *trace_headers(again.register.traceparent),
            ("lapse-by", resend.by.encode()),
            ("lapse-reason", resend.reason.encode()),
        ]
        resend.sink.send(resend.topic, customer_id.encode(), _event(customer_id, again), headers)


def _event(customer_id: str, again: Again) -> bytes:
    said = again.register
    fields = {
        "event_id": said.event_id,
        "customer_id": customer_id,
        "product": again.product,
        "occurred_at": said.occurred_at,
        "source": SOURCE,
    }
    if again.kind == "postpone":
        return encode(POSTPONE, {**fields, "until": said.date})
    return encode(SCHEDULE, {**fields, "retention_starts_at": said.date, "not_before": said.not_before})


def _purpose(control: Control, service: str) -> Purpose:
    purpose = control.policy.purpose_of(service)
    if purpose is None:
        raise PermanentError(f"the policy has no service {service}; `lapse policy show` lists them")
    return purpose


def _kept(page: Sequence[Proof] | None) -> Sequence[Proof]:
    if page is None:
        raise PermanentError("the rules keep no ledger, so nobody can tell whose data were anonymized here")
    return page


def _sum(one: Verified, other: Verified) -> Verified:
    return Verified(
        one.commands + other.commands,
        one.found + other.found,
        one.due + other.due,
        one.kept + other.kept,
        one.sent + other.sent,
    )
