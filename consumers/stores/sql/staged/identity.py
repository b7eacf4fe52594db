"""Which columns tell a row from all others, whatever is masked."""

from collections.abc import Sequence

from consumers.stores.rules.model import Table
from consumers.stores.sql.catalog import Index, Relation


def identity_of(rules: Table, relation: Relation) -> Sequence[str]:
    """The row's own number, else the best key: one that is not masked, the primary key first. None: empty."""
    if relation.rowid:
        return (relation.rowid,)
    keys = [index for index in relation.indexes if _names_rows(relation, index)]
    keys.sort(key=lambda index: (bool(set(index.columns) & set(rules.mask)), not index.primary, index.name))
    return keys[0].columns if keys else ()


def _names_rows(relation: Relation, index: Index) -> bool:
    return index.unique and index.plain and all(relation.columns[name].not_null for name in index.columns)
