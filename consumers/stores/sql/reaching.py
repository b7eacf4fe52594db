"""PostgreSQL: from the root rows of a batch down to the rows of each table.

`t0` is the root, `t1` the table below it and so on; `k` is what is known of the batch, with a customer's ordinal.
Rows that are newer than his command are left out, and so is what hangs on them.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from consumers.stores.rules.model import Rules, Table
from consumers.stores.sql.catalog import Catalog, Relation
from consumers.stores.sql.links import resolve_join
from consumers.stores.sql.names import quote

_EPOCH = "timestamptz '1970-01-01 00:00:00+00'"


class Level(NamedTuple):
    """One mapped table. `join` is child column: parent column, empty for the root.

    `decided` is the temporary table of the rows nobody else needs; empty where rows are not shared.
    """

    table: str
    rules: Table
    relation: Relation
    join: Mapping[str, str]
    decided: str

    @property
    def changes(self) -> bool:
        """Whether its rows are rewritten or deleted."""
        return self.rules.changes


def path_to(rules: Rules, catalog: Catalog, table: str) -> list[Level]:
    """The levels from the root down to a table. KeyError: one is not in the schema."""
    path = []
    for name in rules.lineage(table):
        relation = catalog.relations[rules.store.schema_name, name]
        join = resolve_join(rules, catalog, name) if rules.tables[name].parent else {}
        decided = f"pg_temp.lapse_shared_{list(rules.tables).index(name)}" if rules.tables[name].shared else ""
        path.append(Level(name, rules.tables[name], relation, join or {}, decided))
    return path


def locked_rows(root: Level) -> str:
    """The locked root rows as k: ordinal, when the command was committed (microseconds), and key."""
    arrays = ", ".join(
        f"CAST(CAST({{{{k{number}}}}} AS text[]) AS {root.relation.columns[column].type}[])"
        for number, column in enumerate(root.rules.key)
    )
    names = ", ".join(f"k{number}" for number in range(len(root.rules.key)))
    known = "CAST({{ord}} AS bigint[]), CAST({{committed}} AS bigint[])"
    return f"unnest({known}, {arrays}) AS k(ord, committed, {names})"


def key_condition(root: Level, alias: str) -> str:
    """Whether the root row under the alias is that of k."""
    return " AND ".join(f"{alias}.{quote(column)} = k.k{number}" for number, column in enumerate(root.rules.key))


def join_condition(level: Level, alias: str, parent: str) -> str:
    """Whether the row under the alias hangs on that of its parent."""
    return " AND ".join(f"{alias}.{quote(own)} = {parent}.{quote(theirs)}" for own, theirs in level.join.items())


def newer(level: Level, alias: str) -> str:
    """Whether the row under the alias is newer than the command of k. NULL, and the same day, are not."""
    column = level.relation.columns[level.rules.since or ""]
    committed = f"({_EPOCH} + k.committed * interval '1 microsecond')"
    if column.base != "timestamptz":
        committed = f"CAST({committed} AT TIME ZONE 'UTC' AS {column.base})"
    return f"{alias}.{quote(column.name)} > {committed}"


def taken(level: Level, alias: str) -> str:
    """More of a condition: that the row under the alias is not newer; empty where nothing tells."""
    return f" AND ({newer(level, alias)}) IS NOT TRUE" if level.rules.since else ""


def joins(path: Sequence[Level], start: int = 0, *, of_batch: bool = False) -> str:
    """JOINs of the levels below the one that is there already, the root as a rule. `of_batch`: k knows a command."""
    return "".join(
        f" JOIN {level.relation.sql} AS t{depth} ON {join_condition(level, f't{depth}', f't{depth - 1}')}"
        f"{taken(level, f't{depth}') if of_batch else ''}"
        for depth, level in enumerate(path)
        if depth > start
    )


def decisions(table: str) -> str:
    """Creates the temporary table of a shared one."""
    columns = "ord bigint, relation oid, id tid"
    return f"CREATE TEMPORARY TABLE IF NOT EXISTS {table} ({columns}) ON COMMIT DELETE ROWS"


def by_place(alias: str) -> str:
    """Whether the row under the alias is the one decided as k."""
    return f"{alias}.tableoid = k.relation AND {alias}.ctid = k.id"


def ancestors(path: Sequence[Level]) -> str:
    """The locked root rows, or what was decided of the last shared table above, joined down to the last but one."""
    above = path[:-1]
    start = max((depth for depth, level in enumerate(above) if level.decided), default=0)
    first, alias = above[start], f"t{start}"
    source = f"{first.decided} AS k" if first.decided else locked_rows(first)
    condition = by_place(alias) if first.decided else key_condition(first, alias)
    return f"{source} JOIN {first.relation.sql} AS {alias} ON {condition}{joins(above, start, of_batch=True)}"


def joined(path: Sequence[Level]) -> str:
    """The ancestors and the rows of the last level that hang on them; of the root alone, the locked rows."""
    if len(path) == 1:
        return f"{locked_rows(path[0])} JOIN {path[0].relation.sql} AS t0 ON {key_condition(path[0], 't0')}"
    return f"{_hanging(path)}{taken(path[-1], f't{len(path) - 1}')}"


def left_alone(path: Sequence[Level]) -> str:
    """The ancestors and the rows of the last level that hang on them and are newer."""
    return f"{_hanging(path)} AND {newer(path[-1], f't{len(path) - 1}')}"


def _hanging(path: Sequence[Level]) -> str:
    alias = f"t{len(path) - 1}"
    condition = join_condition(path[-1], alias, f"t{len(path) - 2}")
    return f"{ancestors(path)} JOIN {path[-1].relation.sql} AS {alias} ON {condition}"
