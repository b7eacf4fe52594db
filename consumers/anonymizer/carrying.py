"""Carrying out a batch in a live service: barrier, commit point, one database transaction, outcomes, trail."""

from collections.abc import Collection, Mapping, Sequence

from consumers.anonymizer.commit import Commits, Outcome, Ruling
from consumers.anonymizer.purpose import purpose_in_force
from consumers.anonymizer.reading import Order
from consumers.anonymizer.trail import Answer, Trail
from consumers.domain.errors import TransientError
from consumers.domain.failures import MOST_OF_BATCH, Share
from consumers.domain.item import GIVEN_UP
from consumers.domain.policy import Policy
from consumers.domain.work import Carried, Task
from consumers.items import races
from consumers.ports import Clock, FaultPoints, Record, Store, Table
from consumers.runtime.barrier import Barrier
from consumers.runtime.control import Control
from consumers.runtime.deadletters import DeadLetters

REFUSED_LATE = "REFUSED_LATE"


class Carrying:
    """Steps 0, 2, 3, 4, 5 and 7 for one service."""

    def __init__(
        self,
        service: str,
        purpose: str,
        *,
        table: Table,
        store: Store,
        commits: Commits,
        trail: Trail,
        barrier: Barrier,
        dead_letters: DeadLetters,
        clock: Clock,
        faults: FaultPoints,
    ) -> None:
        self._service, self._purpose = service, purpose
        self._table, self._store, self._commits, self._trail = table, store, commits, trail
        self._barrier, self._dead_letters = barrier, dead_letters
        self._clock, self._faults = clock, faults

    def carry_out(self, orders: Mapping[Order, Record]) -> None:
        """Carry out what the items allow; answer the rest with SUPERSEDED. A second call changes nothing."""
        started = self._clock.now()
        carried_out = self._store.ledger([order.command_id for order in orders]).keys()
        rulings, policy = self._rule(list(orders), carried_out)
        self._faults.reach("anonymizer.after_commit")
        done = self._change([each for each in rulings if each.go], carried_out)
        done |= {each.order: _too_late(each) for each in rulings if each.verdict.step == REFUSED_LATE}
        _refuse_most(done)
        self._faults.reach("anonymizer.after_database")
        outcomes = [Outcome(order, _outcome(carried), carried.deferred_until) for order, carried in done.items()]
        self._commits.record(outcomes, policy)
        for ruling in rulings:
            self._answer(ruling, done.get(ruling.order), started)
        for order, carried in done.items():
            if carried.outcome in GIVEN_UP:
                self._dead_letters.send(orders[order], _code(carried))

    def fail(self, order: Order, code: str) -> None:
        """Record that this service has failed for good; nothing where it owes no answer. Safe after the sink's flush.

        The trail says so either way.
        """
        policy = Control.read(self._table).policy
        self._commits.record([Outcome(order, "FAILED")], policy)
        self._trail.send(Answer(order, "FAILED", {}, self._clock.now(), error_code=code))

    def _rule(self, orders: Sequence[Order], carried_out: Collection[str]) -> tuple[list[Ruling], Policy]:
        """Rule on each order behind a barrier; on a replay once more, behind one that is taken when it is written.

        Gives the policy in force too, as read behind the last barrier.

        What is acknowledged before a service owes the command again speaks against that; what comes later is too late.
        """
        rulings: dict[Order, Ruling] = {}
        replays: list[Ruling] = []
        for _ in races():
            self._barrier.wait()
            # read behind the barrier: a retention made longer meanwhile counts
            control = Control.read(self._table)
            waiting = [each.order for each in replays] or orders
            ruled = self._commits.rule(
                waiting,
                purpose_in_force(control, self._purpose, self._service),
                control.policy,
                carried_out=carried_out,
                halted=control.halted,
                objections=self._store.guard([o.customer_id for o in waiting if o.command_id not in carried_out]),
                replayed={each.order.customer_id: each.stored for each in replays},
            )
            rulings |= {each.order: each for each in ruled}
            replays = [each for each in ruled if each.verdict.step == "REPLAY"]
            if not replays:
                break
        return [rulings[order] for order in orders], control.policy

    def _change(self, rulings: Sequence[Ruling], carried_out: Collection[str]) -> dict[Order, Carried]:
        """Change the database for what its ledger does not have; what it has is never touched again."""
        there = [each.order for each in rulings if each.order.command_id in carried_out]
        came_later = self._store.unflagged([order.customer_id for order in there]) if there else frozenset()
        done = {order: Carried("LATE" if order.customer_id in came_later else "ALREADY_DONE", {}) for order in there}
        new = [each for each in rulings if each.order.command_id not in carried_out]
        answers = self._store.anonymize([_task(each) for each in new]) if new else ()
        return done | {each.order: carried for each, carried in zip(new, answers, strict=True)}

    def _answer(self, ruling: Ruling, carried: Carried | None, started: int) -> None:
        row = ruling.stored.row
        refused = ruling.verdict.step == "REFUSED"
        self._trail.send(
            Answer(
                ruling.order,
                carried.outcome if carried else "REFUSED" if refused else "SUPERSEDED",
                carried.rows if carried else {},
                started,
                table_version=row.version if row else None,
                committed_at=ruling.command.committed_at if carried else None,
                error_code=carried.error_code if carried else ruling.objection,
                deferred_until=carried.deferred_until if carried else None,
            )
        )


def _refuse_most(done: Mapping[Order, Carried]) -> None:
    """Give nobody up where most of a batch fails: then it is the rules, the schema or a grant, not these customers.

    What was carried out is in the ledger, so the same batch counts the same when it comes again.
    """
    failed = sum(carried.outcome == "FAILED" for carried in done.values())
    if Share(failed, len(done)).most:
        raise TransientError("most customers of a batch fail in the database", code=MOST_OF_BATCH)


def _too_late(ruling: Ruling) -> Carried:
    """The guard objects to what is committed already: nothing is touched, a person is paged."""
    return Carried(REFUSED_LATE, {}, ruling.objection)


def _code(carried: Carried) -> str:
    """Why a dead letter is one: a late refusal by that name, a failure by the database's own code."""
    return "refused_late" if carried.outcome == REFUSED_LATE else carried.error_code or "failed"


def _outcome(carried: Carried) -> str:
    """What the item keeps: rows that came later do not make a command less carried out."""
    return "ALREADY_DONE" if carried.outcome == "LATE" else carried.outcome


def _task(ruling: Ruling) -> Task:
    order, command = ruling.order, ruling.command
    assert command.committed_at is not None, "only committed commands are carried out"
    return Task(
        order.command_id,
        order.customer_id,
        order.purpose,
        order.partition,
        order.offset,
        command.committed_at,
        order.traceparent,
    )
