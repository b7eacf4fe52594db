"""Fault points: a process can be told to die at a named place, so that a test need not be lucky.

`LAPSE_FAULT=point:action`; actions: `kill` (SIGKILL to itself) and `hang` (until killed). Nothing by default.
"""

import os
import signal
import sys

from consumers.domain.errors import PermanentError


class NoFaults:
    """The usual case."""

    def reach(self, point: str) -> None:
        """Go on."""


class Fault:
    """One point, one action."""

    def __init__(self, point: str, action: str) -> None:
        if action not in {"kill", "hang"}:
            raise PermanentError(f"LAPSE_FAULT: unknown action {action!r}; use kill or hang")
        self._point, self._action = point, action

    def reach(self, point: str) -> None:
        """Act if this is the point; say so first, for whoever waits for it."""
        if point != self._point:
            return
        print(f"fault point {point} reached", file=sys.stderr, flush=True)  # noqa: T201 - the logs may be buffered
        if self._action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        while True:
            signal.pause()


def faults_from(text: str | None) -> NoFaults | Fault:
    """The fault points of `LAPSE_FAULT`."""
    if not text:
        return NoFaults()
    point, _, action = text.partition(":")
    return Fault(point, action)
