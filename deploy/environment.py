"""Makes `.venv` from the locked requirements: nothing without a hash is downloaded, nothing else is built."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
VENV = REPOSITORY / ".venv"
LOCK = REPOSITORY / "requirements" / "dev.txt"
PROJECTS = (REPOSITORY, REPOSITORY / "producer_client")
_STAMP = VENV / "lapse-locked"


def ensure() -> None:
    """Bring `.venv` up to date with the lock; returns at once when it is."""
    cache = REPOSITORY / ".cache"
    cache.mkdir(exist_ok=True)
    with (cache / "environment.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two first runs at once
        if not _current():
            print("making .venv from requirements/dev.txt", flush=True)
            _make()
            _STAMP.write_text(_digest())


def variables() -> dict[str, str]:
    """The environment of a target: the virtual environment first, the repository's own cache."""
    own = {
        "VIRTUAL_ENV": str(VENV),
        "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "LAPSE_CACHE": os.environ.get("LAPSE_CACHE", str(REPOSITORY / ".cache")),
        "PYTHONNOUSERSITE": "1",
    }
    return {**os.environ, **own}


def _current() -> bool:
    return (VENV / "bin" / "python").exists() and _STAMP.exists() and _STAMP.read_text() == _digest()


def _digest() -> str:
    files = [LOCK, *(project / "pyproject.toml" for project in PROJECTS)]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()


def _make() -> None:
    python = str(VENV / "bin" / "python")
    uv = shutil.which("uv")
    if not Path(python).exists():
        _run([uv, "venv", "--quiet", "--python", sys.executable, str(VENV)] if uv else _standard_venv())
    pip = [uv, "pip", "install", "--quiet", "--python", python] if uv else [python, "-m", "pip", "install", "--quiet"]
    _run([*pip, "--require-hashes", "--no-deps", "-r", str(LOCK)])
    editable = [part for project in PROJECTS for part in ("--editable", str(project))]
    # The build backend comes from the lock, so the build needs no isolated environment with unlocked downloads.
    _run([*pip, "--no-deps", "--no-build-isolation", *editable])


def _standard_venv() -> list[str]:
    if find_spec("ensurepip") is None:
        sys.exit("Python's venv module is incomplete: apt-get install python3-venv, or install uv")
    return [sys.executable, "-m", "venv", str(VENV)]


def _run(command: list[str]) -> None:
    environment = {**os.environ, "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, check=False)
    if done.returncode:
        sys.exit(f"making .venv failed: {' '.join(command)}")
