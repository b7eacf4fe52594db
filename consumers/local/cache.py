"""What is downloaded or made once per machine: jars, virtual environments, a formatted broker's snapshot."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def root() -> Path:
    """`LAPSE_CACHE`, or `lapse` in the user's cache directory; made if it is missing."""
    chosen = os.environ.get("LAPSE_CACHE")
    base = Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lapse"
    base.mkdir(parents=True, exist_ok=True)
    return base.resolve()


def folder(name: str) -> Path:
    """A directory of the cache that anybody may fill."""
    path = root() / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def prepared(name: str, make: Callable[[Path], None]) -> Path:
    """The directory `name` of the cache, made by `make` if it is not there.

    Either whole or absent: `make` fills a directory beside it that is renamed at the end. Of two processes one
    makes it and the other waits.
    """
    target = root() / name
    if target.is_dir():
        return target
    with _locked(name):
        if not target.is_dir():
            _make(target, make)
    return target


def _make(target: Path, make: Callable[[Path], None]) -> None:
    building = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        make(building)
        building.chmod(0o755)
        building.rename(target)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise


@contextmanager
def _locked(name: str) -> Iterator[None]:
    with (folder("locks") / name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
