"""A member that stands still in the middle of a change, and what a history asks of a world."""

from collections.abc import Callable
from typing import Any

from consumers.domain.item import Command, Last
from consumers.runtime.loop import Loop
from tests.simulation.processes import Process
from tests.support.world import PURPOSE, World, closed, due_world, partitions

STEPS = 200


class Zombie:
    """A member that stands still before one of its changes, while its group goes on without it.

    Changes are named as `write STATE` (the kind of the row), `append commands` (the topic), `anonymize`.
    """

    def __init__(self, world: World, role: str, *points: str) -> None:
        self._loop = world.loop(role)
        self._process = Process(role, lambda _: run_loop(self._loop, lambda: self._loop.caught_up), world.clock)
        self._gate(world.table, "write", lambda writes: f"write {writes[0].key.sub_id}" if writes else "nothing")
        self._gate(world.broker, "append", lambda topic, *_: f"append {topic.removeprefix(world.names.prefix)}")
        for store in world.stores.values():
            self._gate(store, "anonymize", lambda _: "anonymize")
        self.to(*points)

    def to(self, *points: str) -> None:
        """Go on until it stands before one of these changes; without any, until it has caught up."""
        self._process.point = "start"
        while self._process.alive and self._process.point not in points:
            self._process.step()
        assert self._process.failed is None
        assert self._process.alive == bool(points)
        self._loop._source.close()

    def _gate(self, port: object, method: str, named: Callable[..., str]) -> None:
        call: Callable[..., Any] = getattr(port, method)

        def gated(*args: Any) -> Any:
            self._process.reach(named(*args))
            return call(*args)

        setattr(port, method, gated)


def run_loop(loop: Loop, there: Callable[[], bool]) -> None:
    for _ in range(STEPS):
        if there():
            return
        loop.step()
    raise AssertionError("it does not get there")


def run_until(world: World, role: str, there: Callable[[], bool]) -> None:
    """Run a role until something is so, and end it."""
    loop = world.loop(role)
    run_loop(loop, there)
    loop._source.close()


def voting_world(customer: str, lease: int = 6 * 3600) -> World:
    """A world in which a customer is due and crm has a guard."""
    world = due_world(customer, lease=lease)
    world.stores["crm"].active = set()
    world.mode("crm", "live")
    return world


def tick(world: World, *roles: str) -> None:
    world.request_tick()
    world.run("ticker", *roles)


def command(world: World, customer: str = "a") -> Command:
    found = world.item(customer).of(PURPOSE).command
    assert found is not None
    return found


def issued(world: World) -> bool:
    return command(world).phase == "ISSUED"


def last(world: World, customer: str = "a") -> Last:
    found = world.item(customer).of(PURPOSE)
    assert found.last is not None
    assert found.command is None
    return found.last


def anonymized(world: World) -> set[str]:
    """Who is anonymized everywhere; nobody is in some services only."""
    crm, loans = (world.anonymized(service) for service in ("crm", "loans"))
    assert crm == loans
    return crm


def now_due(world: World, *customers: str) -> None:
    """More customers whose retention is over."""
    world.people(*customers)
    world.publish(*(closed(each) for each in customers))
    world.run("state")


def lose_copies(world: World, *services: str) -> None:
    """Groups are past everything that was sent to them, and have read none of it."""
    for service in services:
        group = world.broker.group(world.names.anonymizer_group(service))
        group.committed.update({at: world.broker.log(at).end for at in partitions(world, "commands")})
