"""The control rows, read together: what every decision of a batch is taken by."""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from consumers.domain import rows
from consumers.domain.errors import PermanentError, TransientError
from consumers.domain.policy import Mode, Policy
from consumers.domain.rows import Key, ModeRow
from consumers.ports import Row, Stamp, Table, Write


class NoPolicyError(PermanentError):
    """The table holds no policy: run `lapse policy apply` (and `lapse table apply` first, if the table is new)."""


class Control(NamedTuple):
    """Policy, modes and halt as one strong read saw them.

    `voters` are asked before anybody commits: services that have not said they have no guard. `unproven` are live
    services no tick has claimed for yet.
    """

    policy: Policy
    modes: Mapping[str, Mode]
    halted: bool
    voters: frozenset[str] = frozenset()
    unproven: frozenset[str] = frozenset()

    @classmethod
    def read(cls, table: Table, services: Collection[str] = ()) -> "Control":
        """Read the control rows, with the modes of these services beside those of the policy.

        Raises:
            NoPolicyError: The table is new or was emptied.
        """
        policy = read_policy(table)
        keys = {rows.mode_key(service): service for service in {*policy.services, *services}}
        found = table.read([*keys, rows.ALL_MODE, rows.ALL_HALT])
        set_to = {service: rows.mode(found[key].body) for key, service in keys.items() if key in found}
        return cls(
            policy,
            {service: row.mode for service, row in set_to.items()},
            halted(found.get(rows.ALL_MODE), found.get(rows.ALL_HALT)),
            frozenset(service for service, row in set_to.items() if row.guard is not False),
            frozenset(service for service, row in set_to.items() if row.mode == "live" and not row.proven),
        )


def read_policy(table: Table) -> Policy:
    """The policy in force. NoPolicyError where there is none."""
    found = table.read([rows.ALL_POLICY]).get(rows.ALL_POLICY)
    if found is None:
        raise NoPolicyError
    return rows.policy(found.body)


def halted(mode: Row | None, halt: Row | None) -> bool:
    """Whether a person stopped everything, or a record that could name no customer did."""
    stopped = mode is not None and rows.mode(mode.body).mode == "stopped"
    return stopped or (halt is not None and bool(rows.halt(halt.body).positions))


def announce_guard(table: Table, service: str, now: int, stamp: Stamp, *, guard: bool) -> None:
    """Say in its MODE row whether a service votes. A new service begins in dry run."""

    def announced(body: bytes | None) -> bytes | None:
        row = rows.mode(body) if body else ModeRow("dry_run", service, now)
        return None if body and row.guard is guard else rows.to_json(row._replace(guard=guard))

    rewrite(table, rows.mode_key(service), stamp, announced)


class ContendedError(TransientError):
    """Another writer of a control row was first, again and again."""


def rewrite(table: Table, key: Key, stamp: Stamp, change: Callable[[bytes | None], bytes | None]) -> Row | None:
    """Write a control row as `change` makes it of its body (None: there is no row), deciding again after a lost race.

    `change` answers None to leave it. Returns the row that stands.
    """
    for _ in range(20):
        row = table.read([key]).get(key)
        body = change(row.body if row else None)
        if body is None:
            return row
        new = Row(key, row.version + 1 if row else 1, stamp(), body)
        if table.write([Write(key, row, new)])[0] is None:
            return new
    raise ContendedError
