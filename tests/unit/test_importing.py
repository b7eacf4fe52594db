"""Runs of an import: what is published, and what the next run goes on from."""

import csv
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from consumers.adapters.memory.clock import MemoryClock
from consumers.importing.checking import Checked
from consumers.importing.load import ChangedFileError, Load, opened
from consumers.importing.pace import Pace, next_turn
from consumers.importing.progress import ForeignProgressError, Position
from consumers.importing.publishing import BATCH, Outcome
from producer_client import DEFAULT_PERSONAL_DATA
from producer_client.testing import InMemoryProducer
from tests.support.build import DAY, NOW, SECOND

HEADER = b"customer_id,product,occurred_at,retention_starts_at,not_before\n"
CLOSED = "2024-02-29T00:00+01:00"
TODAY = datetime(2026, 6, 15, 12, tzinfo=UTC)


def new_producer() -> InMemoryProducer:
    return InMemoryProducer(source="old", clock=lambda: TODAY)


class Desk:
    """A file and where its import writes; each `run` is a process of its own."""

    def __init__(self, folder: Path, *lines: bytes) -> None:
        self.file, self.rejects, self.progress = folder / "old.csv", folder / "rejects.csv", folder / "progress"
        self.write(*lines)
        self.producer = new_producer()
        self.clock = MemoryClock(NOW)
        self.checked: Checked | None = None

    def write(self, *lines: bytes) -> None:
        self.file.write_bytes(HEADER + b"".join(line + b"\n" for line in lines))

    def run(
        self,
        *,
        stopped: Callable[[], bool] = lambda: False,
        source: str = "old",
        destination: str = "here",
        per_second: int | None = None,
        step: Callable[[int], None] = lambda _: None,
    ) -> Outcome:
        with opened(self.file) as file:
            load = Load(file, self.rejects, self.progress, source, DEFAULT_PERSONAL_DATA, self.clock)
            self.checked = load.check(lambda _: None)
            begin = load.begin(destination)
            return load.publish(self.producer, begin, per_second, stopped, step)

    def refused(self) -> list[dict[str, str]]:
        return list(csv.DictReader(self.rejects.read_text("utf-8").splitlines())) if self.rejects.exists() else []

    def published(self) -> list[str]:
        return [event.customer_id for event in self.producer.events]


def customer(number: int) -> str:
    return f"c-{number}"


def good(number: int) -> bytes:
    return f"{customer(number)},loan/1,{CLOSED},,".encode()


def many(count: int) -> list[bytes]:
    return [good(number) for number in range(count)]


def all_of(count: int) -> set[str]:
    return {customer(number) for number in range(count)}


def test_import_publishes_good_lines_and_reports_the_refused(tmp_path: Path) -> None:
    desk = Desk(tmp_path, good(1), b"anna@example.com,loan/1,2024-01-01T00:00Z,,", b"", b'"', good(2))
    outcome = desk.run()
    assert (outcome.state, outcome.at.acknowledged) == ("complete", 2)
    assert desk.checked == Checked(good=2, refused=2)
    assert desk.published() == [customer(1), customer(2)]
    assert [(each["line"], each["code"]) for each in desk.refused()] == [("3", "personal_data"), ("5", "not_csv")]
    assert "anna" not in desk.rejects.read_text("utf-8")
    assert not desk.progress.exists()


def test_import_of_good_lines_leaves_no_report_behind(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"wrong")
    desk.run()
    assert desk.refused()
    desk.write(good(1))
    desk.run()
    assert not desk.rejects.exists()


def test_import_run_twice_publishes_the_same_events(tmp_path: Path) -> None:
    desk = Desk(tmp_path, *many(5))
    desk.run()
    first = list(desk.producer.events)
    desk.run()
    assert desk.producer.events == first * 2


def test_import_of_no_lines_is_complete(tmp_path: Path) -> None:
    assert Desk(tmp_path).run() == Outcome(Position(1, len(HEADER), 0), "complete")


def test_import_stopped_finishes_its_batch_and_goes_on_after_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path, *many(3 * BATCH))
    outcome = desk.run(stopped=lambda: len(desk.producer.events) >= BATCH + 10)
    assert outcome.state == "interrupted"
    assert outcome.at.acknowledged == len(desk.producer.events) == BATCH + 10
    assert desk.run().state == "complete"
    assert desk.published() == [customer(number) for number in range(3 * BATCH)]


def test_import_stopped_while_the_broker_is_away_ends_and_passes_nothing(tmp_path: Path) -> None:
    desk = Desk(tmp_path, *many(10))
    desk.producer.broker_away = True
    asked = iter([False] * 5)
    outcome = desk.run(stopped=lambda: next(asked, True))
    assert (outcome.state, outcome.at.acknowledged) == ("interrupted", 0)
    desk.producer = new_producer()
    assert desk.run().state == "complete"
    assert set(desk.published()) == all_of(10)


