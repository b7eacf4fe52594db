"""An S3 service in the hands of the roles: put off by a lock, taken up again after its date, by the item alone."""

from pathlib import Path
from typing import Any, cast

import pytest

from consumers.adapters.clock import SystemClock
from tests.support.build import DAY
from tests.support.s3_store import new_archive
from tests.support.world import PURPOSE, World, closed

pytestmark = pytest.mark.integration
SECOND = 1_000_000


def tick(world: World) -> None:
    world.request_tick()
    world.run("ticker", "archive")


def test_deferred_customer_is_taken_up_after_the_date_and_never_again(s3: str, tmp_path: Path) -> None:
    with new_archive(s3, tmp_path, versioning=None, locks=True) as archive:
        world = World(("archive",))
        world.stores["archive"] = cast("Any", archive.store())
        until, deed = SystemClock().now() // DAY * DAY + 2 * DAY, archive.put("customers/c-1/deed")
        archive.retain("customers/c-1/deed", deed, "GOVERNANCE", until)
        archive.put("customers/c-1/letter")
        archive.put("customers/c-2/letter")
        world.publish(closed("c-1"), closed("c-2"))
        world.run("state")

        tick(world)

        assert sorted(world.outcomes()) == ["DEFERRED", "DONE"]
        assert (world.item("c-1").of(PURPOSE).deferred, archive.keys()) == ({"archive": until}, {"customers/c-1/deed"})
        archive.let_run_out("customers/c-1/deed", deed)
        world.clock.wait(max(0, until - world.clock.now()) / SECOND + 1)

        tick(world)

        assert sorted(world.outcomes()) == ["DEFERRED", "DONE", "DONE"]
        assert (archive.keys(), len(archive.ledger())) == (set(), 2)
        archive.put("customers/c-1/came back")
        world.days(1)
        tick(world)
        assert archive.keys() == {"customers/c-1/came back"}
