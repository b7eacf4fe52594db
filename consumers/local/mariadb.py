"""MariaDB as a process of this machine, on a port of 127.0.0.1, its data in a directory of its own."""

import functools
import os
import pwd
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

import pymysql

from consumers.local.daemon import Daemon, Program, free_port
from consumers.local.service import LocalServicesError
from consumers.local.workspace import Workspace

INSTALL = "install MariaDB's server programs: apt-get install mariadb-server-core mariadb-client-core"
_PATH = f"{os.defpath}:/usr/sbin:/usr/local/sbin"  # servers are not on every user's PATH


def start(workspace: Workspace, progress: Callable[[str], None]) -> Daemon:
    """Start an empty server; its administrator is `lapse`, with a password of this run.

    Raises:
        LocalServicesError: MariaDB's programs are missing and could not be installed.
    """
    server, installer = _programs(workspace, progress)
    user = _unprivileged()
    home = workspace.path / "mariadb"
    home.mkdir()
    password, port = secrets.token_hex(16), free_port()
    accounts = home / "accounts.sql"
    accounts.write_text(
        f"CREATE USER IF NOT EXISTS lapse@'127.0.0.1' IDENTIFIED BY '{password}';\n"
        "GRANT ALL ON *.* TO lapse@'127.0.0.1' WITH GRANT OPTION;\n"
    )
    if user:
        for each in (home, accounts):
            shutil.chown(each, user)
    data = home / "data"
    # nobody else of this machine gets in: root by the socket alone
    layout = ["--no-defaults", f"--datadir={data}", "--skip-test-db", "--auth-root-authentication-method=socket"]
    layout.append(f"--tmpdir={home}")  # the caller's may be none that this user can write to
    workspace.run([installer, *layout], workspace.logs / "mariadb-install.log", user=user)
    # without TLS, which the server does not have either: the client would read all of this machine's certificates for
    # each connection
    address = f"mysql+pymysql://lapse:{password}@127.0.0.1:{port}/mysql?charset=utf8mb4&ssl_disabled=1"
    program = Program(
        name="mariadb",
        argv=[server, *_settings(home, port)],
        address=address,
        answers=functools.partial(answers, port, "lapse", password),
        user=user,
    )
    return Daemon(workspace, program).start()


def answers(port: int, user: str, password: str) -> bool:
    """Whether a server lets us in."""
    try:
        pymysql.connect(
            host="127.0.0.1", port=port, user=user, password=password, connect_timeout=2, ssl_disabled=True
        ).close()
    except pymysql.MySQLError:
        return False
    return True


def _settings(home: Path, port: int) -> list[str]:
    return [
        "--no-defaults",
        f"--datadir={home / 'data'}",
        f"--init-file={home / 'accounts.sql'}",
        f"--socket={home / 'socket'}",
        f"--pid-file={home / 'pid'}",
        # in a directory shared with others, the start of another server deletes this one's temporary files
        f"--tmpdir={home}",
        f"--port={port}",
        "--bind-address=127.0.0.1",
        "--skip-name-resolve",
        # Nothing here outlives a power cut, but commits must outlive a kill: written at commit, not synchronized.
        "--innodb-flush-log-at-trx-commit=2",
        "--innodb-log-file-size=16M",
        "--innodb-buffer-pool-size=64M",
    ]


def _programs(workspace: Workspace, progress: Callable[[str], None]) -> tuple[str, str]:
    found = _installed()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        _install_debian(workspace, progress)
        found = _installed()
    if found is None:
        raise LocalServicesError(f"MariaDB is not here: {INSTALL}")
    return found


def _installed() -> tuple[str, str] | None:
    server = shutil.which("mariadbd") or shutil.which("mariadbd", path=_PATH)
    installer = shutil.which("mariadb-install-db") or shutil.which("mariadb-install-db", path=_PATH)
    return (server, installer) if server and installer else None


def _install_debian(workspace: Workspace, progress: Callable[[str], None]) -> None:
    progress("mariadb: installing Debian's packages, once")
    apt = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
    log = workspace.logs / "apt-mariadb.log"
    workspace.run([*apt, "update"], log)
    packages = ["mariadb-server-core", "mariadb-client-core"]
    workspace.run([*apt, "install", "--yes", "--no-install-recommends", *packages], log)


def _unprivileged() -> str | None:
    """The user to run as: MariaDB refuses root."""
    if os.geteuid() != 0:
        return None
    return "mysql" if "mysql" in {entry.pw_name for entry in pwd.getpwall()} else "nobody"
