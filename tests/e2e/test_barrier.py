"""The barrier on real parts: nothing is claimed or committed that the table may know too little about."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from confluent_kafka import Producer

from consumers.adapters.dynamodb import apply_table
from consumers.app import new_stamp
from consumers.local import Services
from consumers.operations.installing import NotFirstError, positions, write_first_positions
from consumers.operations.modes import set_mode
from consumers.operations.policies import apply_policy
from consumers.process import Process
from producer_client import Schedule, encode
from tests.support.installation import PURPOSE, Installation, installation, wait_for

WORKERS = ("ticker", "anonymizer.crm", "anonymizer.loans")
CLOSED = "BarrierClosedError"


@pytest.fixture(scope="module")
def lapse(services: Services, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("barrier")
    with installation(services, folder, ("crm", "loans"), barrier_seconds=0.3) as made:
        yield made


def claimed(lapse: Installation, customer: str) -> None:
    """A customer whose command is in the log, with no anonymizer there to read it."""
    lapse.people(customer)
    lapse.close_product(customer)
    with lapse.roles("state", "ticker"):
        lapse.wait_until_folded()
        assert lapse.tick().taken == 1
    assert in_flight(lapse, customer) == "ISSUED"


def in_flight(lapse: Installation, customer: str) -> str | None:
    command = lapse.item(customer).of(PURPOSE).command
    return command and command.phase


def wait_until_paused(process: Process, code: str, *roles: str) -> None:
    registry = process._app.metrics.registry

    def pauses(role: str) -> float:
        return registry.get_sample_value("lapse_pauses_total", {"role": role, "code": code}) or 0

    wait_for(f"all pause: {code}", lambda: all(pauses(role) for role in roles))


def untouched(lapse: Installation, *customers: str) -> bool:
    """Whether no service has changed anything for them."""
    return not any(
        lapse.rows(service)[customer][2] or customer in lapse.ledger(service)
        for service in lapse.names
        for customer in customers
    )


def done_everywhere(lapse: Installation, *customers: str) -> bool:
    return all(
        customer in lapse.anonymized(service) and lapse.ledger(service)[customer] == "DONE"
        for service in lapse.names
        for customer in customers
    )


# ---- transactions ----------------------------------------------------------------------------------------------------


def write_transaction(lapse: Installation, customer: str, *, commit: bool) -> None:
    """A schedule long due, written to partition 0 in a Kafka transaction that ends as told."""
    event = Schedule(
        customer_id=customer, product="loan/1", retention_starts_at=datetime.now(UTC) - timedelta(days=60), source="t"
    )
    record = encode(event, lapse.app.names.events)
    producer = Producer({**lapse.app.kafka, "transactional.id": f"{lapse.id}-{customer}", "log_level": 2})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(record.topic, record.value, record.key, partition=0)
    producer.flush(30)
    end = producer.commit_transaction if commit else producer.abort_transaction
    end(30)


def test_barrier_opens_behind_transaction_markers_and_an_aborted_event_has_no_effect(lapse: Installation) -> None:
    lapse.people("committed", "aborted")
    write_transaction(lapse, "committed", commit=True)
    write_transaction(lapse, "aborted", commit=False)

    with lapse.roles():
        lapse.wait_until_folded()
        plan = lapse.tick()
        lapse.wait_until_completed("committed")

    assert (plan.state, plan.taken) == ("ENDED", 1)
    # two records and two markers
    assert positions(lapse.app.table, {0: 0}) == {0: 4}
    assert done_everywhere(lapse, "committed")
    assert lapse.stored("aborted").row is None
    assert untouched(lapse, "aborted")


def test_postpone_acknowledged_behind_an_open_transaction_is_waited_for_and_wins(lapse: Installation) -> None:
    claimed(lapse, "behind")
    opened = Producer({**lapse.app.kafka, "transactional.id": f"{lapse.id}-open", "log_level": 2})
    opened.init_transactions(30)
    opened.begin_transaction()
    for partition in range(12):
        opened.produce(lapse.app.names.events, b"undecided", b"nobody", partition=partition)
    opened.flush(30)
    with lapse.producer() as producer:
        producer.product_opened("behind", "card/1")

    with lapse.roles("state", "anonymizer.crm", "anonymizer.loans") as process:
        wait_until_paused(process, CLOSED, "anonymizer.crm", "anonymizer.loans")
        assert untouched(lapse, "behind")
        opened.abort_transaction(30)
        lapse.wait_until_folded()
        wait_for("the command is withdrawn", lambda: in_flight(lapse, "behind") is None)
        wait_for("every command is answered", lambda: len(lapse.results("SUPERSEDED")) >= 2)
    assert untouched(lapse, "behind")


# ---- a state consumer that is away, or has to fold again -------------------------------------------------------------


def test_workers_wait_while_the_state_consumer_is_down_and_go_on_by_themselves(lapse: Installation) -> None:
    claimed(lapse, "down-claimed")
    lapse.people("down-due")
    lapse.close_product("down-due")

    with lapse.roles(*WORKERS) as process:
        tick = lapse.request_tick()
        wait_until_paused(process, CLOSED, *WORKERS)
        assert lapse.tick_state(tick) == "GOING"
        assert in_flight(lapse, "down-claimed") == "ISSUED"
        assert lapse.stored("down-due").row is None
        assert untouched(lapse, "down-claimed", "down-due")

        with lapse.roles("state"):
            wait_for("the tick ends", lambda: lapse.tick_state(tick) == "ENDED")
            lapse.wait_until_completed("down-claimed", "down-due")
    assert done_everywhere(lapse, "down-claimed", "down-due")
    assert not lapse.count("dead-letters")


def test_replay_shuts_the_barrier_until_the_events_are_folded_again(lapse: Installation) -> None:
    claimed(lapse, "replay-claimed")
    lapse.people("replay-due")
    lapse.close_product("replay-due")
    with lapse.roles("state"):
        lapse.wait_until_folded()
    lapse.rewind("state")
    assert lapse.folded()  # the rows say what the table contains, whatever the group's offsets are

    with lapse.role_process("state", fault="state.after_table:hang"):
        wait_for("the rows are written back", lambda: not lapse.folded())
        with lapse.roles(*WORKERS) as process:
            tick = lapse.request_tick()
            wait_until_paused(process, CLOSED, *WORKERS)
            assert lapse.tick_state(tick) == "GOING"
            assert in_flight(lapse, "replay-claimed") == "ISSUED"
            assert in_flight(lapse, "replay-due") is None
            assert untouched(lapse, "replay-claimed", "replay-due")

    with lapse.roles():
        wait_for("the tick ends", lambda: lapse.tick_state(tick) == "ENDED")
        lapse.wait_until_completed("replay-claimed", "replay-due")
    assert done_everywhere(lapse, "replay-claimed", "replay-due")


def test_reset_group_that_nobody_runs_leaves_the_barrier_open(lapse: Installation) -> None:
    claimed(lapse, "reset")
    lapse.rewind("state")

    with lapse.roles(*WORKERS):
        lapse.wait_until_completed("reset")
    assert done_everywhere(lapse, "reset")


# ---- a table that cannot say -----------------------------------------------------------------------------------------


def empty_table(lapse: Installation) -> None:
    """The table replaced by one without a row."""
    name = lapse.app.settings.table.name
    lapse.app.dynamodb.delete_table(TableName=name)
    lapse.app.dynamodb.get_waiter("table_not_exists").wait(TableName=name)
    apply_table(lapse.app.dynamodb, name, dev=True)


def refusals(lapse: Installation, *roles: str) -> dict[str, str]:
    """What each role says when it exits with 1."""
    said = {}
    with ExitStack() as stack:
        processes = {role: stack.enter_context(lapse.role_process(role)) for role in roles}
        for role, process in processes.items():
            said[role] = refusal(process)
    return said


def refusal(process: subprocess.Popen[str]) -> str:
    assert process.wait(60) == 1
    assert process.stderr
    text = process.stderr.read()
    assert "Traceback" not in text
    return text


def test_emptied_table_is_refused_by_every_role(services: Services, tmp_path: Path) -> None:
    with installation(services, tmp_path, ("crm",)) as lapse:
        claimed(lapse, "emptied")
        lapse.request_tick()
        roles = ("state", "ticker", "anonymizer.crm")

        empty_table(lapse)
        for text in refusals(lapse, *roles).values():
            assert "lapse policy apply" in text

        apply_policy(lapse.app.table, lapse.app.settings.policy(), new_stamp)
        set_mode(lapse.app.table, "crm", "live", "test", lapse.app.clock, new_stamp)
        for text in refusals(lapse, *roles).values():
            assert "lapse state rebuild" in text

        with pytest.raises(NotFirstError, match="lapse state rebuild"):
            write_first_positions(lapse.app.table, lapse.app.offsets, lapse.app.names, new_stamp)
        assert untouched(lapse, "emptied")
        assert lapse.app.offsets.lag(*lapse.group_and_topic("anonymizer.crm")) == 1
