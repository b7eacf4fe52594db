"""Service modes: live, dry run, stopped."""

from typing import NamedTuple

from consumers.domain import rows
from consumers.domain.errors import PermanentError
from consumers.domain.index import SHARDS, Prefix, shard
from consumers.domain.policy import Mode
from consumers.domain.rows import ModeRow
from consumers.items import Items
from consumers.operations.abandoning import refuse_while_owed
from consumers.operations.standing import read_standing
from consumers.ports import Clock, Stamp, Table
from consumers.runtime.control import read_policy, rewrite


class ServiceMode(NamedTuple):
    """A service as `lapse service list` shows it. `by` None: nobody has set a mode, so it is in dry run."""

    service: str
    purpose: str
    mode: Mode
    by: str | None
    at: int | None


def service_modes(table: Table) -> list[ServiceMode]:
    """Every service of the policy with its mode."""
    standing = read_standing(table)
    names = [(service, purpose.name) for purpose in standing.policy.purposes.values() for service in purpose.services]
    listed = []
    for service, purpose in sorted(names):
        set_to = standing.set_to.get(service)
        listed.append(
            ServiceMode(service, purpose, set_to.mode, set_to.by, set_to.at)
            if set_to
            else ServiceMode(service, purpose, "dry_run", None, None)
        )
    return listed


def set_mode(
    table: Table,
    service: str,
    mode: Mode,
    by: str,
    clock: Clock,
    stamp: Stamp,
    *,
    reason: str | None = None,
    items: Items | None = None,
) -> ServiceMode:
    """Set a service's mode. A second call changes nothing but who, when and why.

    `items`: to refuse taking out a service that commands in flight wait for; without it that is not looked at. After
    a dry run the next live run is capped as the first.

    Raises:
        PermanentError: The policy has no such service, or a live one would leave while commands are in flight.
    """
    policy = read_policy(table)
    purpose = policy.purpose_of(service)
    if purpose is None:
        raise PermanentError(f"the policy has no service {service}; it has: {', '.join(policy.services) or 'none'}")
    key = rows.mode_key(service)
    row = table.read([key]).get(key)
    if items and mode == "dry_run" and row and rows.mode(row.body).mode != "dry_run":
        refuse_while_owed(table, items, service)
    at = clock.now()

    def written(body: bytes | None) -> bytes:
        before = rows.mode(body) if body else ModeRow(mode, by, at)
        new = ModeRow(mode, by, at, reason, before.guard, before.proven)
        return rows.to_json(new._replace(proven=new.proven and mode != "dry_run"))

    rewrite(table, key, stamp, written)
    return ServiceMode(service, purpose.name, mode, by, at)


def stop_everything(table: Table, by: str, reason: str, clock: Clock, stamp: Stamp) -> None:
    """No claims and no commits anywhere, with the next batch of every role, until `resume_everything`.

    What is committed is carried out: a database half-way anonymized helps nobody.
    """
    rewrite(table, rows.ALL_MODE, stamp, lambda _: rows.to_json(ModeRow("stopped", by, clock.now(), reason)))


def resume_everything(table: Table, by: str, clock: Clock, stamp: Stamp) -> None:
    """Claims and commits go on. Records that could name no customer still halt, see `lapse status`."""
    rewrite(table, rows.ALL_MODE, stamp, lambda _: rows.to_json(ModeRow("live", by, clock.now())))


def count(table: Table, prefix: Prefix, until: int) -> int:
    """Entries of the index with a prefix, over all shards."""
    return sum(table.count(shard(prefix, number), until) for number in range(SHARDS))
