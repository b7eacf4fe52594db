"""A server that runs in a container, published on 127.0.0.1 of this machine."""

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from docker.errors import APIError, DockerException  # type: ignore[import-untyped]  # publishes no types
from testcontainers.core.docker_client import DockerClient

from consumers.local.daemon import START_SECONDS
from consumers.local.service import LocalServicesError, Service
from consumers.local.workspace import Workspace, failure


@dataclass(frozen=True)
class Image:
    """How to start a server from an image and to see that it is up.

    Attributes:
        name: Names its log and, with the run's name, its container.
        reference: Image and version.
        ports: Container port to port of 127.0.0.1; chosen by us, so that a restart keeps it.
        address: Where clients find it.
        answers: Whether it serves by now; called until it does.
        env: Its variables.
        command: Its command, if not the image's own.
    """

    name: str
    reference: str
    ports: dict[int, int]
    address: str
    answers: Callable[[], bool]
    env: dict[str, str]
    command: Sequence[str] = ()


class Container(Service):
    """A running `Image`. Its data stay in it until the end of the run."""

    def __init__(self, workspace: Workspace, image: Image) -> None:
        self._workspace = workspace
        self._image = image
        self._client = DockerClient()
        self._follower: threading.Thread | None = None
        self._name = f"{workspace.path.name}-{image.name}"
        workspace.containers.joinpath(self._name).touch()  # before it exists: the guardian may have to remove it
        workspace.at_end(self._remove)
        self._container = self._client.create(
            image.reference,
            list(image.command) or None,
            environment=image.env,
            ports={f"{inside}/tcp": ("127.0.0.1", outside) for inside, outside in image.ports.items()},
            labels={"lapse.run": workspace.path.name},
            name=self._name,
        )

    @property
    def address(self) -> str:
        """Where clients find it."""
        return self._image.address

    @property
    def log(self) -> Path:
        """The file its output is copied to while it runs."""
        return self._workspace.logs / f"{self._image.name}.log"

    @property
    def pid(self) -> int | None:
        """None: its processes are the engine's."""
        return None

    def start(self) -> "Container":
        """Start it and wait until it answers.

        Raises:
            LocalServicesError: It does not answer within a minute, or ended; names its log.
        """
        deadline = time.monotonic() + START_SECONDS
        self._container.start()
        self._follower = threading.Thread(target=self._follow, daemon=True)
        self._follower.start()
        while not self._image.answers():
            self._workspace.check_open()
            if time.monotonic() > deadline or not self._runs():
                self._follower.join(1)
                raise failure(f"{self._image.name} did not come up in its container", self.log)
            time.sleep(0.05)
        return self

    def kill(self) -> None:
        """End its processes at once."""
        if self._runs():
            self._container.kill()
            self._container.wait()

    def pause(self) -> None:
        """Freeze its processes."""
        self._container.pause()

    def resume(self) -> None:
        """Let them go on."""
        with contextlib.suppress(APIError):  # it is not paused
            self._container.unpause()

    def stop(self) -> None:
        """Stop it by its own stop signal; kill it if that takes more than 30 s."""
        self.resume()
        self._container.stop(timeout=30)

    def restart(self) -> None:
        """Stop it if it runs, then start it with its data on its port."""
        self.stop()
        self.start()

    def _follow(self) -> None:
        """Copy everything it has printed, from its first start on, until it stops."""
        with contextlib.suppress(DockerException, OSError), self.log.open("wb", buffering=0) as output:
            for chunk in self._container.logs(stream=True, follow=True):
                output.write(chunk)

    def _runs(self) -> bool:
        self._container.reload()
        return self._container.status in {"running", "paused", "restarting"}

    def _remove(self) -> None:
        with contextlib.suppress(DockerException):
            self._client.client.api.remove_container(self._name, force=True, v=True)
        if self._follower:
            self._follower.join(5)
        self._workspace.containers.joinpath(self._name).unlink(missing_ok=True)
        self._client.client.close()


def fetch(references: Sequence[str], progress: Callable[[str], None]) -> None:
    """Pull the images the engine does not have.

    Raises:
        LocalServicesError: The engine or its registry did not give one.
    """
    try:
        client = DockerClient().client
        with contextlib.closing(client):
            present = {tag for image in client.images.list() for tag in image.tags}
            for reference in references:
                if reference not in present:
                    progress(f"pulling {reference}, once")
                    client.images.pull(reference)
    except DockerException as error:
        raise LocalServicesError(f"the Docker engine gave no images: {error}") from error
