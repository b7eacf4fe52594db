"""Looks again, inside the transaction, at every row it has changed.

Masked cells must be as their strategies leave them, all others as they were. What the old cells held is kept as keyed
fingerprints in a temporary table that is empty again with the end of the transaction; the key lives in memory for one
batch. Memory does not grow with the rows of a customer.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, TextClause, text

from consumers.domain.work import Finding
from consumers.stores.rules.model import Table
from consumers.stores.rules.strategies import JsonPaths
from consumers.stores.sql.catalog import Relation
from consumers.stores.sql.documents import has_others, left_alone
from consumers.stores.sql.expectations import is_uuid, met
from consumers.stores.sql.names import listed, quote, statement

KEY = "fingerprint_key"
SPARED = "spared"  # ordinals of customers of whom something newer than the command was left alone
_MAY_REMEMBER = text("SELECT has_database_privilege(current_database(), 'TEMPORARY'), current_database(), current_user")


class Verification(NamedTuple):
    """Of one table. `places` name the columns of `violations`, behind the customer's ordinal: true where it is wrong.

    `fingerprints` and `recorded` are select lists: over the row before the change (alias c), over what is kept of it.
    `insert` reads `old` and `changed`: the rows before the change and after it.
    """

    create: str
    fingerprints: str
    recorded: str
    insert: str
    violations: TextClause
    places: Sequence[str]


class Check(NamedTuple):
    """A condition over a row that is true where `place` is wrong."""

    place: str
    wrong: str
    parameters: Mapping[str, Any] = {}


def verification_of(number: int, rules: Table, relation: Relation, flag: str = "true") -> Verification:
    """How the rows of the table are verified. `number` names its temporary table, v; `flag`: what that must be."""
    others, fresh = _others(rules, relation), _fresh(rules)
    columns = ["others", *(f"f{each}" for each in range(len(fresh)))]
    table = _temporary(number, columns)
    checks = list(_checks(rules, relation, others, fresh, flag))
    wrong = ", ".join(f"bool_or({each.wrong})" for each in checks)
    anything = " OR ".join(each.wrong for each in checks)
    # OFFSET 0 keeps it a look-up by place for each row: joined, the planner reads all of a table that is not large
    cells = listed([name for name, column in relation.columns.items() if not column.generated], "r")
    row = f"SELECT r.ctid, {cells} FROM {relation.sql} AS r WHERE r.tableoid = v.relation AND r.ctid = v.id OFFSET 0"  # noqa: S608
    violations = (
        f"SELECT v.ord, {wrong} FROM {table} AS v LEFT JOIN LATERAL ({row}) AS c ON true "  # noqa: S608 - names are quoted
        f"WHERE {anything} GROUP BY v.ord ORDER BY v.ord LIMIT 1"
    )
    return Verification(
        create=f"CREATE TEMPORARY TABLE IF NOT EXISTS {table} (ord bigint, relation oid, id tid, "
        f"{', '.join(f'{name} bigint' for name in columns)}) ON COMMIT DELETE ROWS",
        fingerprints=", ".join(
            f"{cells} AS {name}"
            for name, cells in zip(columns, [_row_print(others), *map(_cell_print, fresh)], strict=True)
        ),
        recorded=", ".join(f"old.{name}" for name in columns),
        insert=f"INSERT INTO {table} SELECT ord, relation, id, {', '.join(columns)} FROM changed {_left_out(columns)}",  # noqa: S608
        violations=statement(violations, **{name: value for each in checks for name, value in each.parameters.items()}),
        places=[each.place for each in checks],
    )


def _left_out(columns: Sequence[str]) -> str:
    """A row of no place where fewer were changed than were there: a trigger that runs before can leave some out."""
    there = "SELECT count(*) FROM (SELECT DISTINCT relation, id FROM old) AS there"
    nowhere = ", ".join(["(SELECT min(ord) FROM old)", "NULL", "NULL", *(["NULL"] * len(columns))])
    return f"UNION ALL SELECT {nowhere} WHERE ({there}) > (SELECT count(*) FROM changed)"  # noqa: S608 - column names of ours


def findings(connection: Connection) -> Iterator[Finding]:
    """What would keep a batch from being verified."""
    allowed, database, role = connection.execute(_MAY_REMEMBER).one()
    if not allowed:
        repair = f"GRANT TEMPORARY ON DATABASE {quote(database)} TO {quote(role)};"
        message = "no temporary table could be made to verify a change."
        yield Finding("temporary", "store.url", message, repair)


def violated(connection: Connection, verifications: Mapping[str, Verification], given: Mapping[str, Any]) -> str | None:
    """The first place that is not as it must be: `table.column`, `table.*` for a kept cell; None: all is well."""
    for table, each in verifications.items():
        for _, *wrong in connection.execute(each.violations, given):
            return f"{table}.{next(place for place, found in zip(each.places, wrong, strict=True) if found)}"
    return None


def _temporary(number: int, columns: Sequence[str]) -> str:
    # a new column makes another table: one of an older shape may still be there
    return f"pg_temp.lapse_changed_{number}_{zlib.crc32(' '.join(columns).encode()):08x}"


def _others(rules: Table, relation: Relation) -> list[str]:
    """Cells nothing is done to, and the rest of documents. What the database computes itself follows the others."""
    rewritten = {*rules.mask, rules.flag, rules.token.column if rules.token else None}
    columns = [name for name, column in relation.columns.items() if name not in rewritten and not column.generated]
    documents = [(name, each) for name, each in rules.mask.items() if isinstance(each, JsonPaths)]
    return [_cell(name) for name in columns] + [left_alone(each, _cell(name)) for name, each in documents]


def _fresh(rules: Table) -> list[str]:
    masked = [name for name, strategy in rules.mask.items() if strategy.declared.differs]
    return masked + ([rules.token.column] if rules.token else [])


def masked(rules: Table, relation: Relation, alias: str) -> Iterator[Check]:
    """Every masked cell of a row: conditions of the value alone."""
    for number, (name, strategy) in enumerate(rules.mask.items()):
        expected = met(strategy, relation.columns[name], alias, f"e{number}")
        yield Check(name, f"NOT {expected.sql}", expected.parameters)
        if isinstance(strategy, JsonPaths) and strategy.other_paths == "refuse":
            yield Check(f"{name}.other_paths", has_others(strategy, f"{alias}.{quote(name)}"))


def _checks(
    rules: Table, relation: Relation, others: Sequence[str], fresh: Sequence[str], flag: str
) -> Iterator[Check]:
    yield Check("row", "c.ctid IS NULL")  # changed once more, or gone
    yield Check("*", f"{_row_print(others)} IS DISTINCT FROM v.others")
    yield from masked(rules, relation, "c")
    for number, name in enumerate(fresh):
        yield Check(name, f"{_cell_print(name)} = v.f{number}")
    if rules.token:
        yield Check(rules.token.column, f"NOT {is_uuid(_cell(rules.token.column))}")
    if rules.flag:
        yield Check(rules.flag, f"{_cell(rules.flag)} IS DISTINCT FROM ({flag})")


def _cell(column: str) -> str:
    return f"c.{quote(column)}"


def _row_print(cells: Sequence[str]) -> str:
    return f"hashtextextended(CAST(ROW({', '.join(cells)}) AS text), CAST({{{{{KEY}}}}} AS bigint))"


def _cell_print(column: str) -> str:
    return f"hashtextextended(CAST({_cell(column)} AS text), CAST({{{{{KEY}}}}} AS bigint))"
