"""Any schema is refused with its repair, or runs: what is masked changes, and nothing else does, whatever crashes.

LAPSE_SCHEMAS: how many of each database (default 15). A seed that fails is printed; LAPSE_SEED runs it alone.
"""

import itertools
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from consumers.domain.errors import LapseError
from tests.support.generated.drawing import draw
from tests.support.generated.model import Schema
from tests.support.generated.running import Case, Ended, Server, on_mariadb, on_postgresql, on_sqlite, run_case
from tests.support.sql_store import PostgresServer, new_database

pytestmark = pytest.mark.integration
SCHEMAS = int(os.environ.get("LAPSE_SCHEMAS", "15"))
SEEDS = [int(os.environ["LAPSE_SEED"])] if "LAPSE_SEED" in os.environ else range(SCHEMAS)
LEAST_SHARE = 0.1
MANY = 50
"""Of so many schemas one that shares rows, and says what becomes of them, has to run."""
Record = Callable[[str, object], None]
Open = Callable[[int], AbstractContextManager[Server]]


def test_a_schema_of_postgresql_is_refused_or_runs(
    postgres: PostgresServer, tmp_path: Path, record_property: Record
) -> None:
    with new_database(postgres, tmp_path, "SELECT 1") as database:
        url = make_url(database.url)
        record_property("figures", everything("postgresql", lambda seed: on_postgresql(url, seed), tmp_path))


def test_a_schema_of_mariadb_is_refused_or_runs(mariadb: str, tmp_path: Path, record_property: Record) -> None:
    record_property("figures", everything("mariadb", lambda seed: on_mariadb(make_url(mariadb), seed), tmp_path))


def test_a_schema_of_sqlite_is_refused_or_runs(tmp_path: Path, record_property: Record) -> None:
    record_property("figures", everything("sqlite", lambda seed: on_sqlite(tmp_path, seed), tmp_path))


def everything(dialect: str, opened: Open, folder: Path) -> str:
    """Each seed; then what they were, of which there has to be enough. Figures for the reader."""
    ends: dict[int, tuple[Schema, Ended]] = {}
    failures: list[Exception] = []
    for seed in SEEDS:
        try:
            ends[seed] = one(dialect, seed, opened, folder)
        except (AssertionError, LapseError) as failure:
            failure.add_note(f"{dialect}, seed {seed}: LAPSE_SEED={seed} runs it again")
            failures.append(failure)
    if failures:
        raise ExceptionGroup(f"schemas of {dialect} that neither ran nor were refused", failures)
    return shares(list(ends.values()))


def one(dialect: str, seed: int, opened: Open, folder: Path) -> tuple[Schema, Ended]:
    schema = draw(dialect, seed)
    with opened(seed) as server:
        case = Case(server, schema, folder)
        try:
            return schema, run_case(case, strides(seed))
        finally:
            case.store.close()


def strides(seed: int) -> Iterator[int]:
    """From one crash to the next: some statements of each schema, all of them in many."""
    chosen = random.Random(seed)
    return (chosen.randint(1, 12) for _ in itertools.count())


def shares(ends: list[tuple[Schema, Ended]]) -> str:
    """Tell and demand the share of each feature; of what is not refused by its own, among those that ran."""
    ran = [schema for schema, ended in ends if not ended.refused]
    of_ran = {"composite keys": has_composite_key, "NOT NULL unique": has_unique, "self-references": refers_to_itself}
    found = {name: sum(map(has, ran)) / len(ran) for name, has in of_ran.items()} if ran else {}
    found["shared parents"] = sum(map(is_shared, (schema for schema, _ in ends))) / len(ends)
    refused = Counter(each.code for _, ended in ends for each in {one.code: one for one in ended.refused}.values())
    crashes = sum(ended.statements for _, ended in ends)
    told = ", ".join(f"{name} {share:.0%}" for name, share in found.items())
    told += f", kept where others need them in {sum(map(keeps_shared, ran))} that ran"
    told += f", newer rows in {sum(map(tells_newer, ran))}"
    figures = f"{len(ends)} schemas, {len(ran)} ran, {crashes} crashes; {told}; refused {dict(refused)}"
    if len(ends) > 1:
        assert not {name: share for name, share in found.items() if share < LEAST_SHARE}
        assert len(ran) >= len(ends) * LEAST_SHARE
        assert crashes > len(ran)
        assert len(ends) < MANY or any(map(keeps_shared, ran))
    for schema, ended in ends:
        silent = is_shared(schema) and not all(each.keeps_shared for each in schema.tables if each.shared)
        assert not silent or "shared_rows" in {each.code for each in ended.refused}
    return figures


def has_composite_key(schema: Schema) -> bool:
    return any(len(table.key) > 1 for table in schema.tables)


def has_unique(schema: Schema) -> bool:
    return any(
        name in table.masked and not table[name].nullable
        for table in schema.tables
        for columns in [*table.uniques, table.token_with]
        for name in columns
    )


def refers_to_itself(schema: Schema) -> bool:
    return any(each.target is table for table in schema.tables for each in table.references)


def tells_newer(schema: Schema) -> bool:
    return any(table.since for table in schema.tables)


def is_shared(schema: Schema) -> bool:
    return any(table.shared for table in schema.tables)


def keeps_shared(schema: Schema) -> bool:
    return any(table.keeps_shared for table in schema.tables)
