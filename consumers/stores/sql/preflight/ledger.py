"""Whether the proof can be written."""

from collections.abc import Iterator

from consumers.domain.work import Finding
from consumers.stores.rules.model import LEDGER, Rules
from consumers.stores.sql.catalog import Catalog, Relation
from consumers.stores.sql.ledger import COLUMNS, KEY, ledger_ddl
from consumers.stores.sql.preflight.ddl import lacking


def ledger_findings(rules: Rules, catalog: Catalog) -> Iterator[Finding]:
    """Whether the ledger is there with its columns and key."""
    if rules.ledger is None:
        return
    schema = rules.ledger.schema_name
    relation = catalog.relations.get((schema, LEDGER))
    if relation is None:
        yield lacking("missing_ledger", "ledger", f"no table {schema}.{LEDGER}.", ledger_ddl(rules))
    elif wrong := sorted(_wrong(relation)):
        message = f"{schema}.{LEDGER} differs in {', '.join(wrong)}."
        yield Finding("ledger_columns", "ledger", message, f"move it away, then {ledger_ddl(rules)}")


def _wrong(relation: Relation) -> Iterator[str]:
    for name, (_, base) in COLUMNS.items():
        column = relation.columns.get(name)
        if column is None or column.base != base:
            yield name
    if not any(index.unique and index.plain and set(index.columns) == set(KEY) for index in relation.indexes):
        yield "its key"
