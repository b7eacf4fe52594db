"""The model put together: every step of everybody, and the promises it is checked against."""

from collections.abc import Iterator

from tests.model import faults, service, state_consumer, surroundings, ticker
from tests.model.checker import Explored, explore
from tests.model.properties import broken_by_position, settled
from tests.model.world import Scenario, World, WorldMove

ROLES = (surroundings, state_consumer, ticker, service, faults)


def moves(world: World, scenario: Scenario) -> Iterator[WorldMove]:
    """Every step that may come next, with the promise it breaks."""
    for role in ROLES:
        for move in role.steps(world, scenario):
            if move.breaks is None and (move.state.row, move.state.item) != (world.row, world.item):
                yield move._replace(breaks=broken_by_position(move.state, scenario))
            else:
                yield move


def check(scenario: Scenario, *, limit: int = 5_000_000) -> Explored:
    """Explore a scenario with its rules."""
    return explore(
        World(faults_left=scenario.budget),
        lambda world: moves(world, scenario),
        lambda world: settled(world, scenario),
        limit=limit,
    )
