"""The sections of a status, as they are read and before anybody prints them."""

from collections.abc import Mapping
from typing import NamedTuple

from consumers.domain.owed import Owed
from consumers.domain.ticks import Plan
from consumers.operations.standing import Standing


class Away(NamedTuple):
    """A section that could not be read, with the code of why."""

    code: str


class Group(NamedTuple):
    """A role's group: records it has still to read, since when the oldest of them waits (microseconds), members."""

    unread: int
    since: int | None
    members: int


class InFlight(NamedTuple):
    """What services owe to the customers in flight that were looked at."""

    looked_at: int
    owed: Mapping[str, Owed]


class Sections(NamedTuple):
    """All of them. `groups` are named by role. `events_not_in_table` None: the table has no POSITION rows.

    `tick` is the newest that is no dry run.
    """

    customers: Mapping[str, int] | Away
    in_flight: InFlight | Away
    groups: Mapping[str, Group] | Away
    events_not_in_table: int | Away | None
    dead_letters: Mapping[str, int] | Away
    tick: Plan | Away | None
    standing: Standing | Away
