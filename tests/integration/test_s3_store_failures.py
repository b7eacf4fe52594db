"""The S3 store when something goes wrong: a crash, an outage, a bucket that is not as the rules say."""

import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from consumers.adapters.clock import SystemClock
from consumers.domain.errors import LapseError, PermanentError, TransientError
from consumers.domain.work import Carried
from consumers.stores import S3Store
from tests.support.command_line import run
from tests.support.s3_store import RULES, Archive, new_archive, rules_of
from tests.support.sql_store import task

pytestmark = pytest.mark.integration
CALLS = 12
"""Of a purge of one upload and two versions in one of two groups: ledger; uploads, abort, versions, delete, uploads,
versions; the same listings once more, four; the ledger object."""
CUSTOMER = "c-4711"


class CrashError(Exception):
    """The process dies here."""


@pytest.fixture
def archive(s3: str, tmp_path: Path) -> Iterator[Archive]:
    with new_archive(s3, tmp_path) as made:
        yield made


def denied(action: str) -> Callable[..., None]:
    def deny(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": f"{CUSTOMER} {action}"}}, action)

    return deny


def asked(store: S3Store) -> list[Callable[[], object]]:
    """Every call of the port that reaches the bucket."""
    command = task(CUSTOMER).command_id
    return [
        store.preflight,
        lambda: store.ledger([command]),
        lambda: store.proofs([command]),
        lambda: store.carried(0, 12, 0),
        store.reached,
        lambda: store.unflagged([CUSTOMER]),
        lambda: store.count([CUSTOMER]),
        lambda: store.anonymize([task(CUSTOMER)]),
    ]


def failures(store: S3Store) -> list[LapseError]:
    found = []
    for ask in asked(store):
        with pytest.raises(LapseError) as caught:
            ask()
        assert "4711" not in str(caught.value) + repr(caught.value) + repr(caught.value.__context__)
        found.append(caught.value)
    return found


@pytest.mark.parametrize("number", range(1, CALLS + 1))
def test_crash_before_any_call_converges(archive: Archive, number: int) -> None:
    archive.put("customers/1/letter", times=2)
    archive.begin_upload("customers/1/film")
    archive.put("customers/10/letter")
    broken, seen = archive.store(), []

    def crash(model: Any, **_: Any) -> None:
        seen.append(model.name)
        if len(seen) == number:
            raise CrashError

    broken._client.meta.events.register("before-call.s3", crash)
    with pytest.raises(CrashError):
        broken.anonymize([task("1")])
    assert archive.ledger() == {}

    [again] = archive.store().anonymize([task("1")])

    # what was deleted before the crash is not told twice
    deleted = "DeleteObjects" in seen[:-1]
    assert again.outcome == ("NOTHING_FOUND" if deleted else "DONE")
    assert archive.keys() == {"customers/10/letter"}
    assert len(archive.ledger()) == 1
    assert archive.store().anonymize([task("1")])[0].outcome == "ALREADY_DONE"


def test_crash_after_the_ledger_is_seen_as_already_done(archive: Archive) -> None:
    archive.put("customers/1/letter")
    broken = archive.store()

    def crash(**_: Any) -> None:
        raise CrashError

    broken._client.meta.events.register("after-call.s3.PutObject", crash)
    with pytest.raises(CrashError):
        broken.anonymize([task("1")])

    assert archive.store().anonymize([task("1")])[0].outcome == "ALREADY_DONE"


def test_outage_half_way_through_a_batch_keeps_what_is_proven(archive: Archive) -> None:
    for customer in ("1", "2"):
        archive.put(f"customers/{customer}/letter")

    def refuse_the_second(params: dict[str, Any], **_: Any) -> None:
        if b"customers/2/" in params["body"]:
            denied("DeleteObjects")()

    with pytest.raises(TransientError):
        archive.store(DeleteObjects=refuse_the_second).anonymize([task("1"), task("2")])

    answers = archive.store().anonymize([task("1"), task("2")])
    assert [each.outcome for each in answers] == ["ALREADY_DONE", "DONE"]


def test_customer_whose_key_is_refused_fails_alone(archive: Archive) -> None:
    for customer in ("1", "2", "3"):
        archive.put(f"customers/{customer}/letter")

    def refuse_the_second(params: dict[str, Any], **_: Any) -> None:
        if b"customers/2/" in params["body"]:
            raise ClientError({"Error": {"Code": "MalformedXML"}}, "DeleteObjects")

    answers = archive.store(DeleteObjects=refuse_the_second).anonymize([task("1"), task("2"), task("3")])

    assert [each.outcome for each in answers] == ["DONE", "FAILED", "DONE"]
    assert answers[1] == Carried("FAILED", {}, "MalformedXML")
    assert (archive.keys(), len(archive.ledger())) == ({"customers/2/letter"}, 2)


def test_endpoint_that_is_away_is_transient(tmp_path: Path) -> None:
    store = S3Store(rules_of(tmp_path, "archive-1", "http://127.0.0.1:1"), SystemClock())

    assert {type(each) for each in failures(store)} == {TransientError}
    store.close()


def test_missing_bucket_is_found_before_anything_and_stops(s3: str, tmp_path: Path) -> None:
    store = S3Store(rules_of(tmp_path, "no-such-bucket", s3), SystemClock())

    [finding] = store.preflight()
    assert (finding.code, finding.place) == ("missing_bucket", "store.bucket")
    for ask in asked(store)[1:]:
        with pytest.raises(PermanentError) as caught:
            ask()
        assert caught.value.code == "NoSuchBucket"
    store.close()


def test_preflight_passes_and_touches_nothing(archive: Archive) -> None:
    archive.put("customers/1/letter")
    before = archive.versions()

    assert archive.store().preflight() == []
    assert (archive.versions(), archive.ledger()) == (before, {})


@pytest.mark.parametrize(
    ("operation", "place", "times"),
    [
        ("GetBucketVersioning", "store.bucket", 1),
        ("ListObjectVersions", "objects.documents.prefix", 2),
        ("ListMultipartUploads", "objects.documents.prefix", 2),
        ("GetObjectRetention", "objects.documents.prefix", 2),
        ("GetObjectLegalHold", "objects.documents.prefix", 2),
        ("ListObjectsV2", "ledger.prefix", 1),
        ("GetObject", "ledger.prefix", 1),
    ],
)
def test_preflight_names_each_permission_that_is_missing(
    archive: Archive, operation: str, place: str, times: int
) -> None:
    found = archive.store(**{operation: denied(operation)}).preflight()

    assert [each.code for each in found] == ["permission"] * times
    assert found[0].place == place
    assert found[0].message.startswith("s3:")
    assert "grant s3:" in found[0].repair


def test_preflight_refuses_a_bucket_that_wants_a_device_for_each_deletion(archive: Archive) -> None:
    store = archive.store()

    def answer(parsed: dict[str, Any], **_: Any) -> None:
        parsed["MFADelete"] = "Enabled"

    store._client.meta.events.register("after-call.s3.GetBucketVersioning", answer)

    assert [(each.code, each.place) for each in store.preflight()] == [("mfa_delete", "store.bucket")]


def test_what_is_denied_waits_for_its_grant_and_names_nobody(archive: Archive) -> None:
    archive.put(f"customers/{CUSTOMER}/letter")
    for operation in ("ListObjectVersions", "ListMultipartUploads", "DeleteObjects", "PutObject"):
        with pytest.raises(TransientError) as caught:
            archive.store(**{operation: denied(operation)}).anonymize([task(CUSTOMER)])
        assert caught.value.code == "AccessDenied"
        assert "4711" not in str(caught.value) + repr(caught.value) + repr(caught.value.__context__)
    assert archive.ledger() == {}


def test_ledger_that_somebody_else_wrote_into_is_not_guessed_at(archive: Archive) -> None:
    command = task("1").command_id
    for key, body in ((f"{command}/3/7.json", b'{"customer_id": "c-4711"'), (f"{command}/notes", b"{}")):
        archive.client.put_object(Bucket=archive.name, Key=f"lapse-ledger/archive/{key}", Body=body)
        with pytest.raises(PermanentError) as caught:
            archive.store().anonymize([task("1")])
        assert caught.value.code == "ledger_object"
        assert "4711" not in "".join(traceback.format_exception(caught.value))
        archive.hide(f"lapse-ledger/archive/{key}")


def test_rules_check_compares_a_file_with_its_bucket(
    archive: Archive, s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S3_ENDPOINT", s3)
    services = tmp_path / "services"
    services.mkdir()
    (tmp_path / "lapse.yaml").write_text(f"services: {services}\n", encoding="utf-8")
    (services / "archive.yaml").write_text(RULES, encoding="utf-8")
    check = ("--config", str(tmp_path / "lapse.yaml"), "rules", "check")

    monkeypatch.setenv("BUCKET", archive.name)
    assert run(*check) == (0, "0 findings in 1 files\n", "")
    monkeypatch.setenv("BUCKET", "no-such-bucket")
    answer = run(*check)

    assert answer.code == 1
    assert answer.out.startswith("archive: store.bucket: missing_bucket: ")
