"""What metrics say while a role waits: its lag grows."""

import pytest

from consumers.domain.errors import TransientError
from consumers.runtime.measures import LAG, PAUSED
from tests.support.world import closed, due_world


def test_lag_of_a_paused_role_grows_and_ends_with_the_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    world = due_world("c1")
    loop = world.loop("state")
    for _ in range(3):
        loop.step()
    world.publish(closed("c2"))

    def away(*_: object) -> None:
        raise TransientError("away", code="timed_out")

    with monkeypatch.context() as outage:
        outage.setattr(world.table, "write", away)
        for _ in range(4):
            loop.step()
        seen = []
        for _ in range(2):
            world.clock.wait(30)
            loop.step()
            seen.append(world.metrics.gauges[LAG, "role=state"])
        assert world.metrics.gauges[PAUSED, "role=state"] == 1
    assert 30 <= seen[0] <= seen[1] - 30
    world.clock.wait(60)
    for _ in range(3):
        loop.step()
    assert world.metrics.gauges[PAUSED, "role=state"] == 0
    assert sum(world.position_rows().values()) == 2
