"""Compares rules with the live bucket: what would fail, and what repairs it. Touches nothing.

| code | refused because |
|---|---|
| `missing_bucket` | there is no bucket of this name at the endpoint |
| `permission` | a call that a purge or the ledger needs is denied |
| `mfa_delete` | no version could be deleted without a person's device |
| `bucket` | S3 refuses a call for another reason, as a kind of bucket that keeps no versions does |

Each permission that only reads is tried, on a key that cannot exist where one is needed. Whether Lapse may delete,
abort and write cannot be tried without doing it: a denial there pauses the service. A bucket that keeps versions, has
stopped to or never did is served alike. A lifecycle rule for unfinished uploads is not asked for: a purge aborts them.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from consumers.domain.errors import PermanentError, TransientError
from consumers.domain.work import Finding
from consumers.stores.rules import S3Rules
from consumers.stores.s3.failures import ACCESS_DENIED, UNLOCKABLE, unless_absent

NOBODY = "lapse-preflight"
"""Stands for a customer whose permissions are tried."""


class _Trial(NamedTuple):
    """A call that must not be denied, and the permission it needs."""

    place: str
    permission: str
    method: Any
    request: Mapping[str, Any] = {}


def findings(client: Any, rules: S3Rules) -> list[Finding]:
    """Everything wrong; empty: safe to run. TransientError: the bucket is away."""
    bucket = rules.store.bucket
    versioning = _tried(_Trial("store.bucket", "s3:GetBucketVersioning", client.get_bucket_versioning), bucket)
    if isinstance(versioning, Finding):
        return [versioning]
    tried = [_tried(trial, bucket) for trial in (*_of_objects(client, rules), *_of_ledger(client, rules))]
    found = [each for each in tried if isinstance(each, Finding)]
    return [*_mfa(versioning), *found]


def _mfa(versioning: Mapping[str, Any]) -> Iterator[Finding]:
    if versioning.get("MFADelete") == "Enabled":
        yield Finding(
            "mfa_delete",
            "store.bucket",
            "versions of this bucket can only be deleted with a device at hand (MFA delete).",
            "switch MFA delete off; object lock keeps versions from being deleted too early.",
        )


def _of_objects(client: Any, rules: S3Rules) -> Iterator[_Trial]:
    for name, objects in rules.objects.items():
        place, prefix = f"objects.{name}.prefix", objects.of(NOBODY)
        yield _Trial(place, "s3:ListBucketVersions", client.list_object_versions, {"Prefix": prefix, "MaxKeys": 1})
        yield _Trial(
            place, "s3:ListBucketMultipartUploads", client.list_multipart_uploads, {"Prefix": prefix, "MaxUploads": 1}
        )
        key = {"Key": f"{prefix}nothing"}
        yield _Trial(place, "s3:GetObjectRetention", client.get_object_retention, key)
        yield _Trial(place, "s3:GetObjectLegalHold", client.get_object_legal_hold, key)


def _of_ledger(client: Any, rules: S3Rules) -> Iterator[_Trial]:
    place, prefix = "ledger.prefix", rules.ledger.prefix
    yield _Trial(place, "s3:ListBucket", client.list_objects_v2, {"Prefix": prefix, "MaxKeys": 1})
    yield _Trial(place, "s3:GetObject", client.get_object, {"Key": f"{prefix}{rules.service}/nothing"})


def _tried(trial: _Trial, bucket: str) -> Any:
    """What S3 answers, None for what is not there, or a finding."""
    try:
        return unless_absent(trial.method, Bucket=bucket, **trial.request)
    except TransientError as error:
        if error.code != ACCESS_DENIED:
            raise
    except PermanentError as error:
        return _refused(trial, error.code)
    repair = f"grant {trial.permission} for the bucket {bucket} and what is in it."
    return Finding("permission", trial.place, f"{trial.permission} is denied.", repair)


def _refused(trial: _Trial, code: str) -> Finding | None:
    if code == "NoSuchBucket":
        repair = "create it, or correct bucket, region and endpoint."
        return Finding("missing_bucket", "store.bucket", "there is no such bucket.", repair)
    if code in UNLOCKABLE and trial.permission in {"s3:GetObjectRetention", "s3:GetObjectLegalHold"}:
        return None
    repair = f"use a bucket that knows {trial.permission}."
    return Finding("bucket", trial.place, f"the bucket does not answer to {trial.permission} ({code}).", repair)
