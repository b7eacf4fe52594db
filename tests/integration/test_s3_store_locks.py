"""Object lock: what is locked stays and puts the customer off, everything else goes."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from consumers.domain.work import Carried
from consumers.stores.s3.purge import HOLD_RETRY_MICROS
from tests.support.s3_store import Archive, new_archive
from tests.support.sql_store import task

pytestmark = pytest.mark.integration
SECOND = 1_000_000
DAY = 86_400 * SECOND


def now() -> int:
    return int(time.time()) * SECOND


@pytest.fixture
def archive(s3: str, tmp_path: Path) -> Iterator[Archive]:
    with new_archive(s3, tmp_path, versioning=None, locks=True) as made:
        yield made


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_retention_puts_off_to_the_latest_date_and_the_rest_goes(
    archive: Archive, mode: Literal["GOVERNANCE", "COMPLIANCE"]
) -> None:
    archive.put("customers/1/free", times=2)
    for key, days in (("customers/1/contract", 40), ("public/avatars/1/face", 30), ("customers/1/deed", 20)):
        archive.retain(key, archive.put(key), mode, now() + days * DAY)
    bypassed: list[str] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        bypassed.extend(name for name in params["headers"] if "bypass" in name.lower())

    latest = now() + 40 * DAY
    store = archive.store(DeleteObjects=note)
    [carried] = store.anonymize([task("1")])

    assert (carried.outcome, carried.rows, bypassed) == ("DEFERRED", {"documents": 2}, [])
    assert carried.deferred_until is not None
    assert abs(carried.deferred_until - latest) <= 5 * SECOND
    assert archive.keys() == {"customers/1/contract", "public/avatars/1/face", "customers/1/deed"}
    assert archive.ledger() == {}
    assert store.ledger([task("1").command_id]) == {}


def test_after_its_date_a_deferred_customer_is_done(archive: Archive) -> None:
    until, version = now() + DAY, archive.put("customers/1/contract")
    archive.retain("customers/1/contract", version, "GOVERNANCE", until)
    archive.put("customers/1/free")
    store = archive.store()
    assert store.anonymize([task("1")]) == [Carried("DEFERRED", {"documents": 1}, deferred_until=until)]
    assert store.anonymize([task("1")]) == [Carried("DEFERRED", {}, deferred_until=until)]

    archive.let_run_out("customers/1/contract", version)

    assert store.anonymize([task("1")]) == [Carried("DONE", {"documents": 1})]
    assert store.anonymize([task("1")]) == [Carried("ALREADY_DONE", {})]
    assert archive.keys() == set()


def test_legal_hold_is_tried_again_a_day_later_until_it_is_lifted(archive: Archive) -> None:
    version = archive.put("customers/1/case")
    archive.hold("customers/1/case", version, "ON")
    archive.put("customers/1/free")
    archive.put("customers/2/free")
    store, begun = archive.store(), now()

    held, other = store.anonymize([task("1"), task("2")])

    assert (held.outcome, held.rows, other.outcome) == ("DEFERRED", {"documents": 1}, "DONE")
    assert held.deferred_until is not None
    assert 0 <= held.deferred_until - begun - HOLD_RETRY_MICROS < 60 * SECOND
    assert archive.versions() == [("customers/1/case", version)]
    archive.hold("customers/1/case", version, "OFF")
    assert store.anonymize([task("1")]) == [Carried("DONE", {"documents": 1})]


def test_hold_and_retention_wait_for_the_later_of_both(archive: Archive) -> None:
    version = archive.put("customers/1/case")
    archive.retain("customers/1/case", version, "GOVERNANCE", now() + 3 * DAY)
    archive.hold("customers/1/case", version, "ON")

    [carried] = archive.store().anonymize([task("1")])

    assert carried.deferred_until is not None
    assert carried.deferred_until > now() + 2 * DAY


def test_a_full_page_of_locked_versions_hides_nothing_behind_it(archive: Archive) -> None:
    until = now() + DAY
    for _ in range(7):
        archive.retain("customers/1/b", archive.put("customers/1/b"), "GOVERNANCE", until)
    archive.put("customers/1/a", times=2)
    archive.put("customers/1/c", times=4)
    store = archive.store()

    listings = []

    def of_three(params: dict[str, Any], **_: Any) -> None:
        params["MaxKeys"] = 3
        listings.append(params["Prefix"])

    store._client.meta.events.register("before-parameter-build.s3.ListObjectVersions", of_three)

    assert store.count(["1"]) == {"1": {"documents": 13}}
    listings.clear()
    assert store.anonymize([task("1")]) == [Carried("DEFERRED", {"documents": 6}, deferred_until=until)]
    assert archive.keys() == {"customers/1/b"}
    # of 13 versions five pages, of the seven that stay three; none is begun again from the start
    assert listings.count("customers/1/") == 5 + 3


def test_a_marker_over_a_locked_version_goes(archive: Archive) -> None:
    version = archive.put("customers/1/contract")
    archive.retain("customers/1/contract", version, "GOVERNANCE", now() + DAY)
    archive.hide("customers/1/contract")

    [carried] = archive.store().anonymize([task("1")])

    assert (carried.outcome, carried.rows) == ("DEFERRED", {"documents": 1})
    assert archive.versions() == [("customers/1/contract", version)]


def test_a_locked_neighbour_does_not_matter(archive: Archive) -> None:
    archive.retain("customers/10/x", archive.put("customers/10/x"), "GOVERNANCE", now() + DAY)
    archive.put("customers/1/x")

    assert archive.store().anonymize([task("1")]) == [Carried("DONE", {"documents": 1})]
