"""What persons and records have set: policy, modes with who and why, global stop, halt."""

from collections.abc import Mapping
from typing import NamedTuple

from consumers.domain import rows
from consumers.domain.policy import Mode, Policy
from consumers.domain.rows import ModeRow
from consumers.ports import Table
from consumers.runtime.control import read_policy


class Standing(NamedTuple):
    """The control rows as a person wants to see them.

    `set_to` are the services of the policy whose mode somebody has set; `stopped` is the global stop while it is in
    force; `halting` are records that could name no customer, by position.
    """

    policy: Policy
    set_to: Mapping[str, ModeRow]
    stopped: ModeRow | None = None
    halting: tuple[str, ...] = ()

    @property
    def modes(self) -> dict[str, Mode]:
        """Their modes. A service nobody has enabled is in dry run."""
        return {each: self.set_to[each].mode if each in self.set_to else "dry_run" for each in self.policy.services}


def read_standing(table: Table) -> Standing:
    """Read the control rows. NoPolicyError: there is no policy yet."""
    policy = read_policy(table)
    keys = {rows.mode_key(service): service for service in policy.services}
    found = table.read([*keys, rows.ALL_MODE, rows.ALL_HALT])
    everything, halt = found.get(rows.ALL_MODE), found.get(rows.ALL_HALT)
    mode = rows.mode(everything.body) if everything else None
    return Standing(
        policy,
        {service: rows.mode(found[key].body) for key, service in keys.items() if key in found},
        mode if mode and mode.mode == "stopped" else None,
        rows.halt(halt.body).positions if halt else (),
    )
