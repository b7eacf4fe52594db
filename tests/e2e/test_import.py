"""100,000 lines, 1 % bad, interrupted twice: the table equals the good lines."""

import csv
import json
import random
import signal
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from consumers.domain.retention import micros
from consumers.importing.publishing import BATCH
from consumers.local import Services
from producer_client.encoding import event_id_in
from tests.support.command_line import Answer, arguments, ended, refused, start
from tests.support.installation import Installation, installation, wait_for

LINES = 100_000
BAD = 1_000
PRODUCTS = 8
"""Of each customer, on following lines."""
FIRST_CLOSED = datetime(2015, 1, 1, tzinfo=UTC)
KINDS_OF_BAD = (
    "anna.{n}@example.com,loan/1,2020-01-01T00:00:00Z,,",
    ",loan/{n},2020-01-01T00:00:00Z,,",
    "u{n},Loan {n},2020-01-01T00:00:00Z,,",
    "u{n},loan/1,2020-01-01,,",
    "u{n},loan/1,2020-13-01T00:00:00Z,,",
    "u{n},loan/1,2999-01-01T00:00:00Z,,",
    "u{n},loan/1",
    '"u{n},loan/1,2020-01-01T00:00:00Z,,',
)

Expected = dict[str, dict[str, tuple[int, int, int | None]]]


def bad_lines(file: Path) -> set[int]:
    """Numbers of the lines that are none of ours."""
    lines = file.read_text("utf-8").splitlines()
    return {number for number, line in enumerate(lines, 1) if number > 1 and not line.startswith("c-")}


def name(number: int) -> str:
    """An opaque id."""
    return f"c-{number}"


def write(file: Path, chance: random.Random) -> Expected:
    """The file; what the table must contain of it: by customer and product occurred_at, start and not_before."""
    expected: Expected = {}
    bad = set(chance.sample(range(LINES), BAD))
    with file.open("w", encoding="utf-8") as target:
        target.write("customer_id,product,occurred_at,retention_starts_at,not_before\n")
        for number in range(LINES):
            if number in bad:
                target.write(KINDS_OF_BAD[number % len(KINDS_OF_BAD)].format(n=number) + "\n")
                continue
            customer, product = name(number // PRODUCTS), f"loan/{number % PRODUCTS}"
            closed = FIRST_CLOSED + timedelta(minutes=number)
            starts = closed + timedelta(days=number % 3)
            until = closed + timedelta(days=5) if number % 7 == 0 else None
            times = [at.isoformat() if at else "" for at in (closed, starts, until)]
            target.write(f"{customer},{product},{','.join(times)}\n")
            expected.setdefault(customer, {})[product] = (
                micros(closed),
                micros(starts),
                micros(until) if until else None,
            )
    return expected


def load(lapse: Installation, file: Path, *words: str) -> Answer:
    """Import to the end."""
    return ended(start(*arguments(lapse, "import", str(file), "--source", "old-system", *words)), 120.0)


def interrupted(lapse: Installation, file: Path, how: signal.Signals, beyond: int) -> Answer:
    """Import until so many lines are acknowledged, then interrupt it."""
    progress = file.with_name(f"{file.name}.progress")

    def acknowledged() -> bool:
        return progress.exists() and json.loads(progress.read_text("utf-8"))["at"][2] >= beyond

    process = start(*arguments(lapse, "import", str(file), "--rate", "20000", "--source", "old-system"))
    wait_for("a part is acknowledged", acknowledged)
    process.send_signal(how)
    return ended(process)


def in_table(lapse: Installation, customers: list[str]) -> Expected:
    """What the table contains of these customers."""
    found: Expected = {}
    with closing(lapse.app.sink()) as sink:
        items = lapse.app.items(sink)
        for at in range(0, len(customers), 1000):
            for customer, stored in items.read(customers[at : at + 1000]).items():
                for product, registers in stored.item.products.items():
                    told = registers.schedule
                    assert told is not None
                    assert told.date is not None
                    found.setdefault(customer, {})[product] = (told.occurred_at, told.date, told.not_before)
    return found


def test_import_interrupted_twice_leaves_the_good_lines_in_the_table(services: Services, tmp_path: Path) -> None:
    file = tmp_path / "old.csv"
    expected = write(file, random.Random(1))
    with installation(services, tmp_path, ("crm",)) as lapse:
        began = time.monotonic()
        refused(interrupted(lapse, file, signal.SIGINT, 30_000), "interrupted: up to line", "goes on after it")
        killed = interrupted(lapse, file, signal.SIGKILL, 60_000)
        assert (killed.code, "going on after line" in killed.err) == (-signal.SIGKILL, True)
        done = load(lapse, file, "--json")
        imported = time.monotonic()
        with lapse.role_process("state", "--until-caught-up") as state:
            assert state.wait(240) == 0
        was_folded = time.monotonic()
        told = json.loads(done.out)
        assert (told["state"], told["lines"], told["acknowledged"], told["refused"]) == (
            "complete",
            LINES,
            LINES - BAD,
            BAD,
        )
        assert done.code == 1
        assert not (tmp_path / "old.csv.progress").exists()
        rejects = list(csv.DictReader((tmp_path / "old.csv.rejects.csv").read_text("utf-8").splitlines()))
        assert {int(row["line"]) for row in rejects} == bad_lines(file)

        unknown = [f"u{number}" for number in range(LINES)]
        assert in_table(lapse, [*expected, *random.Random(2).sample(unknown, 1000)]) == expected
        assert {record.key for record in lapse.records("state")} == {customer.encode() for customer in expected}
        events = lapse.records("events")
        assert len({event_id_in(record.value or b"") for record in events}) == LINES - BAD
        assert len(events) - (LINES - BAD) <= 2 * BATCH
        sys.stderr.write(
            f"imported in {imported - began:.1f} s over three runs, folded in {was_folded - imported:.1f} s, "
            f"{len(events) - (LINES - BAD)} events sent twice\n"
        )
