"""Starts services beside each other and ends them together."""

import functools
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager

from consumers.local import dynamodb, kafka, mariadb, postgres
from consumers.local.choice import chosen_backend, named_backend
from consumers.local.service import KINDS, Backend, Kind, LocalServicesError, Service, Services
from consumers.local.workspace import Workspace

_Starter = Callable[[], Service]


def _silent(_line: str) -> None: ...


@contextmanager
def running(
    *kinds: Kind, backend: Backend | None = None, durable: bool = False, progress: Callable[[str], None] = _silent
) -> Iterator[Services]:
    """Run real services on this machine for the time of a `with` block.

    They listen on 127.0.0.1 or a unix socket, on ports and in directories of their own, so that two runs do not
    disturb each other. At the end, and whatever ends this process, they are gone with all their data.

    Args:
        kinds: What to start; everything if none is named. They start beside each other.
        backend: Containers or processes; `chosen_backend()` if it is not named.
        durable: DynamoDB keeps its tables when it is killed.
        progress: Called with one line per step, from several threads.

    Raises:
        LocalServicesError: Something is missing or does not start; names its log.
    """
    wanted = kinds or KINDS
    chosen = _ready_backend(wanted, backend, progress)
    workspace = Workspace()
    try:
        table = _containers(workspace, durable) if chosen == "containers" else _processes(workspace, progress, durable)
        starters = {kind: table[kind] for kind in wanted}
        yield Services(chosen, workspace.logs, _start(starters, workspace, progress))
    finally:
        workspace.close()


def _ready_backend(kinds: Sequence[Kind], backend: Backend | None, progress: Callable[[str], None]) -> Backend:
    """The backend to use, its images fetched; where nobody asked for containers, processes if that fails."""
    chosen = backend or chosen_backend()
    if chosen == "processes":
        return chosen
    from consumers.local import container, containers  # noqa: PLC0415  # testcontainers is an extra

    try:
        container.fetch([containers.IMAGES[kind] for kind in kinds], progress)
    except LocalServicesError as error:
        if backend or named_backend():
            raise
        progress(f"{error}; starting plain processes instead")
        return "processes"
    return chosen


def _containers(workspace: Workspace, durable: bool) -> dict[Kind, _Starter]:
    from consumers.local import containers  # noqa: PLC0415  # as above

    return {kind: functools.partial(containers.start, kind, workspace, durable=durable) for kind in KINDS}


def _processes(workspace: Workspace, progress: Callable[[str], None], durable: bool) -> dict[Kind, _Starter]:
    return {
        "kafka": functools.partial(kafka.start, workspace, progress),
        "dynamodb": functools.partial(dynamodb.start, workspace, progress, durable=durable),
        "postgres": functools.partial(postgres.start, workspace, progress),
        "mariadb": functools.partial(mariadb.start, workspace, progress),
    }


def _start(
    starters: dict[Kind, _Starter], workspace: Workspace, progress: Callable[[str], None]
) -> dict[Kind, Service]:
    began = time.monotonic()
    started: dict[Kind, Service] = {}
    with ThreadPoolExecutor(max_workers=len(starters)) as pool:
        futures = {pool.submit(starter): kind for kind, starter in starters.items()}
        try:
            for future in as_completed(futures):
                started[futures[future]] = future.result()
                progress(f"{futures[future]}: up after {time.monotonic() - began:.1f} s")
        except BaseException:
            workspace.close()  # ends what the other threads wait for
            raise
    return started
