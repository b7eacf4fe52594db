"""A customer with 200,000 rows of a child table: done in one transaction, in no more memory than one with a few."""

import multiprocessing
import re
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from consumers.stores import Rules, SqlStore
from tests.support.crm_databases import KINDS, Crm, new_crm
from tests.support.sql_store import task

pytestmark = pytest.mark.integration
ROWS = 200_000
ALLOWED = 1.15  # of the memory that the process had with a few rows: 200,000 of them in Python are half as much again
DEADLINE_S = 600


@pytest.fixture(params=KINDS)
def crm(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Crm]:
    with new_crm(request, tmp_path) as made:
        made.add([1, 2, 3])
        made.run(
            postgresql="INSERT INTO {}orders SELECT 1000 + n, 1, 'CANARY ' || n "
            f"FROM generate_series(1, {ROWS}) AS n",
            mariadb=f"INSERT INTO orders SELECT 1000 + seq, 1, concat('CANARY ', seq) FROM seq_1_to_{ROWS}",
            sqlite=f"WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {ROWS}) "
            "INSERT INTO orders SELECT 1000 + n, 1, 'CANARY ' || n FROM s",
        )
        yield made


def test_a_customer_with_very_many_rows_takes_no_more_memory(crm: Crm) -> None:
    crm.store()

    (few, few_rows), (many, many_rows) = in_a_process(crm.database.rules(crm.rules("10min")))

    assert (few_rows, many_rows) == (1, ROWS + 1)
    assert many < ALLOWED * few
    assert crm.rows("SELECT count(*) FROM {}orders WHERE address IS NOT NULL") == [(1,)]
    assert crm.carried_out() == {"c1", "c2"}


def in_a_process(rules: Rules) -> list[tuple[int, int]]:
    """Peak memory and rows of orders, of customer 2 and then of customer 1, who has many."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=carry_out, args=(theirs, rules))
    process.start()
    theirs.close()
    try:
        assert ours.poll(DEADLINE_S), "no answer"
        answer: list[tuple[int, int]] = ours.recv()
    finally:
        process.kill()
        process.join()
    return answer


def carry_out(to: Connection, rules: Rules) -> None:
    store = SqlStore(rules)
    assert store.preflight() == []
    answers = [(store.anonymize([task(name)])[0], peak()) for name in ("c2", "c1")]
    to.send([(kilobytes, answer.rows["orders"]) for answer, kilobytes in answers])
    store.close()


def peak() -> int:
    # not ru_maxrss: that one remembers the parent's size from before exec
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found, "needs Linux"
    return int(found[1])
