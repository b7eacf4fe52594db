"""`/livez`, `/readyz` and `/metrics` over HTTP."""

import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from consumers.adapters.metrics import PrometheusMetrics
from consumers.runtime.health import Health
from consumers.runtime.measures import READY


class HealthServer:
    """Answers for all roles of a process: live if every loop makes progress, ready if none waits."""

    def __init__(
        self, port: int, roles: Mapping[str, Health], metrics: PrometheusMetrics, host: str = "127.0.0.1"
    ) -> None:
        self._server = ThreadingHTTPServer((host, port), _handler(roles, metrics))
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and free the port."""
        self._server.shutdown()
        self._server.server_close()


def _handler(roles: Mapping[str, Health], metrics: PrometheusMetrics) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                for name, health in roles.items():
                    metrics.gauge(READY, 0 if health.waiting_for else 1, role=name)
                self._answer(200, generate_latest(metrics.registry), CONTENT_TYPE_LATEST)
            elif self.path == "/livez":
                self._say({name: "ok" if health.live else "no progress" for name, health in roles.items()})
            elif self.path == "/readyz":
                self._say({name: health.waiting_for or "ok" for name, health in roles.items()})
            else:
                self._answer(404, b"try /livez, /readyz or /metrics\n", "text/plain")

        def _say(self, states: Mapping[str, str]) -> None:
            fine = all(state == "ok" for state in states.values())
            body = "".join(f"{name}: {state}\n" for name, state in sorted(states.items()))
            self._answer(200 if fine else 503, body.encode(), "text/plain")

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base class
            """Probes are not worth a line."""

    return Handler
