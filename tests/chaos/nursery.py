"""Starts `lapse` commands as processes forked from one interpreter that has imported everything already.

A start costs a tenth of a second instead of three: with hundreds of kills on two cores, starting would be most of what
the machine does. Children are signalled by their parent alone, so that no signal can reach another process that got
the number of one that has ended. All end with whoever made the nursery.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

REAP_SECONDS = 0.02
Ended = Callable[[int, int], None]


class Nursery:
    """The parent of all role processes. `close()` kills those that are left."""

    def __init__(self, ended: Ended) -> None:
        self._ended = ended
        self._lock = threading.Lock()
        self._count = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name="nursery", daemon=True)
        self._reader.start()

    def start(self, words: Sequence[str], log: Path, environ: Mapping[str, str]) -> int:
        """Run `lapse` with these words, its output appended to a log; its number. `ended` hears number and exit code.

        `ended` may be called before this returns; the code is negative for a signal.
        """
        with self._lock:
            self._count += 1
            number = self._count
        self._say(start=number, words=list(words), log=str(log), environ=dict(environ))
        return number

    def signal(self, number: int, what: signal.Signals) -> None:
        """Send a signal; nothing where the process has ended."""
        self._say(signal=number, what=int(what))

    def close(self) -> None:
        """End every child at once. A second call changes nothing."""
        assert self._process.stdin is not None
        with self._lock, contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.wait(30)
        self._reader.join(30)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _say(self, **order: Any) -> None:
        assert self._process.stdin is not None
        with self._lock:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            self._ended(told["ended"], told["code"])


class _Parent:
    """The other end: forks, signals and reaps."""

    def __init__(self) -> None:
        self._children: dict[int, int] = {}
        self._unread = b""

    def serve(self) -> dict[str, Any] | None:
        """Serve until the input ends, then kill what is left and return None. Returns an order in its child."""
        while True:
            ready, _, _ = select.select([0], [], [], REAP_SECONDS)
            if ready:
                read = os.read(0, 65_536)
                if not read:
                    self._end()
                    return None
                *lines, self._unread = (self._unread + read).split(b"\n")
                for order in map(json.loads, lines):
                    if self._obey(order):
                        return dict(order)
            self._reap()

    def _obey(self, order: Mapping[str, Any]) -> bool:
        """Whether this is the child."""
        if "signal" in order:
            pid = next((pid for pid, number in self._children.items() if number == order["signal"]), None)
            if pid:
                os.kill(pid, order["what"])
            return False
        pid = os.fork()
        if pid:
            self._children[pid] = order["start"]
        return not pid

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            told = {"ended": self._children.pop(pid), "code": os.waitstatus_to_exitcode(status)}
            os.write(1, json.dumps(told).encode() + b"\n")

    def _end(self) -> None:
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)
        for pid in self._children:
            os.waitpid(pid, 0)


def _become(order: Mapping[str, Any]) -> None:
    """Be the process that was ordered, as if it had been started from a shell."""
    log = os.open(order["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.environ.update(order["environ"])
    sys.argv = ["lapse", *order["words"]]
    main()


if __name__ == "__main__":
    import gc

    from consumers.cli import main

    # what is imported stays: a child that searched it for cycles would copy every page of it
    gc.freeze()
    ordered = _Parent().serve()
    if ordered:
        _become(ordered)
