"""Tables that a draft leaves out: personal data that no foreign key leads to is there all the same."""

from collections.abc import Iterator

from consumers.stores.rules.model import LEDGER, Rules
from consumers.stores.sql.catalog import Catalog, Relation, TableName
from consumers.stores.sql.drafting.personal import looks_personal

_KINDS = {"m": " (a materialized view: it holds copies)", "f": " (a foreign table)", "other": " (no ordinary table)"}


def unreached(rules: Rules, catalog: Catalog) -> Iterator[str]:
    """Every table that is not mapped, with how many of its columns look personal.

    Reference tables are left out: those that others refer to, without a column that looks personal; so are views, for
    they hold nothing.
    """
    schema = rules.store.schema_name
    for table, relation in sorted(catalog.relations.items()):
        left = table[0] == schema and table[1] not in rules.tables and table[1] != LEDGER
        if left and relation.kind != "v" and not relation.partition:
            count = sum(looks_personal(column) is not None for column in relation.columns.values())
            if count or not _is_referred_to(catalog, table):
                yield _told(rules, catalog, relation, count)


def _told(rules: Rules, catalog: Catalog, relation: Relation, count: int) -> str:
    number = f"{count or 'no'} column{'' if count == 1 else 's'}"
    told = f"{relation.name}{_KINDS.get(relation.kind, '')}: {number} of {len(relation.columns)} {_verb(count)}"
    return told + "".join(f"; {each}" for each in (*_by_name(rules, relation), *_from(rules, catalog, relation)))


def _verb(count: int) -> str:
    return "looks personal" if count == 1 else "look personal"


def _by_name(rules: Rules, relation: Relation) -> Iterator[str]:
    """Columns called as the customer id is, which a schema without foreign keys has."""
    column, root = rules.customer_column.lower(), rules.root.lower()
    names = {column, f"{root}_{column}", f"{root.removesuffix('s')}_{column}", f"{root.removesuffix('s')}{column}"}
    for name in relation.columns:
        if name.lower() in names - {"id"}:
            yield f"{name} is called as the customer id is"


def _from(rules: Rules, catalog: Catalog, relation: Relation) -> Iterator[str]:
    mapped = {(rules.store.schema_name, name) for name in rules.tables}
    target: TableName = (relation.schema, relation.name)
    names = sorted({key.table[1] for key in catalog.foreign_keys if key.target == target and key.table in mapped})
    if names:
        yield f"{', '.join(names)} {'refers' if len(names) == 1 else 'refer'} to it"


def _is_referred_to(catalog: Catalog, table: TableName) -> bool:
    return any(key.target == table != key.table for key in catalog.foreign_keys)
