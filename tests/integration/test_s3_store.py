"""The S3 store against a server: what goes, what stays, and what is proven."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consumers.domain.errors import TransientError
from consumers.domain.work import Carried
from tests.support.s3_store import RULES, Archive, new_archive
from tests.support.sql_store import task

pytestmark = pytest.mark.integration
OTHER_COMMAND = "11111111-1111-5111-8111-111111111111"


@pytest.fixture
def archive(s3: str, tmp_path: Path) -> Iterator[Archive]:
    with new_archive(s3, tmp_path) as made:
        yield made


def carry_out(archive: Archive, *customers: str) -> list[Carried]:
    return list(archive.store().anonymize([task(each) for each in customers]))


def test_every_version_marker_and_unfinished_upload_goes_and_neighbours_stay(archive: Archive) -> None:
    archive.put("customers/1/letter", times=3)
    archive.put("customers/1/a/b/c")
    archive.hide("customers/1/letter")
    archive.begin_upload("customers/1/film")
    archive.put("public/avatars/1/face.png")
    for neighbour in ("customers/10/letter", "customers/1", "customers/", "customers/01/x", "public/avatars/11/face"):
        archive.put(neighbour)
    archive.begin_upload("customers/10/film")

    [carried] = carry_out(archive, "1")

    assert carried == Carried("DONE", {"documents": 6, "avatars": 1})
    assert archive.keys() == {
        "customers/10/letter",
        "customers/1",
        "customers/",
        "customers/01/x",
        "public/avatars/11/face",
        "customers/10/film",
    }


@pytest.mark.parametrize("odd", ["customers/1/../10/x", "customers/1//", "customers/1/å + %2F&<>\"'", "customers/1/"])
def test_keys_are_taken_as_they_are(archive: Archive, odd: str) -> None:
    archive.put("customers/10/x")
    archive.put(odd, times=2)
    archive.begin_upload(f"{odd}film")

    assert carry_out(archive, "1") == [Carried("DONE", {"documents": 3})]
    assert archive.keys() == {"customers/10/x"}


@pytest.mark.parametrize("customer", ["", ".", "..", "1/", "/", "1/../10", "a\nb", "é" * 512])
def test_an_id_that_is_no_segment_of_a_key_finds_nothing(archive: Archive, customer: str) -> None:
    archive.put("customers/1/letter")
    store = archive.store()

    assert store.unflagged([customer]) == frozenset()
    assert store.count([customer]) == {}
    assert [each.outcome for each in store.anonymize([task(customer)])] == ["NOTHING_FOUND"]
    assert archive.keys() == {"customers/1/letter"}


@pytest.mark.parametrize("history", ["never", "suspended", "enabled later"])
def test_whether_versions_were_kept_makes_no_difference(s3: str, tmp_path: Path, history: str) -> None:
    with new_archive(s3, tmp_path, versioning=None) as archive:
        archive.put("customers/1/before", times=2)
        if history != "never":
            archive.version("Enabled")
            archive.put("customers/1/before", times=2)
        if history == "suspended":
            archive.version("Suspended")
            archive.put("customers/1/after", times=2)
            archive.hide("customers/1/before")
        store = archive.store()

        assert store.preflight() == []
        assert [each.outcome for each in store.anonymize([task("1")])] == ["DONE"]
        assert archive.versions() == []


def test_2500_versions_go_a_thousand_at_a_time(archive: Archive) -> None:
    archive.put("customers/1/big", times=1_300)
    for number in range(1_200):
        archive.put(f"customers/1/{number:04}")
    archive.put("customers/2/letter")
    sizes, listed = [], []

    def note_deletes(params: dict[str, Any], **_: Any) -> None:
        sizes.append(params["body"].count(b"<Object>"))

    def note_listings(params: dict[str, Any], **_: Any) -> None:
        listed.append(params["query_string"]["max-keys"])

    [carried] = archive.store(DeleteObjects=note_deletes, ListObjectVersions=note_listings).anonymize([task("1")])

    assert carried == Carried("DONE", {"documents": 2_500})
    assert sizes == [1_000, 1_000, 500]
    assert {int(each) for each in listed} == {1_000}
    assert archive.keys() == {"customers/2/letter"}


def test_a_second_run_changes_nothing(archive: Archive) -> None:
    archive.put("customers/1/letter")
    first = carry_out(archive, "1")
    ledger, changes = archive.ledger(), []

    def note(model: Any, **_: Any) -> None:
        changes.append(model.name)

    store = archive.store(DeleteObjects=note, PutObject=note, AbortMultipartUpload=note)

    assert [each.outcome for each in (*first, *store.anonymize([task("1")]))] == ["DONE", "ALREADY_DONE"]
    assert (changes, archive.ledger()) == ([], ledger)


def test_what_came_later_is_late_and_left_until_another_command(archive: Archive) -> None:
    archive.put("customers/1/letter")
    carry_out(archive, "1")
    archive.begin_upload("customers/1/film")
    store = archive.store()

    assert store.unflagged(["1", "2"]) == {"1"}
    assert store.anonymize([task("1")]) == [Carried("LATE", {})]
    assert archive.keys() == {"customers/1/film"}
    assert store.anonymize([task("1", OTHER_COMMAND)]) == [Carried("DONE", {"documents": 1})]
    assert archive.keys() == set()


def test_a_delete_marker_alone_is_something_left(archive: Archive) -> None:
    archive.hide("customers/1/letter")
    store = archive.store()

    assert store.unflagged(["1"]) == {"1"}
    assert store.anonymize([task("1")]) == [Carried("DONE", {"documents": 1})]
    assert store.unflagged(["1"]) == frozenset()


def test_versions_added_during_the_purge_are_met_by_the_next_listing(archive: Archive) -> None:
    archive.put("customers/1/letter", times=2)
    late = iter(["customers/1/letter", "customers/1/aaa", "public/avatars/1/face"])

    def write(**_: Any) -> None:
        for key in late:
            archive.put(key)
            archive.begin_upload(f"{key}-film")
            break

    [carried] = archive.store(DeleteObjects=write).anonymize([task("1")])

    assert carried.outcome == "DONE"
    assert sum(carried.rows.values()) == 2 + 3 + 3
    assert archive.keys() == set()


def test_who_writes_on_and_on_must_stop_first(archive: Archive) -> None:
    archive.put("customers/1/letter")

    def write(**_: Any) -> None:
        archive.put("customers/1/again")

    with pytest.raises(TransientError) as refused:
        archive.store(DeleteObjects=write).anonymize([task("1")])

    assert refused.value.code == "not_empty"
    assert archive.ledger() == {}
    assert carry_out(archive, "1")[0].outcome == "DONE"


def test_count_tells_groups_without_touching(archive: Archive) -> None:
    archive.put("customers/1/letter", times=1_001)
    archive.hide("customers/1/letter")
    archive.begin_upload("customers/1/film")
    archive.put("public/avatars/1/face")
    before = archive.versions()

    assert archive.store().count(["1", "2"]) == {"1": {"documents": 1_003, "avatars": 1}}
    assert archive.versions() == before


def test_ledger_says_what_a_row_in_a_database_would(archive: Archive) -> None:
    archive.put("customers/c-4711/letter")
    store = archive.store()
    done = task("c-4711")._replace(partition=14, offset=9, traceparent="00-trace")
    store.anonymize([done, task("nobody")])

    [key] = [each for each in archive.ledger() if done.command_id in each]
    row = json.loads(archive.ledger()[key])
    [proof] = store.proofs([done.command_id, "absent"])

    assert key == f"lapse-ledger/archive/{done.command_id}/14/9.json"
    assert (row["customer_id"], row["rows"], row["rules_digest"]) == ("c-4711", {"documents": 1}, store.rules_digest)
    assert proof._asdict() == {name: row[name] for name in proof._fields}
    assert (proof.outcome, proof.committed_at, proof.traceparent) == ("DONE", done.committed_at, "00-trace")
    assert store.ledger([done.command_id])[done.command_id].rows == {"documents": 1}
    assert store.reached() == {14: 9, 3: 7}
    assert [each.customer_id for each in store.carried(2, 12, 0)] == ["c-4711"]
    assert store.carried(2, 12, proof.carried_at + 3_600_000_000) == []
    assert "4711" not in "".join(archive.ledger())


def test_a_command_that_two_workers_raced_for_is_one_row_of_a_page(archive: Archive) -> None:
    names = ["1", "2", "3"]
    carry_out(archive, *names)
    commands = sorted(task(each).command_id for each in names)
    for command in commands:
        [(key, body)] = [each for each in archive.ledger().items() if command in each[0]]
        archive.client.put_object(Bucket=archive.name, Key=key.replace("/7.json", "/9.json"), Body=body)
    store, seen = archive.store(), [""]
    while page := store.page(seen[-1], 1):
        seen += [each.command_id for each in page]
    assert seen[1:] == commands
    assert [each.command_id for each in store.page("", 2)] == commands[:2]


def test_a_replica_is_emptied_by_a_service_of_its_own_whatever_ledger_was_replicated_to_it(
    s3: str, tmp_path: Path
) -> None:
    of_replica = RULES.replace("service: archive", "service: archive-replica")
    with new_archive(s3, tmp_path) as source, new_archive(s3, tmp_path, text=of_replica) as replica:
        for bucket in (source, replica):
            bucket.put("customers/1/letter", times=2)
            bucket.put("customers/2/letter")
        assert carry_out(source, "1") == [Carried("DONE", {"documents": 2})]
        for key, body in source.ledger().items():
            replica.client.put_object(Bucket=replica.name, Key=key, Body=body)
        assert (source.keys(), replica.keys()) == ({"customers/2/letter"}, {"customers/1/letter", "customers/2/letter"})

        assert carry_out(replica, "1") == [Carried("DONE", {"documents": 2})]
        assert carry_out(replica, "1") == [Carried("ALREADY_DONE", {})]
        assert replica.keys() == {"customers/2/letter"}
