"""Finds a Python that is new enough. Kept to syntax that an old one understands, so that it can say so."""

from __future__ import annotations

import os
import shutil
import sys

OLDEST = (3, 11)
NEWEST_MINOR = 14


def require_python() -> None:
    """Go on under Python 3.11 or newer: this one, or one from PATH in its place; else end with a message."""
    if sys.version_info >= OLDEST:
        return
    for minor in range(NEWEST_MINOR, OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found:
            os.execv(found, [found, "-m", "deploy.develop", *sys.argv[1:]])  # noqa: S606  # no shell is wanted
    have = ".".join(str(part) for part in sys.version_info[:3])
    sys.exit(f"Lapse needs Python 3.11 or newer; {sys.executable} is {have}, and PATH has no other.")
