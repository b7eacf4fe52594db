"""A bucket as the purge sees it: what is below a prefix, page by page, and how it goes."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from consumers.domain.errors import PermanentError
from consumers.domain.retention import micros
from consumers.stores.s3.failures import ABSENT, ACCESS_DENIED, UNLOCKABLE, call, failure, unless_absent

PAGE = 1000
"""The most that S3 lists in one call, and takes in one DeleteObjects."""


class Version(NamedTuple):
    """A version of an object or a delete marker. `id` is `null` where the bucket kept no versions."""

    key: str
    id: str


class Upload(NamedTuple):
    """An unfinished multipart upload."""

    key: str
    id: str


class Page(NamedTuple):
    """What one listing gave, versions before delete markers; `after`: where the next begins, None after the last."""

    versions: Sequence[Version]
    after: Version | None


class Lock(NamedTuple):
    """What keeps a version: retention until a date (microseconds), a legal hold, or both."""

    until: int | None
    held: bool


class Bucket:
    """One bucket. Errors of every method: `failures`; no method is asked for more than one page at a time."""

    def __init__(self, client: Any, name: str) -> None:
        self._client, self._name = client, name

    def page(self, prefix: str, after: Version | None = None, most: int = PAGE) -> Page:
        """Versions and delete markers below a prefix, behind a version in the order of S3."""
        start = {"KeyMarker": after.key, "VersionIdMarker": after.id} if after else {}
        listed = call(self._client.list_object_versions, Bucket=self._name, Prefix=prefix, MaxKeys=most, **start)
        found = [*listed.get("Versions", ()), *listed.get("DeleteMarkers", ())]
        versions = [Version(_below(prefix, each["Key"]), each["VersionId"]) for each in found]
        if not listed.get("IsTruncated"):
            return Page(versions, None)
        return Page(versions, Version(listed["NextKeyMarker"], listed["NextVersionIdMarker"]))

    def uploads(self, prefix: str, most: int = PAGE) -> Iterator[Upload]:
        """Every unfinished upload below a prefix; a page in memory at a time."""
        start: dict[str, str] = {}
        while True:
            listed = call(
                self._client.list_multipart_uploads, Bucket=self._name, Prefix=prefix, MaxUploads=most, **start
            )
            for each in listed.get("Uploads", ()):
                yield Upload(_below(prefix, each["Key"]), each["UploadId"])
            if not listed.get("IsTruncated"):
                return
            start = {"KeyMarker": listed["NextKeyMarker"], "UploadIdMarker": listed["NextUploadIdMarker"]}

    def has_any(self, prefix: str) -> bool:
        """Whether anything is below a prefix."""
        return bool(self.page(prefix, most=1).versions) or next(self.uploads(prefix, most=1), None) is not None

    def count(self, prefix: str) -> int:
        """How many versions, delete markers and unfinished uploads are below a prefix."""
        counted, page = sum(1 for _ in self.uploads(prefix)), self.page(prefix)
        while page.after:
            counted += len(page.versions)
            page = self.page(prefix, page.after)
        return counted + len(page.versions)

    def abort(self, upload: Upload) -> None:
        """End an upload and drop its parts; one that is gone already is fine."""
        unless_absent(self._client.abort_multipart_upload, Bucket=self._name, Key=upload.key, UploadId=upload.id)

    def delete(self, versions: Sequence[Version]) -> list[Version]:
        """Delete up to 1,000 versions and markers for good, governance never bypassed; those refused, in their order.

        Refused is what S3 denies: a lock may be why, `lock` says so. Any other error of a single key is raised.
        """
        named = [{"Key": each.key, "VersionId": each.id} for each in versions]
        answer = call(self._client.delete_objects, Bucket=self._name, Delete={"Objects": named, "Quiet": True})
        errors = {
            Version(each["Key"], each.get("VersionId", "null")): each["Code"] for each in answer.get("Errors", ())
        }
        for code in errors.values():
            if code not in ABSENT | {ACCESS_DENIED}:
                raise failure(code)
        return [each for each in versions if errors.get(each) == ACCESS_DENIED]

    def lock(self, version: Version) -> Lock | None:
        """Why S3 keeps a version it has refused to delete; None where it is gone meanwhile.

        TransientError: nothing keeps it, so Lapse may not delete.
        """
        retention = self._lock_of(self._client.get_object_retention, version, "Retention")
        hold = self._lock_of(self._client.get_object_legal_hold, version, "LegalHold")
        if retention is None or hold is None:
            return None
        lock = Lock(
            micros(retention["RetainUntilDate"]) if "RetainUntilDate" in retention else None,
            hold.get("Status") == "ON",
        )
        if lock == Lock(None, held=False):
            raise failure(ACCESS_DENIED)
        return lock

    def _lock_of(self, method: Any, version: Version, member: str) -> dict[str, Any] | None:
        """One of the two; empty where it has none, None where the version is gone."""
        try:
            answer = call(method, Bucket=self._name, Key=version.key, VersionId=version.id)
        except PermanentError as error:
            if error.code in {"NoSuchKey", "NoSuchVersion"}:
                return None
            if error.code not in ABSENT | UNLOCKABLE:
                raise
            return {}
        return dict(answer.get(member, {}))


def _below(prefix: str, key: str) -> str:
    """The key, which must be below the prefix: a server that ignores prefixes would name other customers' objects."""
    if not key.startswith(prefix):
        raise PermanentError("the bucket lists what it was not asked for", code="foreign_key")
    return key
