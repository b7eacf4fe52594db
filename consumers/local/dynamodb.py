"""A DynamoDB endpoint: ministack by default, Amazon's DynamoDB Local where the data must survive a kill."""

import functools
import http.client
from collections.abc import Callable
from urllib.parse import urlsplit

from consumers.local import maven, python_packages
from consumers.local.daemon import Daemon, Program, free_port
from consumers.local.service import LocalServicesError
from consumers.local.workspace import Workspace

_SERVER = "software.amazon.dynamodb.services.local.main.ServerRunner"


def start(workspace: Workspace, progress: Callable[[str], None], *, durable: bool = False) -> Daemon:
    """Start an endpoint for DynamoDB (ministack: and S3) on a free port.

    Args:
        workspace: Where it runs.
        progress: Told of downloads.
        durable: Tables survive a kill. Takes DynamoDB Local, which needs Java and binds every interface.
    """
    if durable:
        return _dynamodb_local(workspace, progress)
    try:
        return _ministack(workspace, progress)
    except LocalServicesError as error:
        workspace.check_open()
        progress(f"dynamodb: taking DynamoDB Local, ministack failed: {error}")
        return _dynamodb_local(workspace, progress)


def _ministack(workspace: Workspace, progress: Callable[[str], None]) -> Daemon:
    home = python_packages.environment("ministack", workspace, progress)
    port = free_port()
    env = {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "SERVICES": "dynamodb,s3",
        "LOG_LEVEL": "WARNING",
        "TMPDIR": str(workspace.path),  # it leaves a pid file
        "S3_DATA_DIR": str(workspace.path / "s3"),
        "DOCKER_HOST": f"unix://{workspace.path}/none",  # at its end it would look for containers of its own
        "PYTHONPATH": "",
    }
    url = f"http://127.0.0.1:{port}"
    command = [str(home / "bin" / "python"), "-m", "ministack"]
    return Daemon(workspace, Program("dynamodb", command, url, functools.partial(answers, url), env)).start()


def _dynamodb_local(workspace: Workspace, progress: Callable[[str], None]) -> Daemon:
    libs = maven.jars("dynamodb-local", workspace, progress)
    data = workspace.path / "dynamodb"
    data.mkdir()
    port = free_port()
    classpath = ":".join(sorted(str(jar) for jar in libs.glob("*.jar")))
    jvm = [maven.java(), "-Xmx256m", *maven.JVM, f"-Djava.library.path={libs}"]
    options = ["-port", str(port), "-sharedDb", "-dbPath", str(data), "-disableTelemetry"]
    url = f"http://127.0.0.1:{port}"
    program = Program("dynamodb", [*jvm, "-cp", classpath, _SERVER, *options], url, functools.partial(answers, url))
    return Daemon(workspace, program).start()


def answers(url: str) -> bool:
    """Whether a server answers there; with what does not matter, as both refuse what is not signed."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=2)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True
