"""A trace context goes with what a product service said, all the way to the trail."""

from dataclasses import replace

from consumers.operations.abandoning import abandon_all
from consumers.runtime.records import trace_of
from schemas.codec import decode
from tests.support.world import World, closed, due_world, postponed

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OTHER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
COMMANDS = {"CheckCustomer", "AnonymizeCustomer"}


def traces(world: World) -> dict[str, set[str | None]]:
    """Trace contexts by what a record is: a command's name, an answer's outcome."""
    found: dict[str, set[str | None]] = {}
    for record in world.records("commands") + world.records("results"):
        name, fields = decode(record.value, COMMANDS | {"AnonymizationResult"})
        found.setdefault(fields.get("outcome", name), set()).add(trace_of(record.headers))
    return found


def traced_world() -> World:
    world = World()
    world.stores["crm"].active = set()
    world.install()
    world.people("a")
    world.publish(replace(closed("a"), traceparent=TRACE))
    world.request_tick()
    world.run("state", "ticker")
    return world


def test_trace_of_the_schedule_goes_with_every_command_vote_and_outcome() -> None:
    world = traced_world()
    world.run("crm", "loans", "crm")
    assert traces(world) == {each: {TRACE} for each in ("CheckCustomer", "AnonymizeCustomer", "AGREED", "DONE")}


def test_trace_of_the_command_goes_with_its_abandonment() -> None:
    world = traced_world()
    world.run("crm", "loans")
    world.stores["crm"].failing = {"a"}
    world.run("crm")
    world.mode("crm", "stopped")
    abandon_all(world.table, world.items, world.sink, world.names.results, "crm", world.policy, world.clock)
    assert traces(world)["ABANDONED"] == {TRACE}


def test_trace_of_late_news_is_its_own() -> None:
    world = traced_world()
    world.run("crm", "loans", "crm")
    world.publish(replace(postponed("a", days_ago=1), traceparent=OTHER))
    world.run("state")
    assert traces(world)["LATE"] == {OTHER}


def test_records_without_a_trace_have_no_header() -> None:
    world = due_world("a")
    world.request_tick()
    world.run()
    assert set(traces(world)) == {"AnonymizeCustomer", "DONE"}
    assert not [record for record in world.records("commands") + world.records("results") if record.headers]
