"""The rows of the one table: their keys, and the control rows' bodies as JSON a person can read.

Keys are foreseen, so nothing is ever scanned: `C, STATE` · `events#7, POSITION` · `service#crm, MODE` · `all, MODE` ·
`all, HALT` · `all, POLICY` · `tick#T, PLAN` · `ticks, HISTORY`. No customer id may contain `#`.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from consumers.domain.policy import Mode, Policy, Purpose
from consumers.domain.retention import Retention
from consumers.domain.ticks import Plan, Report, Used


class Key(NamedTuple):
    """`ID` and `SubID` of a row."""

    id: str
    sub_id: str


ALL_MODE = Key("all", "MODE")
ALL_HALT = Key("all", "HALT")
ALL_POLICY = Key("all", "POLICY")
HISTORY = Key("ticks", "HISTORY")
RESERVED = frozenset({"all", "ticks"})


def state_key(customer_id: str) -> Key:
    """The row of a customer. The few ids that are names of control rows are kept apart by their SubID."""
    return Key(customer_id, "STATE")


def position_key(partition: int) -> Key:
    """The row that says how far the table contains a partition of events."""
    return Key(f"events#{partition}", "POSITION")


def mode_key(service: str) -> Key:
    """The row with the mode of a service."""
    return Key(f"service#{service}", "MODE")


def plan_key(tick_id: str) -> Key:
    """The row of a tick."""
    return Key(f"tick#{tick_id}", "PLAN")


class Position(NamedTuple):
    """The next offset of a partition that the table does not contain yet, and who may move it."""

    offset: int
    owner: str


class ModeRow(NamedTuple):
    """A service's mode, or the global one, with who set it when (microseconds) and why.

    `guard`: whether the service votes, as its anonymizer or its rules file said; None: nobody has yet, so it is asked.
    `proven`: a tick has claimed for it since it went live, so that its first run is over.
    """

    mode: Mode
    by: str
    at: int
    reason: str | None = None
    guard: bool | None = None
    proven: bool = False


class Halt(NamedTuple):
    """Records that could name no customer, by position. While there is one: no claims, no commits."""

    positions: tuple[str, ...] = ()
    discarded: tuple[str, ...] = ()


def to_json(value: Any) -> bytes:
    """The body of a control row."""
    return json.dumps(_plain(value), sort_keys=True).encode()


def position(body: bytes) -> Position:
    """Read a POSITION body."""
    return Position(**json.loads(body))


def mode(body: bytes) -> ModeRow:
    """Read a MODE body."""
    return ModeRow(**json.loads(body))


def halt(body: bytes) -> Halt:
    """Read a HALT body."""
    fields = json.loads(body)
    return Halt(tuple(fields["positions"]), tuple(fields["discarded"]))


def tick_plan(body: bytes) -> Plan:
    """Read a PLAN body."""
    fields = json.loads(body)
    report = fields.pop("report")
    return Plan(report=Report(**{**report, "blockers": tuple(report["blockers"])}), **fields)


def history(body: bytes) -> dict[str, Used]:
    """Read a HISTORY body."""
    return {tick: Used(**used) for tick, used in json.loads(body).items()}


def policy(body: bytes) -> Policy:
    """Read a POLICY body."""
    fields = json.loads(body)
    fields["purposes"] = {name: _purpose(purpose) for name, purpose in fields["purposes"].items()}
    return Policy(**{**fields, "always": frozenset(fields["always"])})


def _purpose(fields: dict[str, Any]) -> Purpose:
    products = fields["products"]
    return Purpose(
        name=fields["name"],
        retention=Retention(**fields["retention"]),
        services=tuple(fields["services"]),
        products=None if products is None else frozenset(products),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _plain(field) for name, field in value._asdict().items()}
    if isinstance(value, Mapping):
        return {name: _plain(field) for name, field in value.items()}
    if isinstance(value, frozenset):
        return sorted(_plain(field) for field in value)
    if isinstance(value, list | tuple):
        return [_plain(field) for field in value]
    return value
