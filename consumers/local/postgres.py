"""PostgreSQL as a process of this machine, on a unix socket in a directory of its own."""

import functools
import os
import shutil
import signal
from collections.abc import Callable
from urllib.parse import quote

import psycopg

from consumers.local import postgres_binaries
from consumers.local.daemon import Daemon, Program
from consumers.local.workspace import Workspace

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    # Nothing here outlives a power cut, but commits must outlive a kill: so synchronous_commit stays on.
    "fsync": "off",
    # Segments in the data directory, not in /dev/shm: nothing is left when it is killed.
    "dynamic_shared_memory_type": "mmap",
}


def start(workspace: Workspace, progress: Callable[[str], None]) -> Daemon:
    """Start an empty server; its superuser is `postgres`, without a password, for this user alone."""
    binaries = postgres_binaries.find(workspace, progress)
    user = _unprivileged()
    home = workspace.path / "pg"
    home.mkdir()
    if user:
        shutil.chown(home, user)
    data = home / "data"
    layout = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"]
    workspace.run([str(binaries / "initdb"), "-D", str(data), *layout], workspace.logs / "initdb.log", user=user)
    settings = [part for key, value in _SETTINGS.items() for part in ("-c", f"{key}={value}")]
    conninfo = f"postgresql://postgres@/postgres?host={quote(str(home))}"
    program = Program(
        name="postgres",
        argv=[str(binaries / "postgres"), "-D", str(data), "-k", str(home), *settings],
        address=conninfo.replace("postgresql:", "postgresql+psycopg:"),
        answers=functools.partial(answers, conninfo),
        user=user,
        stop=signal.SIGINT,  # "fast": does not wait for clients
        end=signal.SIGQUIT,  # "immediate", yet it gives its shared memory back
    )
    return Daemon(workspace, program).start()


def _unprivileged() -> str | None:
    """The user to run as: PostgreSQL refuses root."""
    return postgres_binaries.user() if os.geteuid() == 0 else None


def answers(conninfo: str) -> bool:
    """Whether a server lets us in by this libpq URL."""
    try:
        psycopg.connect(conninfo, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
