"""Whether the proof can be written."""

from collections.abc import Iterator

from consumers.domain.work import Finding
from consumers.stores.rules.model import LEDGER, Rules
from consumers.stores.sql.catalog import Catalog, Relation
from consumers.stores.sql.dialect import Dialect
from consumers.stores.sql.ledger import KEY
from consumers.stores.sql.names import printed
from consumers.stores.sql.preflight.subject import lacking


def ledger_findings(rules: Rules, catalog: Catalog, dialect: Dialect) -> Iterator[Finding]:
    """Whether the ledger is there with its columns and key."""
    if rules.ledger is None:
        return
    schema = rules.ledger.schema_name
    relation = catalog.relations.get((schema, LEDGER))
    if relation is None:
        yield lacking("missing_ledger", "ledger", f"no table {schema}.{LEDGER}.", printed(dialect.ledger_ddl(schema)))
    elif wrong := sorted(_wrong(relation, dialect)):
        message = f"{schema}.{LEDGER} differs in {', '.join(wrong)}."
        yield Finding("ledger_columns", "ledger", message, f"move it away, then {printed(dialect.ledger_ddl(schema))}")


def _wrong(relation: Relation, dialect: Dialect) -> Iterator[str]:
    for name, base in dialect.ledger_columns.items():
        column = relation.columns.get(name)
        if column is None or column.base != base:
            yield name
    if not any(index.unique and index.plain and set(index.columns) == set(KEY) for index in relation.indexes):
        yield "its key"
