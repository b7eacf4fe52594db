"""Which backend runs the services: containers where a Docker engine answers, else processes."""

import contextlib
import os
import shutil
import socket
from importlib.util import find_spec
from typing import get_args

from consumers.local import maven
from consumers.local.service import Backend, LocalServicesError


def chosen_backend() -> Backend:
    """What `running` takes when it is not told.

    `LAPSE_BACKEND` decides; without it a Docker engine that answers, else Java for plain processes.

    Raises:
        LocalServicesError: `LAPSE_BACKEND` is not a backend, or neither Docker nor Java is here.
    """
    named = named_backend()
    if named:
        return named
    if _docker_answers():
        return "containers"
    if shutil.which("java"):
        return "processes"
    raise LocalServicesError(f"no Docker engine answers, and for plain processes java is missing: {maven.INSTALL}")


def named_backend() -> Backend | None:
    """The backend `LAPSE_BACKEND` names, if it names one."""
    value = os.environ.get("LAPSE_BACKEND")
    known: dict[str, Backend] = {backend: backend for backend in get_args(Backend)}
    if value and value not in known:
        raise LocalServicesError(f"LAPSE_BACKEND is {value!r}; it can be {' or '.join(known)}")
    return known[value] if value else None


def _docker_answers() -> bool:
    """Whether an engine of this machine answers; the ports of another's could not be reached on 127.0.0.1."""
    endpoint = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    if find_spec("testcontainers") is None or not endpoint.startswith("unix://"):
        return False
    # By hand: docker's own client leaves its socket open when nothing answers.
    with socket.socket(socket.AF_UNIX) as engine, contextlib.suppress(OSError):
        engine.settimeout(5)
        engine.connect(endpoint.removeprefix("unix://"))
        engine.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
        return b" 200 " in engine.recv(100)
    return False
