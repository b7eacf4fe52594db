"""What `lapse status` says: the sections over a world in memory, and the sentences over plain values."""

import threading
import time
from typing import Any

import pytest

from consumers.adapters.memory.offsets import MemoryGroups
from consumers.adapters.memory.reader import MemoryReader
from consumers.domain.errors import PermanentError, TransientError
from consumers.domain.item import AWAITED, Command, Item, PurposeState, Vote
from consumers.domain.owed import Owed, owed
from consumers.domain.rows import ModeRow
from consumers.operations import status as operations
from consumers.operations.apart import read_apart
from consumers.operations.blockers import blockers
from consumers.operations.modes import stop_everything
from consumers.operations.sections import Away, Group, InFlight, Sections
from consumers.operations.standing import Standing
from consumers.operations.status import Sources, anything_away, status
from consumers.ports import Partition
from tests.support.build import NOW
from tests.support.world import PURPOSE, World, closed, due_world

SECOND = 1_000_000


def sources(world: World) -> Sources:
    groups, reader = MemoryGroups(world.broker), MemoryReader(world.broker)
    return Sources(world.table, world.offsets, groups, reader, world.names, world.clock, ("crm", "loans"))


def told(world: World) -> dict[str, Any]:
    return status(sources(world))


# ---- over a world ----------------------------------------------------------------------------------------------------


def test_status_counts_customers_and_what_is_unread() -> None:
    world = due_world("c1", "c2")
    world.publish(closed("c3"), closed("c4", days_ago=25))
    world.clock.wait(40)
    found = told(world)
    assert found["customers"]["due"] == 2
    assert found["groups"]["state consumer"] == {"unread": 2, "behind_seconds": 40.0, "members": 0}
    assert found["events_not_in_table"] == 2
    assert "state consumer is 40 s behind; nobody runs it" in found["blockers"]
    world.run("state")
    found = told(world)
    assert (found["customers"]["due"], found["customers"]["due_within_a_week"]) == (3, 1)
    assert found["groups"]["state consumer"]["behind_seconds"] == 0
    assert not anything_away(found)


def test_status_names_the_voter_that_is_down() -> None:
    world = World()
    world.stores["loans"].active = set()
    world.mode("loans", "live")
    world.people("c1", "c2")
    world.publish(closed("c1"), closed("c2"))
    world.run("state")
    world.request_tick()
    world.run("ticker", "crm")
    world.clock.wait(75)
    found = told(world)
    assert found["waiting_for"]["looked_at"] == 2
    assert found["waiting_for"]["loans"]["votes"] == 2
    assert "loans owes 2 votes, the oldest for 75 s" in found["blockers"]
    assert "anonymizer.loans is 75 s behind; nobody runs it" in found["blockers"]


def test_status_names_the_newest_tick_and_its_approval() -> None:
    world = due_world("c1", "c2", cap=1)
    assert told(world)["tick"] is None
    tick = world.request_tick()
    world.clock.wait(1)
    world.request_tick(dry_run=True)
    world.run("ticker")
    found = told(world)
    assert (found["tick"]["id"], found["tick"]["state"]) == (tick, "HALTED")
    assert f"tick {tick} is halted: 2 due, the caps leave 1 (lapse tick approve {tick})" in found["blockers"]


def test_status_counts_dead_letters_that_wait() -> None:
    world = World()
    world.broker.append(world.names.events, b"c1", b"not avro")
    world.run("state")
    found = told(world)
    assert found["dead_letters"] == {"waiting": 1, "parked": 0}
    assert found["customers"]["held"] == 1
    assert "1 dead letter to look after (lapse dlq list)" in found["blockers"]


def test_status_without_kafka_still_tells_what_the_table_knows() -> None:
    world = due_world("c1")
    world.broker.away = True
    found = told(world)
    assert found["customers"]["due"] == 1
    assert found["groups"] == found["dead_letters"] == found["events_not_in_table"] == {"away": "transport"}
    assert "Kafka does not answer (transport)" in found["blockers"]
    assert anything_away(found)


