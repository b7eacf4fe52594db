"""A server that runs as a process of this machine."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from consumers.local.service import LocalServicesError, Service
from consumers.local.workspace import Workspace, failure

START_SECONDS = 180.0
STOP_SECONDS = 30.0
AGAIN_SECONDS = 5.0  # how long a server that ends at once is started again


@dataclass(frozen=True)
class Program:
    """How to start a server and to see that it is up.

    Attributes:
        name: Names its log.
        argv: The program and its arguments.
        address: Where clients find it.
        answers: Whether it serves by now; called until it does.
        env: Variables added to this process's own.
        user: Run as this user.
        stop: Signal for a clean shutdown.
        end: Signal that ends it with the run; the data are thrown away.
    """

    name: str
    argv: Sequence[str]
    address: str
    answers: Callable[[], bool]
    env: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    stop: signal.Signals = signal.SIGTERM
    end: signal.Signals = signal.SIGKILL


class Daemon(Service):
    """A running `Program`."""

    def __init__(self, workspace: Workspace, program: Program) -> None:
        self._workspace = workspace
        self._program = program
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where clients find it."""
        return self._program.address

    @property
    def log(self) -> Path:
        """The file it prints to."""
        return self._workspace.logs / f"{self._program.name}.log"

    @property
    def pid(self) -> int | None:
        """Process id, or None while it is down."""
        return self._child.pid if self._child and self._child.poll() is None else None

    def start(self) -> "Daemon":
        """Start it and wait until it answers.

        A server that ends within the time is started again: after a kill the old one's port or shared memory may
        still be held for a moment.

        Raises:
            LocalServicesError: It does not answer within a minute; names its log.
        """
        deadline = time.monotonic() + START_SECONDS
        while not self._came_up(deadline):
            if time.monotonic() > deadline - START_SECONDS + AGAIN_SECONDS:
                raise failure(f"{self._program.name} ended while it was starting", self.log)
            time.sleep(0.2)
        return self

    def kill(self) -> None:
        """End it and its own children at once."""
        self._send_all(signal.SIGKILL)
        self._reap(STOP_SECONDS)

    def pause(self) -> None:
        """Freeze it and its own children."""
        self._send_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it and its own children go on."""
        self._send_all(signal.SIGCONT)

    def stop(self) -> None:
        """Shut it down cleanly; kill it if it is not gone in 30 s."""
        self.resume()
        if self.pid:
            _send(self.pid, self._program.stop)
        self._reap(STOP_SECONDS)

    def restart(self) -> None:
        """Stop it if it runs, then start it on its port and data."""
        self.stop()
        self.start()

    def _came_up(self, deadline: float) -> bool:
        program = self._program
        self._child = child = self._workspace.spawn(
            program.argv, self.log, env=program.env, user=program.user, end=program.end
        )
        while child.poll() is None:
            self._workspace.check_open()
            if program.answers():
                return True
            if time.monotonic() > deadline:
                self.kill()
                raise failure(f"{program.name} did not answer within {START_SECONDS:.0f} s", self.log)
            time.sleep(0.03)
        self._workspace.forget(child)
        self._workspace.check_open()
        return False

    def _send_all(self, number: signal.Signals) -> None:
        pid = self.pid
        if pid:
            for each in (pid, *_children(pid)):
                _send(each, number)

    def _reap(self, seconds: float) -> None:
        if self._child:
            try:
                self._child.wait(seconds)
            except subprocess.TimeoutExpired:
                self._send_all(signal.SIGKILL)
                self._child.wait()
            self._workspace.forget(self._child)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on.

    Below the range the kernel hands out to clients: a client that retries the port of a server that is down
    could otherwise connect to itself and keep the server from coming back.
    """
    for _ in range(200):
        port = 10_000 + secrets.randbelow(20_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise LocalServicesError("no free port between 10000 and 30000")


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _children(pid: int) -> list[int]:
    """Direct children, which PostgreSQL puts in sessions of their own; empty where there is no /proc."""
    return [int(entry.parent.name) for entry in Path("/proc").glob("[0-9]*/stat") if _parent(entry) == pid]


def _parent(stat: Path) -> int | None:
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return None
