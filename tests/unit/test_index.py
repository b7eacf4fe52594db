"""The index: the table of design.md section 4 row by row, and that nobody falls out of it."""

import zlib
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from consumers.domain.due import due_date
from consumers.domain.index import IndexKeys, index_keys, shard, shard_number
from consumers.domain.item import Command, Discarded, Hold, Item, Last, Phase, PurposeState
from consumers.domain.registers import spend
from tests.support import oracle
from tests.support.build import CUSTOMER, DAY, HOUR, NEVER, NOW, at, item, policy, postpone, purpose, schedule
from tests.support.histories import POLICY, PURPOSES, histories, lived
from tests.support.oracle import Step

MARKETING = purpose()
BOOKS = purpose("books", services=("ledger",), products=frozenset({"loan"}))
RULES = policy(MARKETING, BOOKS)
DUE = at("2026-05-31")
SHARD = zlib.crc32(CUSTOMER.encode()) % 32
BASE = item(schedule(starts=at("2026-05-01")))
FORGET_AFTER = RULES.log_retention + 30 * DAY


def command(phase: Phase = "ISSUED", lease: int = NOW, committed: int | None = None, **outcomes: str) -> Command:
    return Command("id", 1, phase, ("crm", "newsletter"), NOW - DAY, lease, outcomes=outcomes, committed_at=committed)


def carrying(known: Item, name: str = "marketing", flight: Command | None = None) -> Item:
    return known.having(name, PurposeState(1, command=flight or command()))


def held(known: Item, since: int = NOW) -> Item:
    return known._replace(holds={"person:1": Hold(since + 5, "person"), "lapse.events-0-1": Hold(since, "undecodable")})


def keys(known: Item) -> tuple[str, int] | None:
    found = index_keys(known, RULES)
    return found and (found.due_shard, found.next_action_at)


def row(prefix: str, when: int) -> tuple[str, int]:
    return f"{prefix}#{SHARD}", when


def finished(completed_at: int = NOW) -> PurposeState:
    return PurposeState(1, last=Last("id", ("crm",), {"crm": "DONE"}, completed_at - DAY, completed_at))


def all_spent(known: Item) -> Item:
    products = {name: spend(spend(one, "marketing"), "books") for name, one in known.products.items()}
    return known._replace(products=products)


def test_a_command_in_flight_stands_at_the_earliest_of_lease_and_other_due_dates() -> None:
    both = carrying(carrying(BASE, flight=command(lease=NOW + 9)), "books", command(lease=NOW + 7))
    assert keys(both) == row("lease", NOW + 7)
    assert keys(carrying(BASE, flight=command(lease=DUE - 1))) == row("lease", DUE - 1)
    assert keys(carrying(BASE, flight=command(lease=DUE + 1))) == row("lease", DUE)
    committed = command("COMMITTED", NOW, NOW, crm="DONE")
    assert keys(carrying(carrying(BASE, flight=committed), "books")) == row("lease", NOW)


def test_a_failed_service_beside_one_without_outcome_is_still_a_lease() -> None:
    flight = command("COMMITTED", NOW, NOW - HOUR, crm="FAILED")
    assert keys(carrying(all_spent(BASE), flight=flight)) == row("lease", NOW)


def test_a_command_whose_missing_services_failed_is_partial_since_its_commit() -> None:
    spent = all_spent(BASE)
    for given_up in ("FAILED", "REFUSED_LATE"):
        flight = command("COMMITTED", NOW, NOW - HOUR, crm="DONE", newsletter=given_up)
        assert keys(carrying(spent, flight=flight)) == row("partial", NOW - HOUR)


def test_a_partial_purpose_does_not_hide_another_that_is_due_history_25() -> None:
    flight = command("COMMITTED", NOW, NOW, crm="FAILED", newsletter="FAILED")
    assert keys(carrying(BASE, flight=flight)) == row("partial", DUE)
    leased = command("COMMITTED", NOW + HOUR, NOW)
    assert keys(carrying(BASE, flight=leased)) == row("lease", DUE)


def test_a_purpose_with_a_command_is_not_waited_for() -> None:
    flight = command("COMMITTED", NOW, NOW, crm="FAILED", newsletter="FAILED")
    assert keys(carrying(carrying(BASE, flight=flight), "books", flight)) == row("partial", NOW)


def test_a_hold_stands_since_the_first_one() -> None:
    assert keys(held(BASE)) == row("held", NOW)
    assert keys(held(item())) == row("held", NOW)


def test_a_hold_hides_due_dates_but_no_command() -> None:
    assert keys(held(carrying(BASE, flight=command(lease=NOW + HOUR)))) == row("lease", NOW + HOUR)
    flight = command("COMMITTED", NOW, NOW + HOUR, crm="FAILED", newsletter="DONE")
    assert keys(held(carrying(BASE, flight=flight))) == row("partial", NOW + HOUR)


def test_a_due_date_stands_at_the_earliest_purpose() -> None:
    late = item(schedule(starts=at("2026-05-01")), schedule("activity", starts=at("2026-06-01")))
    assert keys(BASE) == row("due", DUE)
    assert keys(late) == row("due", DUE)
    assert keys(item(schedule("activity", starts=at("2026-06-01")))) == row("due", at("2026-07-01"))


def test_a_retry_moves_its_purpose_only_history_19() -> None:
    retried = BASE.having("marketing", PurposeState(1, retry_at=NOW + DAY))
    assert keys(retried) == row("due", DUE)
    assert keys(retried.having("books", PurposeState(1, retry_at=NOW + HOUR))) == row("due", NOW + HOUR)
    assert keys(retried.having("books", PurposeState(1, retry_at=DUE - 1))) == row("due", DUE)


