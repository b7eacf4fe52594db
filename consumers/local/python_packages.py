"""Virtual environments of Python servers, apart from ours: their pins would hold ours back."""

import hashlib
import shutil
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from consumers.local import cache
from consumers.local.workspace import Workspace


def environment(name: str, workspace: Workspace, progress: Callable[[str], None]) -> Path:
    """The virtual environment with what the package's `NAME.txt` locks by hash; made on first use.

    Raises:
        LocalServicesError: It could not be made.
    """
    lock = resources.files("consumers.local").joinpath(f"{name}.txt").read_bytes()

    def make(target: Path) -> None:
        progress(f"{name}: installing it into the cache, once")
        requirements = target / "requirements.txt"
        requirements.write_bytes(lock)
        for command in _commands(target, requirements):
            workspace.run(command, workspace.logs / f"{name}-install.log")

    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return cache.prepared(f"{name}-{hashlib.sha256(lock).hexdigest()[:12]}-py{version}", make)


def _commands(target: Path, requirements: Path) -> list[list[str]]:
    python = str(target / "bin" / "python")
    install = ["install", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", str(requirements)]
    uv = shutil.which("uv")
    if uv:
        make = [uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(target)]
        return [make, [uv, "pip", *install, "--python", python]]
    return [[sys.executable, "-m", "venv", str(target)], [python, "-m", "pip", *install]]
