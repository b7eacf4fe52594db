import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.local import LocalServicesError, chosen_backend, daemon
from consumers.local.daemon import Daemon, Program, free_port
from consumers.local.workspace import Workspace

ECHO = """
import socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("listening", flush=True)
while True:
    client, _ = server.accept()
    client.sendall(client.recv(1))
"""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    monkeypatch.setenv("LAPSE_CACHE", str(tmp_path))
    made = Workspace()
    yield made
    made.close()


def echoes(port: int, seconds: float = 1.0) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), seconds) as client:
            client.sendall(b"x")
            return client.recv(1) == b"x"
    except OSError:
        return False


def echo_server(workspace: Workspace, port: int) -> Daemon:
    argv = [sys.executable, "-c", ECHO, str(port)]
    return Daemon(workspace, Program("echo", argv, f"127.0.0.1:{port}", lambda: echoes(port)))


def test_daemon_restarts_on_its_port_after_a_kill(workspace: Workspace) -> None:
    port = free_port()
    server = echo_server(workspace, port).start()
    first = server.pid
    server.kill()
    assert server.pid is None
    assert not echoes(port)
    server.restart()
    assert server.pid != first
    assert echoes(port)


def test_daemon_does_not_answer_while_paused(workspace: Workspace) -> None:
    port = free_port()
    server = echo_server(workspace, port).start()
    server.pause()
    assert not echoes(port, seconds=0.2)
    server.resume()
    assert echoes(port, seconds=5)


def test_daemon_stops_while_paused(workspace: Workspace) -> None:
    server = echo_server(workspace, free_port()).start()
    server.pause()
    server.stop()
    assert server.pid is None


def test_daemon_that_ends_quotes_its_log_and_keeps_it(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "AGAIN_SECONDS", 0)
    program = Program("broken", [sys.executable, "-c", "print('no such disk')"], "", lambda: False)
    with pytest.raises(LocalServicesError, match="no such disk") as raised:
        Daemon(workspace, program).start()
    assert str(tmp_path / "logs" / "broken.log") in str(raised.value)


def test_workspace_removes_its_directory_and_processes(workspace: Workspace) -> None:
    child = workspace.spawn([sys.executable, "-c", "input()"], workspace.logs / "log", end=signal.SIGKILL)
    workspace.close()
    assert child.returncode is not None
    assert not workspace.path.exists()


def test_workspace_starts_nothing_once_closed(workspace: Workspace) -> None:
    workspace.close()
    with pytest.raises(LocalServicesError):
        workspace.spawn(["true"], workspace.path / "log")


def test_chosen_backend_is_the_named_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAPSE_BACKEND", "containers")
    assert chosen_backend() == "containers"


def test_chosen_backend_refuses_a_name_it_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAPSE_BACKEND", "podman")
    with pytest.raises(LocalServicesError, match="podman"):
        chosen_backend()


def test_chosen_backend_without_docker_and_java_names_the_install_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LAPSE_BACKEND", raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(LocalServicesError, match="apt-get install openjdk-17-jre-headless maven"):
        chosen_backend()