def test_a_deferred_service_waits_for_its_date_whatever_is_postponed() -> None:
    deferred = finished()._replace(deferred={"crm": NOW + DAY, "newsletter": NOW + HOUR})
    assert keys(all_spent(BASE).having("marketing", deferred)) == row("due", NOW + HOUR)
    assert keys(item(postpone()).having("marketing", deferred)) == row("due", NOW + HOUR)
    assert keys(held(item(postpone())).having("marketing", deferred)) == row("held", NOW)


def test_a_deferred_service_of_a_purpose_in_flight_waits_for_its_command() -> None:
    state = PurposeState(1, command=command(lease=NOW + HOUR), deferred={"crm": NOW})
    assert keys(all_spent(BASE).having("marketing", state)) == row("lease", NOW + HOUR)


def test_a_customer_with_all_purposes_complete_is_forgotten_at_last() -> None:
    done = all_spent(BASE).having("marketing", finished(NOW)).having("books", finished(NOW + DAY))
    assert keys(done) == row("forget", NOW + DAY + FORGET_AFTER)
    assert keys(done._replace(products={})) == row("forget", NOW + DAY + FORGET_AFTER)


def test_a_customer_with_anything_that_counts_is_not_forgotten() -> None:
    done = all_spent(BASE).having("marketing", finished())
    back = {**done.products, "loan/2": item(postpone("loan/2")).products["loan/2"]}
    assert keys(done._replace(products=back)) is None
    released = {**done.products, "loan/2": item(postpone("loan/2", until=NOW)).products["loan/2"]}
    assert keys(done._replace(products=released)) is None


def test_never_and_none_are_not_in_the_index() -> None:
    for known in (item(), item(postpone()), item(postpone(until=NOW)), item(schedule(), postpone("legal-hold/1"))):
        assert keys(known) is None


def test_keys_survive_a_purpose_that_left_the_policy() -> None:
    assert keys(carrying(item(), "gone", command(lease=NOW))) == row("lease", NOW)
    assert keys(item().having("gone", finished())) == row("forget", NOW + FORGET_AFTER)


def test_a_shard_is_the_crc_of_the_id_mod_32() -> None:
    assert shard("due", 7) == "due#7"
    assert [shard_number(one) for one in ("c-1", "å", CUSTOMER)] == [
        zlib.crc32(one.encode()) % 32 for one in ("c-1", "å", CUSTOMER)
    ]
    assert index_keys(BASE, RULES) == IndexKeys(f"due#{SHARD}", DUE)


STATES: st.SearchStrategy[PurposeState] = st.builds(
    PurposeState,
    attempt=st.just(1),
    retry_at=st.none() | st.just(NOW),
    last=st.none(),
    deferred=st.just({}),
    command=st.none()
    | st.builds(
        Command,
        id=st.just("id"),
        attempt=st.just(1),
        phase=st.sampled_from(["ASKED", "ISSUED"]),
        services=st.just(("crm",)),
        sent_at=st.just(NOW),
        lease_until=st.integers(NOW, NOW + DAY),
        votes=st.just({}),
        outcomes=st.just({}),
        committed_at=st.none(),
    )
    | st.builds(
        Command,
        id=st.just("id"),
        attempt=st.just(1),
        phase=st.just("COMMITTED"),
        services=st.just(("crm", "scores")),
        sent_at=st.just(NOW),
        lease_until=st.integers(NOW, NOW + DAY),
        votes=st.just({}),
        outcomes=st.sampled_from([{}, {"crm": "DONE"}, {"crm": "FAILED"}, {"crm": "FAILED", "scores": "REFUSED_LATE"}]),
        committed_at=st.just(NOW),
    ),
)
ANY_STATE = st.dictionaries(st.sampled_from([one.name for one in PURPOSES]), STATES)


@given(histories(), ANY_STATE, st.booleans())
def test_nobody_who_will_be_due_falls_out_of_the_index(
    history: list[Step], states: Mapping[str, PurposeState], on_hold: bool
) -> None:
    known = lived(history)._replace(purposes=states)
    known = held(known) if on_hold else known
    found = index_keys(known, POLICY)
    flights = [state.command for state in states.values() if state.command]
    if on_hold or flights:
        assert found is not None
    for one in PURPOSES:
        if known.of(one.name).command or oracle.due(history, one, POLICY, held=on_hold) in ("never", "none"):
            continue
        date = due_date(known, one, POLICY)
        assert found is not None
        assert date is not None
        assert found.next_action_at <= max(date, known.of(one.name).retry_at or 0) < NEVER


@given(histories(), ANY_STATE)
def test_nobody_is_looked_at_before_there_is_something_to_do(
    history: list[Step], states: Mapping[str, PurposeState]
) -> None:
    known = lived(history)._replace(purposes=states)
    found = index_keys(known, POLICY)
    if found is None:
        return
    flights = [state.command for state in states.values() if state.command]
    reasons = [flight.lease_until for flight in flights] + [flight.committed_at for flight in flights]
    for one in PURPOSES:
        date = due_date(known, one, POLICY)
        if date is not None and not known.of(one.name).command:
            reasons.append(max(date, known.of(one.name).retry_at or 0))
    assert found.next_action_at in reasons


def test_a_customer_with_a_discarded_record_is_forgotten_no_sooner_than_the_record_can_come_again() -> None:
    known = item().having("marketing", finished(NOW))
    known = known._replace(discarded={"lapse.events-0-1": Discarded(NOW + DAY, "Ann", "garbage")})
    assert keys(known) == row("forget", NOW + DAY + FORGET_AFTER)
