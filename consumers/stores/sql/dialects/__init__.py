"""The dialect of a database, chosen by its URL."""

from collections.abc import Mapping

from sqlalchemy import Engine

from consumers.stores.rules.model import Rules
from consumers.stores.rules.urls import Backend, backend_of
from consumers.stores.sql.dialect import Dialect
from consumers.stores.sql.dialects.mariadb import MariaDB
from consumers.stores.sql.dialects.postgresql import PostgreSQL
from consumers.stores.sql.dialects.sqlite import SQLite
from consumers.stores.sql.names import printed

_DIALECTS: Mapping[Backend, Dialect] = {"postgresql": PostgreSQL(), "mariadb": MariaDB(), "sqlite": SQLite()}


def dialect_of(rules: Rules) -> Dialect:
    """The dialect of the database of these rules."""
    return _DIALECTS[rules.store.backend]


def dialect_at(url: str) -> Dialect:
    """The dialect of the database at a URL with its driver."""
    return _DIALECTS[backend_of(url)]


def engine_for(rules: Rules) -> Engine:
    """An engine for the store of these rules; connects when first used."""
    url, timeout = rules.store.url.get_secret_value(), rules.store.statement_timeout
    return dialect_of(rules).engine(url, timeout, f"lapse-{rules.service}")


def ledger_ddl(rules: Rules) -> str:
    """The statements that make the ledger of these rules; they change nothing where it is there. None: empty."""
    return printed(dialect_of(rules).ledger_ddl(rules.ledger.schema_name)) if rules.ledger else ""