def test_status_without_the_table_still_tells_what_kafka_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    world = due_world("c1")

    def away(*_: object) -> None:
        raise TransientError("away", code="ConnectTimeoutError")

    monkeypatch.setattr(world.table, "read", away)
    found = told(world)
    assert found["customers"] == found["services"] == {"away": "ConnectTimeoutError"}
    assert set(found["groups"]) == {"state consumer", "ticker", "anonymizer.crm", "anonymizer.loans"}
    assert found["blockers"][0] == "the table does not answer (ConnectTimeoutError)"


def test_status_says_who_stopped_everything_and_since_when() -> None:
    world = World()
    stop_everything(world.table, "ann", "audit", world.clock, world.stamp)
    first = told(world)["blockers"][0]
    assert first.startswith("everything is stopped by ann since 20")
    assert first.endswith(": audit (lapse resume)")


def test_status_looks_at_so_many_customers_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    world = due_world(*(f"c{number}" for number in range(20)))
    world.request_tick()
    world.run("ticker")
    monkeypatch.setattr(operations, "LOOK_AT", 7)
    found = told(world)
    assert found["waiting_for"]["looked_at"] == 7
    assert found["customers"]["in_flight"] == 20


def test_transaction_markers_alone_are_nothing_unread() -> None:
    world = World()
    world.broker.append_marker(world.names.events)
    world.clock.wait(3600)
    assert world.offsets.lag(world.names.state_group, world.names.events) == 1
    assert told(world)["groups"]["state consumer"]["behind_seconds"] == 0
    assert world.broker.log(Partition(world.names.events, 0)).end == 1


# ---- read apart ------------------------------------------------------------------------------------------------------


def test_a_call_that_never_answers_is_left_behind() -> None:
    never, began = threading.Event(), time.monotonic()
    found = read_apart({"silent": never.wait, "quick": lambda: 7}, 0.3)
    assert found == {"silent": Away("no_answer"), "quick": 7}
    assert time.monotonic() - began < 5
    never.set()


def test_what_a_person_must_repair_is_raised() -> None:
    def gone() -> None:
        raise PermanentError("run `lapse table apply`")

    with pytest.raises(PermanentError, match="lapse table apply"):
        read_apart({"gone": gone, "quick": lambda: 7}, 5)


# ---- who owes what ---------------------------------------------------------------------------------------------------


def waiting(command: Command) -> Item:
    return Item("c1", purposes={PURPOSE: PurposeState(command=command)})


def test_asked_services_owe_votes_and_issued_ones_outcomes() -> None:
    asked = Command("k", 1, "ASKED", ("crm", "loans"), NOW, NOW, votes={"crm": AWAITED, "loans": Vote("AGREED", NOW)})
    committed = Command("k", 1, "COMMITTED", ("crm", "loans"), NOW - SECOND, NOW, outcomes={"crm": "DONE"})
    assert owed([waiting(asked), waiting(asked), waiting(committed)]) == {
        "crm": Owed(votes=2, since=NOW),
        "loans": Owed(outcomes=1, committed=1, since=NOW - SECOND),
    }


def test_given_up_and_deferred_are_told_apart() -> None:
    outcomes = {"crm": "FAILED", "loans": "REFUSED_LATE", "news": "DEFERRED"}
    command = Command("k", 1, "COMMITTED", tuple(outcomes), NOW, NOW, outcomes=outcomes)
    item = Item("c1", purposes={PURPOSE: PurposeState(command=command, deferred={"news": NOW + 5})})
    assert owed([item]) == {
        "crm": Owed(failed=1),
        "loans": Owed(refused_late=1),
        "news": Owed(deferred=1, deferred_until=NOW + 5),
    }


# ---- blockers, by name -----------------------------------------------------------------------------------------------


