"""A TCP proxy in front of a server of the session, that can refuse or fall silent as a network would."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url

Mode = Literal["open", "refusing", "silent"]
Address = tuple[str, int] | str
CHUNK = 65_536
SLICE_SECONDS = 0.05


class Proxy:
    """Forwards connections on a port of its own. Use `proxy()`.

    `refusing`: connections there are reset, new ones are closed at once. `silent`: connections stay, and are taken,
    but no byte passes any more.
    """

    def __init__(self, target: Address) -> None:
        self._target = target
        self._mode: Mode = "open"
        self._closed = False
        self.taken = 0
        """How many connections were taken, whatever became of them."""
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(SLICE_SECONDS)
        self.port: int = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def set(self, mode: Mode) -> None:
        """Behave so from now on."""
        self._mode = mode

    def close(self) -> None:
        """Take no more connections and drop those that are there."""
        self._closed = True
        self._thread.join(5)
        self._server.close()

    def _accept(self) -> None:
        while not self._closed:
            with contextlib.suppress(TimeoutError):
                client = self._server.accept()[0]
                self.taken += 1
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if self._mode == "refusing":
                return
            with _connected(self._target) as server:
                _without_delay(client, server)
                back = threading.Thread(target=self._forward, args=(server, client), daemon=True)
                back.start()
                self._forward(client, server)
                back.join(5)

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        """Pass bytes on until one side is done; then both are shut, so that the other direction ends too."""
        source.settimeout(SLICE_SECONDS)
        with contextlib.suppress(OSError):
            while not self._closed and self._mode != "refusing":
                if self._mode == "open" and not self._pass_on(source, sink):
                    break
                if self._mode == "silent":
                    threading.Event().wait(SLICE_SECONDS)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> bool:
        try:
            read = source.recv(CHUNK)
        except TimeoutError:
            return True
        if read:
            sink.sendall(read)
        return bool(read)


def _without_delay(*sockets: socket.socket) -> None:
    """Else a request in two parts waits 40 ms for an acknowledgement between them."""
    for each in sockets:
        if each.family != socket.AF_UNIX:
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _connected(target: Address) -> socket.socket:
    if isinstance(target, str):
        server = socket.socket(socket.AF_UNIX)
        server.connect(target)
        return server
    return socket.create_connection(target, 5)


@contextmanager
def proxy(target: Address) -> Iterator[Proxy]:
    """A proxy for the time of a block."""
    made = Proxy(target)
    try:
        yield made
    finally:
        made.close()


def address_of(url: str) -> Address:
    """Where the server of an http or PostgreSQL URL listens: host and port, or the path of its socket."""
    if url.startswith("http"):
        parts = urlsplit(url)
        return parts.hostname or "", parts.port or 80
    database = make_url(url)
    folder = database.query.get("host")
    if isinstance(folder, str):
        return f"{folder}/.s.PGSQL.{database.port or 5432}"
    return database.host or "", database.port or 5432


def through(url: str, port: int) -> str:
    """The same URL by way of a proxy on this port."""
    if url.startswith("http"):
        return f"http://127.0.0.1:{port}"
    there = make_url(url).set(host="127.0.0.1", port=port, query={})
    return there.render_as_string(hide_password=False)
