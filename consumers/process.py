"""Several roles in one process, a thread each."""

import gc
import random
import threading
from collections.abc import Sequence

import structlog

from consumers.app import App, RoleName
from consumers.domain.errors import PermanentError, TransientError
from consumers.runtime.backoff import backoff
from consumers.runtime.health import Health

ROLES = ("state", "ticker", "anonymizer")
log = structlog.get_logger()


def named_roles(app: App, roles: Sequence[str], service: str | None) -> list[RoleName]:
    """The roles asked for on the command line. PermanentError: there is nothing of that name to run."""
    wanted = ROLES if "all" in roles else tuple(dict.fromkeys(roles))
    unknown = [role for role in wanted if role not in ROLES]
    if unknown:
        raise PermanentError(f"no role {', '.join(unknown)}; choose from {', '.join(ROLES)}, all")
    services = [service] if service else app.services()
    if "anonymizer" in wanted and not services:
        raise PermanentError(f"no rules file in {app.settings.services}/: write one, or name the folder in `services:`")
    return [
        name
        for role in wanted
        for name in ([RoleName(role, each) for each in services] if role == "anonymizer" else [RoleName(role)])
    ]


class Process:
    """Several roles side by side, a thread each; when one fails for good, all stop."""

    def __init__(self, app: App, names: Sequence[RoleName]) -> None:
        self._app, self._names = app, names
        self._stop = threading.Event()
        self._failures: list[tuple[RoleName, BaseException]] = []

    def stop(self) -> None:
        """Finish the batches in hand, then end. Safe in a signal handler."""
        self._stop.set()

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stop.is_set()

    def run(self, *, until_caught_up: bool = False) -> None:
        """Run until stopped or caught up. What one role failed for is raised when all have ended."""
        seldom_look_for_cycles()
        healths = {str(name): Health(self._app.clock) for name in self._names}
        with self._app.health_server(healths):
            threads = [
                threading.Thread(target=self._role, args=(name, healths[str(name)], until_caught_up), name=str(name))
                for name in self._names
            ]
            for thread in threads:
                thread.start()
            _join(threads)
        if self._failures:
            raise self._failures[0][1]

    def _role(self, name: RoleName, health: Health, until_caught_up: bool) -> None:
        try:
            self._until_there(name, health)
            if not self._stop.is_set():
                with self._app.loop(name, health) as loop:
                    loop.run(self._stop.is_set, until_caught_up=until_caught_up)
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that runs the process
            log.error("role_failed", role=str(name), code=getattr(error, "code", type(error).__name__))
            self._failures.append((name, error))
            self._stop.set()

    def _until_there(self, name: RoleName, health: Health) -> None:
        """Wait for the broker and the role's topic to answer. Table and database are waited for by the loop itself."""
        chance, failures = random.Random(), 0  # noqa: S311 - jitter, not a secret
        while not self._stop.is_set():
            health.progressed()
            try:
                self._app.check(name)
            except TransientError as error:
                health.waiting(error.code)
                delay = backoff(failures, chance)
                failures += 1
                log.warning("not_started", role=str(name), code=error.code, retry_in_seconds=round(delay, 3))
                self._stop.wait(delay)
            else:
                break


def _join(threads: Sequence[threading.Thread]) -> None:
    # in slices: a signal handler runs only between calls
    for thread in threads:
        while thread.is_alive():
            thread.join(0.2)


def seldom_look_for_cycles() -> None:
    """Items are many small tuples without cycles: searching them every 700 allocations cost a quarter of all time."""
    gc.set_threshold(50_000, 20, 100)