class Failing(InMemoryProducer):
    """The delivery of one customer's event fails."""

    def __init__(self, customer_id: str) -> None:
        super().__init__(source="old", clock=lambda: TODAY)
        self.customer_id = customer_id

    def schedule(self, customer_id: str, product: str, **more: Any) -> UUID:
        if customer_id == self.customer_id:
            self.fail_next()
        return super().schedule(customer_id, product, **more)


def test_import_with_a_failed_delivery_ends_before_it_and_loses_none(tmp_path: Path) -> None:
    desk = Desk(tmp_path, *many(BATCH + 10))
    desk.producer = Failing(customer(BATCH + 3))
    outcome = desk.run()
    assert (outcome.state, outcome.code, outcome.at.acknowledged) == ("undelivered", "_MSG_TIMED_OUT", BATCH + 3)
    done = set(desk.published())
    assert done == all_of(BATCH + 10) - {customer(BATCH + 3)}
    desk.producer = new_producer()
    assert desk.run().state == "complete"
    assert desk.published() == [customer(BATCH + number) for number in range(3, 10)]


def test_import_waits_where_the_queue_is_full(tmp_path: Path) -> None:
    desk = Desk(tmp_path, *many(5))
    desk.producer.fill_queue(3)
    assert desk.run().state == "complete"
    assert set(desk.published()) == all_of(5)


def interrupted(folder: Path) -> Desk:
    desk = Desk(folder, *many(3 * BATCH))
    assert desk.run(stopped=lambda: len(desk.producer.events) >= BATCH).state == "interrupted"
    return desk


def test_import_of_a_changed_file_is_refused_until_the_progress_is_gone(tmp_path: Path) -> None:
    desk = interrupted(tmp_path)
    desk.write(*many(BATCH * 2))
    with pytest.raises(ForeignProgressError, match=r"delete the progress file"):
        desk.run()
    desk.progress.unlink()
    assert desk.run().state == "complete"


@pytest.mark.parametrize("other", [{"source": "new"}, {"destination": "another cluster"}])
def test_import_is_not_gone_on_with_elsewhere(tmp_path: Path, other: dict[str, Any]) -> None:
    desk = interrupted(tmp_path)
    with pytest.raises(ForeignProgressError):
        desk.run(**other)
    assert len(desk.producer.events) == BATCH


def test_import_refuses_a_progress_file_that_is_none(tmp_path: Path) -> None:
    desk = Desk(tmp_path, good(1))
    desk.progress.write_text("{}", encoding="utf-8")
    with pytest.raises(ForeignProgressError, match="move it away"):
        desk.run()


def test_import_gone_on_with_later_judges_lines_as_the_first_run_did(tmp_path: Path) -> None:
    desk = Desk(tmp_path, b"tomorrow,loan/1,2026-06-16T12:00Z,,", *many(2 * BATCH))
    desk.run(stopped=lambda: len(desk.producer.events) >= BATCH)
    desk.clock = MemoryClock(NOW + 10 * DAY)
    assert desk.run().at.acknowledged == 2 * BATCH
    assert [each["code"] for each in desk.refused()] == ["future"]
    assert set(desk.published()) == all_of(2 * BATCH)


def test_import_ends_when_the_file_changes_under_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path, *many(2 * BATCH))

    def appended(_: int) -> None:
        with desk.file.open("ab") as file:
            file.write(b"another line\n")

    with pytest.raises(ChangedFileError):
        desk.run(step=appended)


def test_import_keeps_progress_with_every_batch(tmp_path: Path) -> None:
    steps: list[int] = []
    assert Desk(tmp_path, *many(2 * BATCH + 5)).run(step=steps.append).at.acknowledged == 2 * BATCH + 5
    assert steps == [BATCH, BATCH, 5]


def test_import_with_a_rate_keeps_to_it_and_closes_a_batch_each_second(tmp_path: Path) -> None:
    desk = Desk(tmp_path, *many(500))
    steps: list[int] = []
    desk.run(per_second=100, step=steps.append)
    assert 4.9 <= (desk.clock.now() - NOW) / SECOND <= 5.0
    assert max(steps) <= 102


@pytest.mark.parametrize(
    ("turn", "now", "following"),
    [(0, 5 * SECOND, 5.1), (5 * SECOND, 4 * SECOND, 5.1), (5 * SECOND, 5 * SECOND, 5.1)],
)
def test_next_turn_makes_up_for_no_lost_time(turn: int, now: int, following: float) -> None:
    assert next_turn(turn, now, 10) == pytest.approx(following * SECOND)


def test_pace_without_a_rate_does_not_wait() -> None:
    clock = MemoryClock(NOW)
    pace = Pace(None, clock)
    for _ in range(10):
        pace.step()
    assert clock.now() == NOW
