"""The demo tells the truth: it fails where a row, an event or a rule is wrong, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from consumers.demo.command import BooksError, run_demo
from consumers.demo.installation import Roles
from consumers.demo.run import Advance, Demo
from consumers.demo.story import RETENTION_DAYS, Statement, customers, is_due
from consumers.domain import due
from consumers.domain.registers import Product
from consumers.domain.retention import Retention, moment
from consumers.local import Services
from producer_client import LapseProducer
from tests.support.build import NOW

COUNT = 40


class OneRowCorrupted(Demo):
    def wait_until_complete(self, roles: Roles, advance: Advance) -> None:
        super().wait_until_complete(roles, advance)
        with self.databases.connect("loans") as database:
            database.execute(
                "UPDATE borrowers SET street = 'elsewhere' WHERE borrower_no ="
                " (SELECT min(borrower_no) FROM borrowers WHERE NOT anonymized)"
            )


class OneRowRestored(Demo):
    def wait_until_complete(self, roles: Roles, advance: Advance) -> None:
        super().wait_until_complete(roles, advance)
        row = next(row for row in self.before["loans", "borrowers"].values() if row["owner"] in self.story.expected)
        with self.databases.connect("loans") as database:
            database.execute("UPDATE borrowers SET name = %s WHERE lapse_id = %s", [row["name"], row["owner"]])


class OneEventDropped(Demo):
    dropped = False

    def say(self, producer: LapseProducer, statement: Statement) -> None:
        if statement.said == "postponed" and not self.dropped:
            self.dropped = True
            return
        super().say(producer, statement)


def ignoring_postpones(product: Product, retention: Retention) -> int:
    return due.scheduled_date(product.schedule, retention) if product.schedule else 0


def test_demo_ends_well_on_the_shared_services(services: Services, capsys: pytest.CaptureFixture[str]) -> None:
    run_demo(services, COUNT, "demo-good")
    told = capsys.readouterr().out
    assert "every number is as the events say" in told
    assert "dead letter" in told


@pytest.mark.parametrize("kind", [OneRowCorrupted, OneRowRestored, OneEventDropped])
def test_demo_fails_where_the_books_are_wrong(services: Services, kind: type[Demo]) -> None:
    with pytest.raises(BooksError):
        run_demo(services, COUNT, f"demo-{kind.__name__.lower()}", kind)


def test_demo_fails_without_the_postpone_check(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due, "product_date", ignoring_postpones)
    with pytest.raises(BooksError):
        run_demo(services, COUNT, "demo-postpones")


def test_demo_ended_by_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    tmp_path.chmod(0o755)
    command = [sys.executable, "-m", "consumers.cli", "demo", "--customers", "20"]
    process = subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "making three databases" in line or "publishing" in line:
            break
    else:
        pytest.fail("the demo ended before it could be interrupted")
    children = descendants(process.pid)
    assert children
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    deadline = time.monotonic() + 20
    while left := [pid for pid in children if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < deadline, f"{len(left)} processes left"
        time.sleep(0.1)


def descendants(pid: int) -> list[int]:
    """Processes below one, Linux only."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *descendants(child)]
    return found


def test_story_expectation_is_what_each_fate_means() -> None:
    now = moment(NOW)
    told = customers(400, now)
    assert {each.fate for each in told if is_due(each.statements, now)} == {"due", "unreadable"}
    assert all(is_due(each.statements, now) for each in told if each.fate == "due")


def test_story_is_the_same_every_time() -> None:
    now = moment(NOW)
    assert customers(50, now) == customers(50, now)
    assert RETENTION_DAYS == 30
