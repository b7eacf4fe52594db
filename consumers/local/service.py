"""What a local service is, whichever backend runs it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from consumers.domain.errors import PermanentError

Kind = Literal["kafka", "dynamodb", "postgres", "mariadb"]
Backend = Literal["containers", "processes"]
KINDS: tuple[Kind, ...] = ("kafka", "dynamodb", "postgres", "mariadb")


class LocalServicesError(PermanentError):
    """A local service could not be started."""


class Service(ABC):
    """A server on this machine that can be killed, paused and started again on its port and data."""

    @property
    @abstractmethod
    def log(self) -> Path:
        """A file with what it has printed so far."""

    @property
    @abstractmethod
    def address(self) -> str:
        """Kafka: `host:port`; DynamoDB: an http URL; PostgreSQL and MariaDB: a SQLAlchemy URL of a superuser."""

    @property
    def bootstrap_servers(self) -> str:
        """The address, as Kafka clients call it."""
        return self.address

    @property
    def url(self) -> str:
        """The address, as DynamoDB and database clients call it."""
        return self.address

    @property
    @abstractmethod
    def pid(self) -> int | None:
        """Process id on this machine; None while it is down, and for containers."""

    @abstractmethod
    def kill(self) -> None:
        """End it at once by SIGKILL, and wait until it is gone."""

    @abstractmethod
    def pause(self) -> None:
        """Freeze it: connections stay open and nothing answers."""

    @abstractmethod
    def resume(self) -> None:
        """Undo `pause`. Harmless when it is not paused."""

    @abstractmethod
    def stop(self) -> None:
        """Shut it down cleanly; its data stay. Harmless when it is down."""

    @abstractmethod
    def restart(self) -> None:
        """Stop it if it runs, start it on the same port and data, and wait until it answers."""


class Services:
    """The services of one run.

    Attributes:
        backend: What runs them.
        logs: The directory of their logs; removed with the run.
    """

    def __init__(self, backend: Backend, logs: Path, started: Mapping[Kind, Service]) -> None:
        self.backend = backend
        self.logs = logs
        self._started = dict(started)

    @property
    def kafka(self) -> Service:
        """The broker; use its `bootstrap_servers`."""
        return self._service("kafka")

    @property
    def dynamodb(self) -> Service:
        """The DynamoDB endpoint; use its `url`."""
        return self._service("dynamodb")

    @property
    def postgres(self) -> Service:
        """The PostgreSQL server; its `url` is a superuser's on the maintenance database."""
        return self._service("postgres")

    @property
    def mariadb(self) -> Service:
        """The MariaDB server; its `url` is an administrator's on the database `mysql`."""
        return self._service("mariadb")

    def _service(self, kind: Kind) -> Service:
        try:
            return self._started[kind]
        except KeyError:
            raise LocalServicesError(f"{kind} is not among the services of this run") from None
