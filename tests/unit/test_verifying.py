"""A sweep over the store of somebody else, which shows its ledger by partitions only; refusals by name."""

import json
from pathlib import Path

import pytest

from consumers.domain.errors import PermanentError
from consumers.domain.work import Task
from consumers.operations.verifying import Resend, Returned, Verification
from consumers.ports import LedgeredStore
from consumers.runtime.barrier import BarrierClosedError
from consumers.stores import SqlStore, load_sql_rules
from schemas.codec import decode
from schemas.library import EVENTS
from tests.support.acme.letters import Letters, LettersRules, LettersStore
from tests.support.sql_store import COMPOUND
from tests.support.world import PURPOSE, World, closed, due_world, postponed


def letters(world: World, folder: Path, *customers: str) -> Letters:
    """The letters of the service crm, deleted for these customers by their last commands."""
    store = LettersStore(kind="letters", folder=str(folder))
    made = Letters(LettersRules(version=1, service="crm", purpose=PURPOSE, store=store), world.clock)
    for number, each in enumerate(customers):
        last = world.item(each).of(PURPOSE).last
        assert last is not None
        made.anonymize([Task(last.id, each, PURPOSE, number, 7, last.committed_at)])
    return made


def written(folder: Path, customer: str) -> None:
    (folder / f"{customer}.json").write_text(json.dumps(["Dear", "Sir"]))


def sweep(world: World, store: LedgeredStore, service: str = "crm", *, resend: bool = False) -> Verification:
    return Verification(
        service,
        store=store,
        table=world.table,
        items=world.items,
        barrier=world._barrier(),
        clock=world.clock,
        parts=2,
        resend=Resend(world.sink, world.names.events, "ann", "found in a drawer") if resend else None,
    )


def done_world(*customers: str) -> World:
    world = due_world(*customers)
    world.request_tick()
    world.run()
    return world


def command(world: World, customer: str) -> str:
    last = world.item(customer).of(PURPOSE).last
    assert last is not None
    return last.id


def test_a_store_of_somebody_else_is_swept_by_partitions(tmp_path: Path) -> None:
    world = done_world("c-one", "c-two", "c-three")
    store = letters(world, tmp_path, "c-one", "c-two", "c-three")
    steps: list[int] = []
    assert sweep(world, store).run(0, steps.append).found == ()
    written(tmp_path, "c-two")
    written(tmp_path, "c-three")
    world.publish(postponed("c-three", days_ago=0))
    world.run("state")
    found = sweep(world, store).run(0, steps.append)
    assert found.found == (Returned(command(world, "c-two"), "returned", {"letters": 2}, other_rules=False),)
    assert (found.commands, found.kept, sum(steps)) == (3, 1, 6)
    assert sweep(world, store).run(world.clock.now() + 1, steps.append).commands == 0


def test_what_is_resent_is_carried_out_by_a_command_of_its_own(tmp_path: Path) -> None:
    world = done_world("c-one")
    store = letters(world, tmp_path, "c-one")
    written(tmp_path, "c-one")
    first = command(world, "c-one")
    assert sweep(world, store, resend=True).run(0, lambda _: None).sent == 1
    [_, again] = world.records("events")
    assert decode(again.value, EVENTS).fields["source"] == "lapse-verify"
    world.run("state")
    assert sweep(world, store).run(0, lambda _: None).due == 1
    world.request_tick()
    world.run()
    assert command(world, "c-one") != first
    store.anonymize([Task(command(world, "c-one"), "c-one", PURPOSE, 0, 8, world.clock.now())])
    assert sweep(world, store).run(0, lambda _: None).found == ()


def test_a_customer_with_several_rows_is_told_under_his_newest_command(tmp_path: Path) -> None:
    world = done_world("c-one")
    store = letters(world, tmp_path, "c-one")
    world.publish(closed("c-one", 40, "loan/2"))
    world.run("state")
    world.request_tick()
    world.run()
    # in another part of the ledger than the first
    store.anonymize([Task(command(world, "c-one"), "c-one", PURPOSE, 1, 8, world.clock.now())])
    written(tmp_path, "c-one")
    found = sweep(world, store).run(0, lambda _: None)
    assert (found.commands, [each.command_id for each in found.found]) == (2, [command(world, "c-one")])


def test_nobody_is_judged_while_the_barrier_is_closed(tmp_path: Path) -> None:
    world = done_world("c-one")
    store = letters(world, tmp_path, "c-one")
    world.publish(postponed("c-one", days_ago=0))
    assert sweep(world, store).run(0, lambda _: None).found == ()
    written(tmp_path, "c-one")
    with pytest.raises(BarrierClosedError):
        sweep(world, store).run(0, lambda _: None)
    world.run("state")
    assert sweep(world, store).run(0, lambda _: None).kept == 1


def test_what_cannot_be_swept_is_refused_by_name(tmp_path: Path) -> None:
    world = done_world("c-one")
    with pytest.raises(PermanentError, match="no service nobody"):
        sweep(world, letters(world, tmp_path), "nobody")
    (tmp_path / "core.yaml").write_text(COMPOUND, encoding="utf-8")
    with pytest.raises(PermanentError, match="keep no ledger"):
        sweep(world, SqlStore(load_sql_rules(tmp_path / "core.yaml", {}))).run(0, lambda _: None)
    world.mode("crm", "stopped")
    with pytest.raises(PermanentError, match="crm is not live"):
        sweep(world, letters(world, tmp_path), resend=True)
