"""The directory and the processes of one run; neither outlives the process that made them."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from consumers.local import cache
from consumers.local.service import LocalServicesError

# Waits for the end of its input, which comes when its parent ends in whatever way, then clears away what is left.
# `cat` and not `read`: it must not end early, and it inherits the ignored signals.
_GUARDIAN = r"""
trap '' HUP INT TERM
cat >/dev/null
cd /
each() { for file in "$1"/*; do [ -e "$file" ] && "$2" "${file##*/}"; done; }
end() { kill -s "$(cat "$dir/pids/$1")" "$1"; }
kill9() { kill -s KILL "$1"; }
alive() { kill -s 0 "$1" && left=yes; }
drop() { "$python" -c "$remove" "$1"; }
dir=$1 python=$2 remove=$3
each "$dir/pids" end
each "$dir/containers" drop
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  left=; each "$dir/pids" alive; [ "$left" ] || break; sleep 0.1
done
each "$dir/pids" kill9
for _ in 1 2 3 4 5; do rm -rf "$dir" && break; sleep 0.2; done
"""

_REMOVE = "import docker, sys; docker.from_env().api.remove_container(sys.argv[1], force=True, v=True)"

# PR_SET_PDEATHSIG fires when the *thread* that spawned the child ends, so one thread that lives as long as the
# interpreter spawns them all.
_SPAWNER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lapse-spawner")


class Workspace:
    """A new temporary directory and what runs in it.

    A child has its own session, so that a Ctrl-C reaches it only through us. It ends with this process: by the
    parent-death signal where `setpriv` exists, and everywhere by a guardian that also removes the directory.

    Attributes:
        path: The directory; short, and readable by the user the database runs as. Its name is the run's.
        logs: The directory of the logs.
        containers: A directory with one empty file per container, named like it.
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="lapse-", dir=_reachable_directory()))
        self.path.chmod(0o711)
        self.logs = self._folder("logs")
        self._pids = self._folder("pids")
        self.containers = self._folder("containers")
        self._endings: list[Callable[[], None]] = []
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._closed = threading.Event()
        self._guardian = subprocess.Popen(
            ["/bin/sh", "-c", _GUARDIAN, "lapse-guardian", str(self.path), sys.executable, _REMOVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def spawn(
        self,
        argv: Sequence[str],
        log: Path,
        *,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        end: signal.Signals = signal.SIGKILL,
    ) -> subprocess.Popen[bytes]:
        """Start a child that appends its output to `log`.

        Args:
            argv: The program and its arguments.
            log: File for standard output and error.
            env: Variables added to this process's own.
            user: Run as this user; needs root and `setpriv`.
            end: The signal that ends it when the run does.
        """
        command = [*_setpriv(user, end), *argv]
        return _SPAWNER.submit(self._spawn, command, log, {**os.environ, **(env or {})}, end).result()

    def run(self, argv: Sequence[str], log: Path, *, user: str | None = None) -> None:
        """Run a program to its end.

        Raises:
            LocalServicesError: It failed; names the log and quotes its last lines.
        """
        child = self.spawn(argv, log, user=user)
        code = child.wait()
        self.forget(child)
        self.check_open()
        if code:
            raise failure(f"{Path(argv[0]).name} failed with exit code {code}", log)

    def forget(self, child: subprocess.Popen[bytes]) -> None:
        """Take an ended child off the list, before its pid can be another's."""
        self._children.pop(child.pid, None)
        (self._pids / str(child.pid)).unlink(missing_ok=True)

    def at_end(self, ending: Callable[[], None]) -> None:
        """Call this once when the run is closed."""
        self.check_open()
        self._endings.append(ending)

    def check_open(self) -> None:
        """Raise LocalServicesError once the run is being closed; loops that wait call it."""
        if self._closed.is_set():
            raise LocalServicesError("the run was closed while its services were starting")

    def close(self) -> None:
        """End every child and remove the directory. A second call changes nothing."""
        self._closed.set()
        while self._endings:
            self._endings.pop()()
        _SPAWNER.submit(self._end_children).result()
        if self._guardian.stdin:
            self._guardian.stdin.close()
        self._guardian.wait()

    def _folder(self, name: str) -> Path:
        folder = self.path / name
        folder.mkdir()
        return folder

    def _spawn(
        self, command: list[str], log: Path, env: dict[str, str], end: signal.Signals
    ) -> subprocess.Popen[bytes]:
        self.check_open()
        with log.open("ab") as output:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=env,
                cwd=self.path,
                start_new_session=True,
            )
        self._children[child.pid] = child
        (self._pids / str(child.pid)).write_text(end.name.removeprefix("SIG"))
        return child

    def _end_children(self) -> None:
        children = list(self._children.values())
        for child in children:
            _end(child, self._pids / str(child.pid))
        for child in children:
            _reap(child)
            self.forget(child)


def failure(what: str, log: Path, lines: int = 8) -> LocalServicesError:
    """An error that quotes the end of a log, keeps a copy of it that outlives the run, and names the copy."""
    text = log.read_text(errors="replace") if log.exists() else ""
    kept = cache.folder("logs") / log.name
    kept.write_text(text)
    quoted = "\n  ".join(text.splitlines()[-lines:])
    return LocalServicesError(f"{what}; see {kept}\n  {quoted}")


def _setpriv(user: str | None, end: signal.Signals) -> list[str]:
    found = shutil.which("setpriv")
    if not found:
        if user:
            raise LocalServicesError("setpriv is missing (apt-get install util-linux), and root cannot run PostgreSQL")
        return []
    switch = [f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--init-groups"] if user else []
    return [found, *switch, "--pdeathsig", end.name.removeprefix("SIG"), "--"]


def _end(child: subprocess.Popen[bytes], pid_file: Path) -> None:
    signal_name = pid_file.read_text() if pid_file.exists() else "KILL"
    with contextlib.suppress(ProcessLookupError):
        child.send_signal(signal.SIGCONT)
        child.send_signal(signal.Signals[f"SIG{signal_name}"])


def _reap(child: subprocess.Popen[bytes]) -> None:
    try:
        child.wait(timeout=10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _reachable_directory() -> Path:
    """The temporary directory, or `/tmp` where root's own is closed to the user the database runs as."""
    chosen = Path(tempfile.gettempdir()).resolve()
    if os.geteuid() == 0 and not all(folder.stat().st_mode & 0o001 for folder in (chosen, *chosen.parents)):
        return Path("/tmp")  # noqa: S108  # only the parent of a directory made by mkdtemp
    return chosen
