"""Connections that do not wait for ever: a network that drops packets in silence answers no statement timeout.

The server ends a statement that takes too long, and says so. Where even that does not arrive in time, the connection is
closed. TCP alone does not notice a proxy or a server that takes every byte and never answers.
"""

import time
from collections.abc import Callable, Generator
from typing import Any

import psycopg
from sqlalchemy import Engine, event

MARGIN_SECONDS = 5.0
"""How much longer than its own statement timeout the server has for saying so."""


class NoAnswerError(psycopg.OperationalError):
    """The database took what was sent and does not answer."""


class PatientConnection(psycopg.Connection[Any]):
    """Closes itself after `patience` seconds without an answer to one exchange with the server."""

    patience = 60.0

    def wait(self, gen: Generator[Any, Any, Any], *how: Any, **named: Any) -> Any:
        """Carry out an exchange. NoAnswerError: it was not answered; the connection is closed."""
        return super().wait(self._bounded(gen), *how, **named)

    def _bounded(self, exchange: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        deadline, ready = time.monotonic() + self.patience, None
        while True:
            try:
                wanted = exchange.send(ready)
            except StopIteration as answered:
                return answered.value
            ready = yield wanted
            if not ready and time.monotonic() >= deadline:
                self.pgconn.finish()
                raise NoAnswerError


def bound(engine: Engine, statement_timeout: float) -> Engine:
    """The engine, whose connections wait for an answer a little longer than the server works for it (seconds)."""

    def connect(_: object, __: object, given: list[Any], named: dict[str, Any]) -> PatientConnection:
        connection = PatientConnection.connect(*given, **named)
        connection.patience = statement_timeout + MARGIN_SECONDS
        return connection

    listen: Callable[..., None] = event.listen
    listen(engine, "do_connect", connect)
    return engine
