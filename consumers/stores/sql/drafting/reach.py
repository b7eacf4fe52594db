"""Which tables hang below another one, and through which: what a draft maps."""

import heapq
from collections.abc import Mapping

from consumers.stores.sql.catalog import Catalog, ForeignKey, TableName


def parents(catalog: Catalog, root: TableName) -> dict[TableName, TableName]:
    """Every table of the root's schema whose foreign keys lead to it, and the table it is best reached through.

    In the order of their distance. Best: over keys that are never NULL, for a row without its parent would not be
    found; then the shortest way.
    """
    found: dict[TableName, TableName] = {}
    waiting = [(0, 0, root, root)]
    while waiting:
        gaps, steps, table, parent = heapq.heappop(waiting)
        if table in found or (table == root and steps):
            continue
        if table != root:
            found[table] = parent
        for key in catalog.foreign_keys:
            if key.target == table and key.table[0] == root[0]:
                heapq.heappush(waiting, (gaps + _may_be_null(catalog, key), steps + 1, key.table, table))
    return found


def detours(catalog: Catalog, root: TableName, found: Mapping[TableName, TableName]) -> list[ForeignKey]:
    """Foreign keys between these tables over which no row is looked for."""
    mapped = {root, *found}
    return [
        key
        for key in catalog.foreign_keys
        if key.table in mapped and key.target in mapped and found.get(key.table) != key.target
    ]


def _may_be_null(catalog: Catalog, key: ForeignKey) -> bool:
    relation = catalog.relations.get(key.table)
    columns = [relation.columns.get(name) if relation else None for name in key.columns]
    return not all(column is not None and column.not_null for column in columns)
