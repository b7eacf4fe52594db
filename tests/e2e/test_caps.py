"""No tick exceeds its caps without a named person's approval."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from consumers.app import new_stamp
from consumers.domain.errors import PermanentError
from consumers.domain.ticks import Plan
from consumers.local import Services
from consumers.operations import ticking
from consumers.operations.ticking import NoTickError
from schemas.edge import from_micros
from tests.support.build import new_id
from tests.support.by_hand import read_all, tick, topic_end, waits_for
from tests.support.installation import PATIENCE, PURPOSE, Installation, installation

CAP = 5


@pytest.fixture
def lapse(services: Services, tmp_path: Path) -> Iterator[Installation]:
    """Of its own for each test: a cap is over a rolling day."""
    with installation(services, tmp_path, ("crm",), claims_per_day=CAP, barrier_seconds=0.5) as made:
        yield made


def due(lapse: Installation, count: int) -> list[str]:
    """So many customers who are due."""
    made = [new_id() for _ in range(count)]
    lapse.people(*made)
    lapse.close_product(*made)
    return made


def folded(lapse: Installation, count: int) -> list[str]:
    made = due(lapse, count)
    lapse.wait_until_folded()
    return made


def claimed(lapse: Installation, customers: Sequence[str]) -> int:
    states = [lapse.item(each).of(PURPOSE) for each in customers]
    return sum(bool(state.command or state.last) for state in states)


def approve(lapse: Installation, tick_id: str) -> Plan:
    with closing(lapse.app.sink()) as sink:
        return ticking.approve_tick(
            lapse.app.table, sink, lapse.app.names.ticks, tick_id, "ada", lapse.app.clock, new_stamp
        )


def ended(lapse: Installation, tick_id: str) -> Plan:
    read_all(lapse, "ticker")
    return ticking.wait_for_tick(lapse.app.table, tick_id, lapse.app.clock, PATIENCE)


def finish(lapse: Installation, customers: Sequence[str]) -> None:
    """Carry out what was claimed, so that the next test finds nobody due or in flight."""
    with lapse.roles("anonymizer.crm"):
        lapse.wait_until_completed(*customers)
    assert set(customers) <= lapse.anonymized("crm")


def test_more_due_than_the_cap_halts_before_anyone_is_touched_until_a_person_approves(lapse: Installation) -> None:
    with lapse.roles("state", "ticker"):
        customers = folded(lapse, CAP + 1)
        commands = topic_end(lapse, "commands")
        halted = lapse.tick()
        assert (halted.state, halted.report.due, halted.report.allowance) == ("HALTED", CAP + 1, CAP)
        assert topic_end(lapse, "commands") == commands
        assert claimed(lapse, customers) == 0
        approved = approve(lapse, halted.tick_id)
        assert (approved.approved_by, approved.approved_digest) == ("ada", halted.report.digest())
        after = ended(lapse, halted.tick_id)
        assert (after.state, after.taken, after.budget, after.approved_by) == ("ENDED", CAP + 1, 0, "ada")
        finish(lapse, customers)


def test_approval_is_for_as_many_as_the_report_said(lapse: Installation) -> None:
    with lapse.roles("state", "ticker"):
        customers = folded(lapse, CAP + 1)
        halted = lapse.tick()
        customers += folded(lapse, 3)
        approve(lapse, halted.tick_id)
        assert ended(lapse, halted.tick_id).taken == CAP + 1
        assert claimed(lapse, customers) == CAP + 1
        rest = lapse.tick()
        assert (rest.state, rest.report.allowance) == ("HALTED", 0)
        approve(lapse, rest.tick_id)
        assert ended(lapse, rest.tick_id).taken == 3
        finish(lapse, customers)


def test_second_tick_of_a_day_has_what_is_left(lapse: Installation) -> None:
    with lapse.roles("state", "ticker"):
        customers = folded(lapse, 3)
        assert lapse.tick().taken == 3
        customers += folded(lapse, 2)
        second = lapse.tick()
        assert (second.report.allowance, second.taken) == (CAP - 3, 2)
        customers += folded(lapse, 1)
        third = lapse.tick()
        assert (third.state, third.report.allowance, third.taken) == ("HALTED", 0, 0)
        approve(lapse, third.tick_id)
        assert ended(lapse, third.tick_id).taken == 1
        finish(lapse, customers)


def test_budget_holds_when_many_become_due_during_the_tick(lapse: Installation) -> None:
    with lapse.roles("state"):
        customers = folded(lapse, 2)
    customers += due(lapse, CAP + 4)  # acknowledged, not folded: the plan cannot know of them
    with lapse.roles("ticker") as ticker:
        going = lapse.request_tick()
        waits_for(ticker, "ticker", "BarrierClosedError")
        planned = ticking.tick_plan(lapse.app.table, going)
        assert planned is not None
        assert (planned.state, planned.report.due, planned.budget) == ("GOING", 2, CAP)
        with lapse.roles("state"):
            lapse.wait_until_folded()
            after = ended(lapse, going)
            assert (after.state, after.taken) == ("ENDED", CAP)
            assert claimed(lapse, customers) == CAP
            rest = lapse.tick()
            assert rest.state == "HALTED"
            approve(lapse, rest.tick_id)
            assert ended(lapse, rest.tick_id).taken == len(customers) - CAP
            finish(lapse, customers)


def test_redelivered_tick_that_has_ended_claims_nobody(lapse: Installation) -> None:
    with lapse.roles("state", "ticker"):
        customers = folded(lapse, 1)
        first = lapse.tick()
        assert first.taken == 1
        finish(lapse, customers)
        news = folded(lapse, 2)
        lapse.send("ticks", first.tick_id, tick(first.tick_id, from_micros(first.as_of)))
        read_all(lapse, "ticker")
        assert claimed(lapse, news) == 0
        assert ticking.tick_plan(lapse.app.table, first.tick_id) == first
        assert lapse.tick().taken == 2
        finish(lapse, news)


def test_ticks_replayed_from_the_start_claim_nobody(lapse: Installation) -> None:
    with lapse.roles("state", "ticker"):
        lapse.tick()
        news = folded(lapse, 2)
    lapse.rewind("ticker")
    with lapse.roles("state", "ticker"):
        read_all(lapse, "ticker")
        assert claimed(lapse, news) == 0
        assert lapse.tick().taken == 2
        finish(lapse, news)


def test_approving_an_unknown_or_ended_tick_is_refused(lapse: Installation) -> None:
    ticks = topic_end(lapse, "ticks")
    with pytest.raises(NoTickError):
        approve(lapse, str(uuid.uuid4()))
    with lapse.roles("state", "ticker"):
        done = lapse.tick()
        assert done.state == "ENDED"
        with pytest.raises(PermanentError, match="ENDED"):
            approve(lapse, done.tick_id)
    assert topic_end(lapse, "ticks") == ticks + 1
    assert ticking.tick_plan(lapse.app.table, done.tick_id) == done