def calm() -> Sections:
    world = World()
    live = {service: ModeRow("live", "ann", NOW) for service in ("crm", "loans")}
    roles = ("state consumer", "ticker", "anonymizer.crm", "anonymizer.loans")
    return Sections(
        customers={},
        in_flight=InFlight(0, {}),
        groups={role: Group(0, None, 1) for role in roles},
        events_not_in_table=0,
        dead_letters={"waiting": 0, "parked": 0},
        tick=None,
        standing=Standing(world.policy, live),
    )


def set_to(service: str, row: ModeRow | None) -> Sections:
    found = calm()
    assert isinstance(found.standing, Standing)
    rows = {name: kept for name, kept in {**found.standing.set_to, service: row}.items() if kept}
    return found._replace(standing=found.standing._replace(set_to=rows))


def owing(service: str, what: Owed) -> Sections:
    return calm()._replace(in_flight=InFlight(1, {service: what}))


def test_nothing_blocks_a_calm_installation() -> None:
    assert blockers(calm(), NOW) == []


def test_work_under_way_is_no_blocker_before_it_is_slow() -> None:
    fresh = owing("crm", Owed(outcomes=500, since=NOW - SECOND))
    assert isinstance(fresh.groups, dict)
    busy = fresh._replace(groups={**fresh.groups, "ticker": Group(1, NOW - SECOND, 1)})
    assert blockers(busy, NOW) == []


RELEASE = "(lapse service enable s3, or lapse service dry-run s3 --abandon)"
AT = ModeRow("stopped", "ann", NOW, "new key")
STOPPED = [
    "crm is stopped by ann since 2026-06-15T12:00:00+00:00: new key (lapse resume --service crm)",
    f"purpose {PURPOSE} is not armed: crm is stopped",
]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (set_to("crm", AT), STOPPED),
        (set_to("crm", None)._replace(groups={"anonymizer.crm": Group(0, None, 0)}), []),
        (calm()._replace(groups={"ticker": Group(0, None, 0)}), ["nobody runs ticker"]),
        (calm()._replace(groups={"anonymizer.crm": Group(0, None, 0)}), ["nobody runs anonymizer.crm"]),
        (calm()._replace(groups={"ticker": Group(3, NOW - 75 * SECOND, 1)}), ["ticker is 75 s behind"]),
        (owing("crm", Owed(votes=12, since=NOW - 9 * SECOND)), ["crm owes 12 votes, the oldest for 9 s"]),
        (
            owing("crm", Owed(votes=1, outcomes=2, since=NOW - 9 * SECOND)),
            ["crm owes 1 vote and 2 outcomes, the oldest for 9 s"],
        ),
        (owing("loans", Owed(failed=3)), ["loans has failed 3 customers: redrive or abandon (lapse dlq list)"]),
        (
            owing("loans", Owed(refused_late=1)),
            ["loans refused 1 customer after the commit: redrive or abandon (lapse dlq list)"],
        ),
        (
            owing("s3", Owed(outcomes=1, committed=1, since=NOW)),
            [f"s3 is not in the policy, but owes 1 outcome since the commit {RELEASE}"],
        ),
        (
            owing("crm", Owed(deferred=2, deferred_until=NOW)),
            ["crm has deferred 2 customers, the first until 2026-06-15T12:00:00+00:00"],
        ),
        (
            calm()._replace(events_not_in_table=None),
            ["the barrier is shut: the table has no POSITION rows (lapse state rebuild)"],
        ),
    ],
)
def test_each_blocker_is_named(found: Sections, said: list[str]) -> None:
    assert blockers(found, NOW) == said


def test_a_purpose_without_live_service_is_not_armed() -> None:
    found = calm()
    assert isinstance(found.standing, Standing)
    nobody = found._replace(standing=found.standing._replace(set_to={}))
    assert blockers(nobody, NOW) == [f"purpose {PURPOSE} is not armed: no live service (lapse service enable NAME)"]


def test_halting_records_are_named() -> None:
    found = calm()
    assert isinstance(found.standing, Standing)
    halted = found._replace(standing=found.standing._replace(halting=("lapse.events-3-17",)))
    assert blockers(halted, NOW) == ["all is halted by 1 record without customer: lapse.events-3-17 (lapse dlq list)"]
