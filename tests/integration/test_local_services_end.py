"""However a process that runs local services ends, nothing of them is left."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

SERVE = """
import signal
from consumers.local import running
with running(progress=lambda line: print("progress", line, flush=True)) as services:
    print("port", services.kafka.address.rpartition(":")[2], flush=True)
    print("port", services.dynamodb.url.rpartition(":")[2], flush=True)
    print("up", flush=True)
    signal.pause()
"""
ENDINGS = [signal.SIGKILL, signal.SIGINT, signal.SIGTERM]
MARK = "LAPSE_TEST_RUN"


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A short path, for the sake of unix sockets, that the user the database runs as can reach."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o711)
        yield Path(made)


@contextmanager
def serving(mark: str, temporary: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", SERVE]
    env = os.environ | {MARK: mark, "TMPDIR": str(temporary)}
    with subprocess.Popen(command, bufsize=0, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env) as process:
        try:
            yield process
        finally:
            process.kill()


def lines_until(process: subprocess.Popen[bytes], word: str, seconds: float = 120) -> list[str]:
    assert process.stdout
    deadline, lines = time.monotonic() + seconds, [""]
    while not lines[-1].startswith(word):
        assert select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))[0], lines
        line = process.stdout.readline().decode()
        assert line, f"it ended after {lines}"
        lines.append(line.strip())
    return lines[1:]


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "still not so"
        time.sleep(0.05)


def marked_processes(mark: str) -> list[str]:
    """Command lines of what was started with this mark in its environment; a zombie has none."""
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{MARK}={mark}".encode() in (directory / "environ").read_bytes():
                found.append((directory / "cmdline").read_text())
    return found


def is_open(port: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(port))) == 0


@pytest.mark.parametrize("ending", ENDINGS)
def test_end_of_the_parent_leaves_nothing(ending: signal.Signals, temporary: Path) -> None:
    mark = uuid.uuid4().hex
    with serving(mark, temporary) as process:
        facts = [line.split() for line in lines_until(process, "up")]
        ports = [fact[1] for fact in facts if fact[0] == "port"]
        assert list(temporary.iterdir())
        assert all(is_open(port) for port in ports)
        process.send_signal(ending)
        process.wait(30)
    wait_until(lambda: not any(map(is_open, ports)))
    wait_until(lambda: not marked_processes(mark))
    wait_until(lambda: not list(temporary.iterdir()))


@pytest.mark.parametrize("ending", ENDINGS)
def test_end_of_the_parent_while_it_starts_leaves_nothing(ending: signal.Signals, temporary: Path) -> None:
    mark = uuid.uuid4().hex
    with serving(mark, temporary) as process:
        lines_until(process, "progress")
        process.send_signal(ending)
        process.wait(30)
    wait_until(lambda: not marked_processes(mark))
    wait_until(lambda: not list(temporary.iterdir()))
