"""A bucket of its own for each test, rules for it, and what is in it as S3 itself shows it."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

from consumers.adapters.clock import SystemClock
from consumers.domain.retention import moment
from consumers.stores import S3Rules, S3Store, load_rules
from consumers.stores.s3.client import client_for

RULES = """
version: 1
service: archive
purpose: marketing
store: {kind: s3, bucket: "${BUCKET}", endpoint: "${S3_ENDPOINT}", region: eu-north-1}
objects:
  documents: {prefix: "customers/{customer_id}/"}
  avatars: {prefix: "public/avatars/{customer_id}/"}
ledger: {prefix: lapse-ledger/}
"""
LEDGER = "lapse-ledger/"

Handler = Callable[..., None]
Versioning = Literal["Enabled", "Suspended"]


def rules_of(folder: Path, bucket: str, endpoint: str, text: str = RULES) -> S3Rules:
    """Rules for a bucket."""
    path = folder / "archive.yaml"
    path.write_text(text, encoding="utf-8")
    rules = load_rules(path, {"BUCKET": bucket, "S3_ENDPOINT": endpoint})
    assert isinstance(rules, S3Rules)
    return rules


class Archive:
    """One bucket, made for one test; `client` is the test's own."""

    def __init__(self, rules: S3Rules, stack: ExitStack, *, versioning: Versioning | None, locks: bool) -> None:
        self.rules, self.name = rules, rules.store.bucket
        self._stack = stack
        self.client: Any = client_for(rules)
        stack.callback(self.client.close)
        self.client.create_bucket(
            Bucket=self.name,
            ObjectLockEnabledForBucket=locks,
            CreateBucketConfiguration={"LocationConstraint": "eu-north-1"},
        )
        if versioning:
            self.version(versioning)

    def store(self, **handlers: Handler) -> S3Store:
        """A store whose calls of an operation (`DeleteObjects`) go through a handler first, as boto3 calls it."""

        def connect(rules: S3Rules) -> Any:
            client = client_for(rules)
            for operation, handler in handlers.items():
                client.meta.events.register(f"before-call.s3.{operation}", handler)
            return client

        return self.opened(S3Store(self.rules, SystemClock(), connect))

    def opened(self, store: S3Store) -> S3Store:
        """The store, closed when the test ends."""
        self._stack.callback(store.close)
        return store

    def version(self, status: Versioning) -> None:
        """Keep versions from now on, or stop to."""
        self.client.put_bucket_versioning(Bucket=self.name, VersioningConfiguration={"Status": status})

    def put(self, key: str, times: int = 1) -> str:
        """Write an object so often; the id of its last version."""
        for _ in range(times):
            answer = self.client.put_object(Bucket=self.name, Key=key, Body=b"CANARY")
        return str(answer.get("VersionId", "null"))

    def hide(self, key: str) -> None:
        """Delete as an application does: on a bucket with versions, a marker."""
        self.client.delete_object(Bucket=self.name, Key=key)

    def begin_upload(self, key: str) -> str:
        """A multipart upload that stays unfinished; its id."""
        upload = self.client.create_multipart_upload(Bucket=self.name, Key=key)["UploadId"]
        self.client.upload_part(Bucket=self.name, Key=key, UploadId=upload, PartNumber=1, Body=b"CANARY")
        return str(upload)

    def retain(self, key: str, version: str, mode: Literal["GOVERNANCE", "COMPLIANCE"], until: int) -> None:
        """Lock a version until a time in microseconds."""
        retention = {"Mode": mode, "RetainUntilDate": moment(until)}
        self.client.put_object_retention(Bucket=self.name, Key=key, VersionId=version, Retention=retention)

    def let_run_out(self, key: str, version: str) -> None:
        """Shorten a governance lock, as an administrator may, and wait until it is over."""
        until = SystemClock().now() // 1_000_000 * 1_000_000 + 1_000_000
        retention = {"Mode": "GOVERNANCE", "RetainUntilDate": moment(until)}
        self.client.put_object_retention(
            Bucket=self.name, Key=key, VersionId=version, Retention=retention, BypassGovernanceRetention=True
        )
        while SystemClock().now() <= until + 1_000_000:
            SystemClock().wait(0.05)

    def hold(self, key: str, version: str, status: Literal["ON", "OFF"]) -> None:
        """Set or lift a legal hold."""
        self.client.put_object_legal_hold(Bucket=self.name, Key=key, VersionId=version, LegalHold={"Status": status})

    def versions(self, prefix: str = "") -> list[tuple[str, str]]:
        """Key and id of every version and delete marker, by S3's own listing; the ledger left out."""
        pages = self.client.get_paginator("list_object_versions").paginate(Bucket=self.name, Prefix=prefix)
        found = [each for page in pages for each in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]]
        return sorted((each["Key"], each["VersionId"]) for each in found if not each["Key"].startswith(LEDGER))

    def keys(self) -> set[str]:
        """Keys of all that is left but the ledger, unfinished uploads included."""
        uploads = self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", ())
        return {key for key, _ in self.versions()} | {each["Key"] for each in uploads}

    def ledger(self) -> Mapping[str, bytes]:
        """Every object of the ledger."""
        listed = self.client.list_objects_v2(Bucket=self.name, Prefix=LEDGER).get("Contents", ())
        return {
            each["Key"]: self.client.get_object(Bucket=self.name, Key=each["Key"])["Body"].read() for each in listed
        }


@contextmanager
def new_archive(
    endpoint: str,
    folder: Path,
    *,
    versioning: Versioning | None = "Enabled",
    locks: bool = False,
    text: str = RULES,
) -> Iterator[Archive]:
    """An empty bucket; it goes with the server."""
    rules = rules_of(folder, f"test-{uuid.uuid4().hex}", endpoint, text)
    with ExitStack() as stack:
        yield Archive(rules, stack, versioning=versioning, locks=locks)
