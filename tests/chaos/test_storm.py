"""The storm before it strikes."""

import pytest

from tests.chaos.storm import forecast


@pytest.mark.parametrize("seed", range(20))
def test_storm_is_the_seeds_alone_and_has_every_fault(seed: int) -> None:
    storm = forecast(seed, 75)
    assert storm == forecast(seed, 75) != forecast(seed + 1, 75)
    assert {fault.lane for fault in storm} >= {"kill", "stop", "kafka", "dynamodb", "postgres", "table"}
    assert sum(fault.kind == "kill" for fault in storm) >= 15
    assert all(0 <= fault.at <= 75 for fault in storm)
