"""One schema on PostgreSQL, MariaDB or SQLite, as a fixture's parameter says: what holds of all is said once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from consumers.stores import SqlStore
from tests.support.other_databases import OtherDatabase, new_mariadb, new_sqlite
from tests.support.sql_store import Database, new_database

AnyDatabase = Database | OtherDatabase
BACKENDS = ("postgres", "mariadb", "sqlite")
HEAD = """
version: 1
service: crm
purpose: marketing
store: {kind: sql, url: "${CRM_URL}", schema: "${CRM_SCHEMA}", statement_timeout: 5s}
ledger: {schema: "${CRM_SCHEMA}"}
"""


@contextmanager
def new_any(request: pytest.FixtureRequest, folder: Path, schema: str) -> Iterator[AnyDatabase]:
    """The database a fixture's parameter names, with a schema in words all of them know; statements end at `;`."""
    if request.param == "postgres":
        with new_database(request.getfixturevalue("postgres"), folder, schema) as database:
            yield database
    elif request.param == "mariadb":
        with new_mariadb(request.getfixturevalue("mariadb"), folder, schema) as other:
            yield other
    else:
        with new_sqlite(folder, schema) as other:
            yield other


def store_of(database: AnyDatabase, text: str) -> SqlStore:
    """A store over these rules, HEAD before them; its ledger made."""
    schema = "public" if isinstance(database, Database) else database.name
    store = database.opened(SqlStore(database.rules(HEAD + text, CRM_SCHEMA=schema)))
    store.create_ledger()
    return store
