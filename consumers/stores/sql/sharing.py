"""Rows that several customers may refer to: who else refers to one, and is still there.

Nobody is there any more who is flagged, or is of the batch at hand. Whatever else refers to a row counts: other tables
of the rules by the customer they lead to, those that lead to nobody, and tables that the rules ignore.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from consumers.stores.rules.model import Rules
from consumers.stores.sql.catalog import Catalog, ForeignKey, TableName
from consumers.stores.sql.links import resolve_join
from consumers.stores.sql.names import qualified, quote


class Reference(NamedTuple):
    """Rows of `table` that refer to those of another: its columns, and theirs. `key` None: no foreign key says so."""

    table: TableName
    columns: Mapping[str, str]
    key: ForeignKey | None


def references(rules: Rules, catalog: Catalog, shared: str) -> list[Reference]:
    """What refers to the rows of a table: first the join by which its parent does, then every other foreign key.

    Tables below it are no owners of its rows.
    """
    schema, parent = rules.store.schema_name, rules.tables[shared].parent or ""
    join = {theirs: own for own, theirs in (resolve_join(rules, catalog, shared) or {}).items()}
    below = {(schema, name) for name in rules.below(shared)}
    found = [Reference((schema, parent), join, None)]
    for key in catalog.foreign_keys:
        columns = dict(zip(key.columns, key.target_columns, strict=True))
        if key.target != (schema, shared) or key.table in below:
            continue
        if key.table == (schema, parent) and columns == join:
            found[0] = found[0]._replace(key=key)
        else:
            found.append(Reference(key.table, columns, key))
    return found


def referred_to(
    rules: Rules, catalog: Catalog, shared: str, row: str, of_batch: Callable[[str], str] | None
) -> Iterator[str]:
    """Conditions one of which is true where somebody refers to a row, under the alias `row`, and is still there.

    `of_batch`: a query that finds something where the root row under this alias is anonymized with the batch, if
    there is one.
    """
    for each in references(rules, catalog, shared):
        met = " AND ".join(f"u0.{quote(own)} = {row}.{quote(theirs)}" for own, theirs in each.columns.items())
        source = f"SELECT 1 FROM {qualified(*each.table)} AS u0"  # noqa: S608 - names are quoted
        schema, name = each.table
        if schema == rules.store.schema_name and name in rules.tables:
            # outer joins: a row that leads to no customer is not known to be of one who has gone
            lineage = rules.lineage(name)[::-1]
            root, flag = f"u{len(lineage) - 1}", rules.tables[rules.root].flag or ""
            source += "".join(_upward(rules, catalog, lineage, number) for number in range(1, len(lineage)))
            met += f" AND {root}.{quote(flag)} IS NOT TRUE"
            met += f" AND NOT EXISTS ({of_batch(root)})" if of_batch else ""
        yield f"EXISTS ({source} WHERE {met})"


def _upward(rules: Rules, catalog: Catalog, lineage: list[str], number: int) -> str:
    relation = catalog.relations[rules.store.schema_name, lineage[number]]
    join = resolve_join(rules, catalog, lineage[number - 1]) or {}
    on = " AND ".join(f"u{number - 1}.{quote(own)} = u{number}.{quote(theirs)}" for own, theirs in join.items())
    return f" LEFT JOIN {relation.sql} AS u{number} ON {on}"


def unshared(conditions: Iterable[str]) -> str:
    """Nobody else refers to the row."""
    return " AND ".join(f"NOT {each}" for each in conditions)


def is_shared(conditions: Iterable[str]) -> str:
    """Somebody else does."""
    return f"({' OR '.join(conditions)})"


def nobody_else(rules: Rules, catalog: Catalog, table: str, of_batch: Callable[[str], str] | None = None) -> list[str]:
    """Conditions under which nobody else needs the rows on the way down to a table; t0 is the root, t1 below it."""
    return [
        unshared(referred_to(rules, catalog, name, f"t{depth}", of_batch))
        for depth, name in enumerate(rules.lineage(table))
        if rules.tables[name].shared
    ]
