"""Rows of the table: keys that cannot meet, bodies that come back as they were written."""

import json

from hypothesis import given
from hypothesis import strategies as st

from consumers.domain import rows
from consumers.domain.policy import Policy, Purpose
from consumers.domain.retention import Retention
from consumers.domain.ticks import Plan, Report, Used
from tests.support.build import policy, purpose

NAMES = st.text(max_size=12)
NUMBERS = st.integers(-(2**63), 2**63 - 1)
REPORTS = st.builds(
    Report, NUMBERS, st.dictionaries(NAMES, NUMBERS, max_size=3), NUMBERS, st.lists(NAMES, max_size=3).map(tuple)
)
PLANS = st.builds(
    Plan,
    tick_id=NAMES,
    as_of=NUMBERS,
    requested_by=NAMES,
    planned_at=NUMBERS,
    state=st.sampled_from(["DRY_RUN", "GOING", "HALTED", "APPROVED", "ENDED"]),
    report=REPORTS,
    budget=NUMBERS,
    taken=NUMBERS,
    approved_by=st.none() | NAMES,
    approved_at=st.none() | NUMBERS,
    approved_digest=st.none() | NAMES,
)
RETENTIONS = st.builds(
    Retention,
    years=st.integers(0, 99),
    months=st.integers(0, 99),
    days=st.integers(0, 9999),
    counted_from=st.sampled_from(["event", "end_of_year"]),
    timezone=st.sampled_from(["UTC", "Europe/Stockholm"]),
)
PURPOSES = st.builds(
    Purpose,
    name=NAMES,
    retention=RETENTIONS,
    services=st.lists(NAMES, max_size=3).map(tuple),
    products=st.none() | st.frozensets(NAMES, max_size=3),
)
POLICIES = st.builds(
    Policy,
    purposes=st.lists(PURPOSES, max_size=3).map(lambda listed: {one.name: one for one in listed}),
    always=st.frozensets(NAMES, max_size=3),
    lease=NUMBERS,
    cap=NUMBERS,
    log_retention=NUMBERS,
)


@given(st.builds(rows.Position, NUMBERS, NAMES))
def test_a_position_comes_back_as_written(position: rows.Position) -> None:
    assert rows.position(rows.to_json(position)) == position


@given(st.builds(rows.ModeRow, st.sampled_from(["live", "dry_run", "stopped"]), NAMES, NUMBERS))
def test_a_mode_comes_back_as_written(mode: rows.ModeRow) -> None:
    assert rows.mode(rows.to_json(mode)) == mode


@given(st.builds(rows.Halt, st.lists(NAMES).map(tuple), st.lists(NAMES).map(tuple)))
def test_a_halt_comes_back_as_written(halt: rows.Halt) -> None:
    assert rows.halt(rows.to_json(halt)) == halt


@given(PLANS)
def test_a_plan_comes_back_as_written(plan: Plan) -> None:
    assert rows.tick_plan(rows.to_json(plan)) == plan


@given(st.dictionaries(NAMES, st.builds(Used, NUMBERS, NUMBERS), max_size=4))
def test_a_history_comes_back_as_written(history: dict[str, Used]) -> None:
    assert rows.history(rows.to_json(history)) == history


@given(POLICIES)
def test_a_policy_comes_back_as_written(policy: Policy) -> None:
    read = rows.policy(rows.to_json(policy))
    assert read == policy
    assert all(isinstance(one, Purpose) and isinstance(one.retention, Retention) for one in read.purposes.values())


def test_a_purpose_without_kinds_is_not_one_with_every_kind() -> None:
    rules = policy(purpose("all", products=None), purpose("none", products=frozenset()))
    read = rows.policy(rows.to_json(rules))
    assert read.purposes["all"].products is None
    assert read.purposes["none"].products == frozenset()


def test_a_body_is_json_a_person_can_read_and_the_same_each_time() -> None:
    rules = policy(purpose(products=frozenset({"loan", "activity"})), always=frozenset("hgfedcba"))
    body = rows.to_json(rules)
    assert body == rows.to_json(rows.policy(body))
    assert json.loads(body)["always"] == list("abcdefgh")
    assert json.loads(body)["purposes"]["marketing"]["retention"]["days"] == 30


def test_keys_are_the_ones_the_design_foresees() -> None:
    assert rows.state_key("c-1") == ("c-1", "STATE")
    assert rows.position_key(7) == ("events#7", "POSITION")
    assert rows.mode_key("crm") == ("service#crm", "MODE")
    assert rows.plan_key("T") == ("tick#T", "PLAN")
    assert (rows.ALL_MODE, rows.ALL_HALT) == (("all", "MODE"), ("all", "HALT"))
    assert rows.HISTORY == ("ticks", "HISTORY")


def test_a_customer_named_like_a_control_row_has_a_row_of_his_own() -> None:
    controls = {rows.ALL_MODE, rows.ALL_HALT, rows.ALL_POLICY, rows.HISTORY}
    assert not controls & {rows.state_key(name) for name in rows.RESERVED}
    assert {key.id for key in controls} == rows.RESERVED
