"""A process told to end: the batch in hand is finished and committed, so that nothing is delivered twice."""

import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.local import Services
from consumers.operations.installing import positions
from tests.support.installation import Installation, installation, wait_for
from tests.support.proxy import address_of, proxy, through

END_SECONDS = 15.0
CUSTOMERS = [f"customer-{number:04d}" for number in range(1500)]


@pytest.fixture
def lapse(services: Services, tmp_path: Path) -> Iterator[Installation]:
    with installation(services, tmp_path, ("crm",)) as made:
        yield made


def contained(lapse: Installation) -> int:
    """How many events the table says it contains."""
    ends = lapse.app.offsets.end(lapse.app.names.events)
    return sum(at or 0 for at in positions(lapse.app.table, ends).values())


def committed(lapse: Installation, role: str) -> int:
    return sum(at or 0 for at in lapse.group_offsets(role).values())


def ended_in_time(lapse: Installation, role: str, began: int) -> int:
    """Run a role, tell it to end as soon as it has committed more than `began`; its exit code."""
    with lapse.role_process(role) as process:
        wait_for("a batch is committed", lambda: committed(lapse, role) > began)
        told = time.monotonic()
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)
        assert time.monotonic() - told < END_SECONDS
        return code


def test_state_consumer_and_anonymizer_end_between_two_batches(lapse: Installation) -> None:
    lapse.people(*CUSTOMERS)
    lapse.close_product(*CUSTOMERS)
    assert ended_in_time(lapse, "state", 0) == 0
    assert 0 < contained(lapse) < len(CUSTOMERS)
    assert committed(lapse, "state") == contained(lapse)

    with lapse.roles("state"):
        lapse.wait_until_folded()
    # an event that is read again is published again
    assert lapse.count("state") == len(CUSTOMERS)

    with lapse.roles("ticker"):
        lapse.tick()
    assert ended_in_time(lapse, "anonymizer.crm", 0) == 0
    first = committed(lapse, "anonymizer.crm")
    assert 0 < first < len(CUSTOMERS)
    assert len(lapse.ledger("crm")) == first
    with lapse.roles("anonymizer.crm"):
        wait_for("all are done", lambda: committed(lapse, "anonymizer.crm") == len(CUSTOMERS))
    assert Counter(fields["outcome"] for fields in lapse.results()) == {"DONE": len(CUSTOMERS)}
    assert lapse.anonymized("crm") == set(CUSTOMERS)


def test_signal_ends_a_role_that_waits_for_its_database(lapse: Installation) -> None:
    with proxy(address_of(lapse.url("crm"))) as database:
        database.set("refusing")
        direct, rules = lapse.url("crm"), lapse.folder / "crm.yaml"
        rules.write_text(rules.read_text(encoding="utf-8").replace(direct, through(direct, database.port)), "utf-8")
        with lapse.role_process("anonymizer.crm") as process:
            wait_for("it waits", lambda: '"paused"' in (process.stderr.readline() if process.stderr else ""))
            told = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
            assert time.monotonic() - told < END_SECONDS


def test_second_signal_ends_a_role_at_once(lapse: Installation) -> None:
    with proxy(address_of(lapse.url("crm"))) as database:
        direct, rules = lapse.url("crm"), lapse.folder / "crm.yaml"
        rules.write_text(rules.read_text(encoding="utf-8").replace(direct, through(direct, database.port)), "utf-8")
        database.set("silent")
        with lapse.role_process("anonymizer.crm") as process:
            wait_for("it asks its database", lambda: database.taken > 0)
            told = time.monotonic()
            process.send_signal(signal.SIGTERM)
            time.sleep(0.5)  # two at once may be told as one
            assert process.poll() is None
            process.send_signal(signal.SIGTERM)
            assert process.wait(5) == 128 + signal.SIGTERM
            assert time.monotonic() - told < 5
