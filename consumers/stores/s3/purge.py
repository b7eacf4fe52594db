"""Deleting all that is below a customer's prefixes, until a listing shows that nothing is left but what is locked.

S3 has no transaction: what is deleted stays deleted, and a purge that dies is begun again from the start.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from consumers.domain.errors import TransientError
from consumers.ports import Clock
from consumers.stores.s3.bucket import Bucket, Lock, Version

ROUNDS = 10
"""Listings of everything before a purge gives way: whoever writes on and on under a prefix must stop first."""
PATIENCE_MICROS = 30 * 1_000_000
"""How long one call deletes for one customer. Who has more is gone on with after a pause: polling keeps the member."""
HOLD_RETRY_MICROS = 24 * 3600 * 1_000_000
"""How long a legal hold, which has no date, puts a customer off: somebody may lift it any day."""


class Purged(NamedTuple):
    """What was deleted, by group of objects; `locked_until`: when to try what is left (microseconds), None: nothing."""

    rows: Mapping[str, int]
    locked_until: int | None


def purge(bucket: Bucket, prefixes: Mapping[str, str], clock: Clock) -> Purged:
    """Delete every version, delete marker and unfinished upload below these prefixes (by group of objects).

    A second call changes nothing. Governance is never bypassed: what is locked stays, and puts the customer off to the
    latest date among the locks.

    Raises:
        TransientError: Away, denied without a lock, objects keep coming, or there are too many for one call. Deleted so
            far stays deleted, so calling again gets on.
        PoisonError: A key of this customer is refused.
    """
    rows: Counter[str] = Counter()
    deadline = clock.now() + PATIENCE_MICROS
    for _ in range(ROUNDS):
        sweep = _Sweep(bucket, clock, deadline)
        for group, prefix in prefixes.items():
            rows[group] += sweep.clear(prefix)
        if sweep.met == sweep.locked:
            deleted = {group: count for group, count in rows.items() if count}
            return Purged(deleted, sweep.until if sweep.locked else None)
    raise TransientError("objects keep coming while they are deleted", code="not_empty")


class _Sweep:
    """One listing of everything, deleting what it meets.

    Attributes:
        met: How much it has listed.
        locked: How much of it a lock keeps.
        until: When the last of these locks ends, microseconds.
    """

    def __init__(self, bucket: Bucket, clock: Clock, deadline: int) -> None:
        self._bucket, self._clock, self._deadline = bucket, clock, deadline
        self.met = self.locked = self.until = 0

    def clear(self, prefix: str) -> int:
        """Delete what is below a prefix; how much that was."""
        # uploads first: one that is finished meanwhile is a version by the time these are listed
        return self._abort(prefix) + self._delete(prefix)

    def _abort(self, prefix: str) -> int:
        aborted = 0
        for upload in self._bucket.uploads(prefix):
            self._bucket.abort(upload)
            aborted += 1
        self.met += aborted
        return aborted

    def _delete(self, prefix: str) -> int:
        deleted, stays = 0, None
        page = self._bucket.page(prefix)
        while page.versions:
            refused = self._bucket.delete(page.versions)
            self.met += len(page.versions)
            deleted += len(page.versions) - len(refused)
            self._look_at(refused)
            if page.after is None:
                break
            # only with progress: a call that meets nothing but locks must come to its end
            if deleted and self._clock.now() > self._deadline:
                raise TransientError("a customer has more objects than are deleted in one go", code="unfinished")
            # on behind the last that stays: a listing cannot begin at a version that is gone
            stays = refused[-1] if refused else stays
            page = self._bucket.page(prefix, stays)
        return deleted

    def _look_at(self, refused: Sequence[Version]) -> None:
        """Note what is locked. A lock that has run out since counts as none: the next sweep deletes."""
        now = self._clock.now()
        for version in refused:
            lock = self._bucket.lock(version)
            until = _until(lock, now) if lock else now
            if until > now:
                self.locked += 1
                self.until = max(self.until, until)


def _until(lock: Lock, now: int) -> int:
    return max(lock.until or 0, now + HOLD_RETRY_MICROS if lock.held else 0)
