"""Tables nobody mapped that refer to a customer, however far away."""

from collections import deque
from collections.abc import Iterator

from consumers.domain.work import Finding
from consumers.stores.rules.model import Rules
from consumers.stores.sql.catalog import Catalog, TableName


def reference_findings(rules: Rules, catalog: Catalog) -> Iterator[Finding]:
    """Tables with a foreign key to a mapped table, directly or over others, that are neither mapped nor ignored."""
    schema = rules.store.schema_name
    mapped = {(schema, name) for name in rules.tables}
    for table, through in _referring(catalog, mapped).items():
        name = table[1] if table[0] == schema else ".".join(table)
        if table not in mapped and name not in rules.ignored:
            message = f"{name} refers to a customer through {'.'.join(through)}."
            yield Finding("unmapped_table", "tables", message, f"map {name}, or ignore it with a reason.")
    yield from _ignored(rules, catalog)


def _referring(catalog: Catalog, mapped: set[TableName]) -> dict[TableName, TableName]:
    """Every table that refers to a mapped one, and the table it does so through."""
    through: dict[TableName, TableName] = {}
    waiting = deque(sorted(mapped))
    while waiting:
        target = waiting.popleft()
        for key in catalog.foreign_keys:
            if key.target == target and key.table not in through and key.table not in mapped:
                through[key.table] = target
                waiting.append(key.table)
    return through


def _ignored(rules: Rules, catalog: Catalog) -> Iterator[Finding]:
    known = {key.table for key in catalog.foreign_keys} | set(catalog.relations)
    for name in sorted(rules.ignored):
        table = tuple(name.split(".", 1)) if "." in name else (rules.store.schema_name, name)
        if table not in known:
            yield Finding("unknown_table", "ignore", f"no table {name}.", "correct the name, or take it out.")
