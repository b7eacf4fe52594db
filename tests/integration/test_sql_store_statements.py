"""The number of statements of a batch is a property of the rules, not of the batch: counted in the server's own log."""

import re
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.stores import SqlStore
from tests.support.sql_store import Database, PostgresServer, add_customers, new_database, task

pytestmark = pytest.mark.integration
DEADLINE_S = 20


@pytest.fixture
def database(postgres: PostgresServer, tmp_path: Path) -> Iterator[Database]:
    with new_database(postgres, tmp_path) as made:
        made.run(f"ALTER DATABASE {made.name} SET log_statement = 'all'")
        yield made


def statements_of(database: Database, server: PostgresServer, store: SqlStore, size: int, first: int) -> int:
    marks = [uuid.uuid4().hex, uuid.uuid4().hex]
    numbers = range(first, first + size)
    add_customers(database, numbers)
    database.rows(f"SELECT '{marks[0]}'")
    answers = store.anonymize([task(f"c{number}") for number in numbers])
    database.rows(f"SELECT '{marks[1]}'")
    assert {answer.outcome for answer in answers} == {"DONE"}
    return len(re.findall(r"(?:statement|execute [^:]*): ", between(server.log, *marks)))


def between(log: Path, first: str, last: str) -> str:
    deadline = time.monotonic() + DEADLINE_S
    while last not in (text := log.read_text(errors="replace")):
        assert time.monotonic() < deadline, "the server did not log the last statement"
    return text[text.index(first) : text.index(last)]


def test_batch_of_500_takes_as_many_statements_as_a_batch_of_10(database: Database, postgres: PostgresServer) -> None:
    store = database.store()
    assert store.preflight() == []
    statements_of(database, postgres, store, 1, 1)  # opens the connection

    small = statements_of(database, postgres, store, 10, 1_000)
    large = statements_of(database, postgres, store, 500, 2_000)

    # 16 of the batch, BEGIN, COMMIT, the pool's ping, and the closing mark
    assert (small, large) == (20, 20)
