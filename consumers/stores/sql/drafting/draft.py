"""A rules file drafted from a live schema: a place for every column that leads to a customer. No row is read."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from consumers.domain.work import Finding
from consumers.stores.rules.loading import rules_of
from consumers.stores.rules.model import Rules
from consumers.stores.sql.catalog import Catalog, Relation
from consumers.stores.sql.dialects import dialect_of, engine_for
from consumers.stores.sql.drafting.customers import customer_column, customer_table, customer_type, mappable
from consumers.stores.sql.drafting.others import unreached
from consumers.stores.sql.drafting.reach import detours, parents
from consumers.stores.sql.drafting.tables import UNDECIDED, drafted
from consumers.stores.sql.drafting.written import comment, written
from consumers.stores.sql.failures import translated
from consumers.stores.sql.preflight.subject import Subject
from consumers.stores.sql.store import SqlStore

COMMAND = "lapse rules init"
_ANYTHING = "customers"
_HEAD = f"""A draft by `{COMMAND}`, from names and types alone: no row was read. It is a person's to decide
- what happens to each column under "{UNDECIDED}": mask it, or keep it under the reason why it is kept;
- whether what is masked is masked rightly, and whether a whole table should rather go (rows: delete);
- what the remarks at the end say."""
_FLAGS = ("anonymized", "lapse_anonymized", "anonymized_by_lapse")


class Asked(NamedTuple):
    """What a draft is for. `url` names the database with its secret; None: to be found out."""

    url: str
    service: str
    purpose: str
    schema: str | None = None
    table: str | None = None
    column: str | None = None


def variable(service: str) -> str:
    """The environment variable that a draft takes the URL of this service's database from."""
    name = f"{service.upper().replace('-', '_')}_URL"
    return name if name[0].isalpha() else f"_{name}"


def draft(asked: Asked) -> str:
    """The rules file as text, what pre-flight would still find behind it as comments.

    Raises:
        RulesError: URL, service or purpose cannot stand in a rules file.
        PermanentError: which table or column holds the customers is not clear; candidates are named.
        TransientError: the database is away.
    """
    head = _head(asked)
    catalog = _catalog(rules_of(head, COMMAND))
    schema = head["store"]["schema"]
    root, others = customer_table(catalog, schema, asked.table)
    column = customer_column(root, asked.column)
    outline = rules_of(_outline(head, catalog, root, column), COMMAND)
    document, remarks = _filled(outline, catalog, head | _customer(outline, root, column))
    remarks = [*_guesses(asked, root.name, column, others), *remarks, *_detours(outline, catalog)]
    found = _preflight(rules_of(document, COMMAND))
    document["store"] = document["store"] | {"url": f"${{{variable(asked.service)}}}"}
    return "".join(
        [
            comment([_HEAD]),
            written(document),
            _section("Remarks", remarks),
            _section("Tables from which no foreign key leads to a customer", unreached(outline, catalog)),
            _section("What `lapse rules check` will find; `lapse rules ddl` prints what only has to be added", found),
        ]
    )


def _head(asked: Asked) -> dict[str, Any]:
    schema, ledger = _schemas(asked)
    return {
        "version": 1,
        "service": asked.service,
        "purpose": asked.purpose,
        "store": {"kind": "sql", "url": asked.url, "schema": schema},
        "customer": {"type": "text"},
        "ledger": {"schema": ledger},
        "tables": {_ANYTHING: {"key": ["id"]}},
    }


def _schemas(asked: Asked) -> tuple[str, str]:
    """Of the tables and of the ledger; outside PostgreSQL, one backup covers both only where they are one."""
    try:
        url = make_url(asked.url)
    except (ArgumentError, ValueError):
        return _ANYTHING, _ANYTHING  # the URL is refused as the rules are read
    if url.get_backend_name().startswith("postgres"):
        return asked.schema or "public", "lapse"
    only = "main" if url.get_backend_name() == "sqlite" else url.database
    schema = asked.schema or only or _ANYTHING
    return schema, schema


@translated
def _catalog(rules: Rules) -> Catalog:
    dialect, engine = dialect_of(rules), engine_for(rules)
    try:
        with engine.connect() as connection, dialect.reading(connection) as reading:
            return dialect.catalog(reading, [rules.store.schema_name])
    finally:
        engine.dispose()


def _outline(head: dict[str, Any], catalog: Catalog, root: Relation, column: str) -> dict[str, Any]:
    """Which tables hang on which, with keys and flag, and no column masked or kept."""
    schema = root.schema
    tables = {root.name: {"key": list(_key(root)) or [column], "flag": _flag(root)}}
    reached = parents(catalog, (schema, root.name))
    for name, parent in reached.items():
        relation = catalog.relations.get(name)
        if relation is not None and name in mappable(catalog, schema) and parent[1] in tables:
            tables[name[1]] = {"parent": parent[1], "key": list(_key(relation))}
    return head | {"customer": {"type": "text", "column": column}, "tables": tables}


def _key(relation: Relation) -> tuple[str, ...]:
    unique = (
        each.columns
        for each in relation.indexes
        if each.unique and each.plain and all(relation.columns[name].not_null for name in each.columns)
    )
    return relation.primary_key or next(unique, ())


def _flag(relation: Relation) -> str:
    """A boolean column of that name, else the first name that is free: SQLite and MariaDB know no capitals."""
    there = {name.lower(): column for name, column in relation.columns.items()}
    fit = (name for name in _FLAGS if name not in there or there[name].base == "bool")
    name = next(fit, _FLAGS[-1])
    return there[name].name if name in there else name


def _customer(outline: Rules, root: Relation, column: str) -> dict[str, Any]:
    kind = customer_type(root.columns[column], uuids=outline.store.backend != "sqlite")
    return {"customer": {"type": kind, "column": column}}


def _filled(outline: Rules, catalog: Catalog, head: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    tables, remarks = {}, []
    for name, table in outline.tables.items():
        relation = catalog.relations[outline.store.schema_name, name]
        made = drafted(Subject(outline, catalog, name, table, relation, dialect_of(outline)))
        tables[name] = made.table
        remarks += made.remarks
    return head | {"tables": tables}, remarks


def _guesses(asked: Asked, table: str, column: str, others: list[str]) -> Iterator[str]:
    if asked.table is None:
        also = f" Called so too: {', '.join(others)}." if others else ""
        yield f"{table} is taken for the customers' table; name another one with --customer-table.{also}"
    if asked.column is None:
        yield f"{table}.{column} is taken for the id that product services send; or name one with --customer-column."


def _detours(outline: Rules, catalog: Catalog) -> Iterator[str]:
    schema = outline.store.schema_name
    reached = {(schema, name): (schema, table.parent) for name, table in outline.tables.items() if table.parent}
    for key in detours(catalog, (schema, outline.root), reached):
        columns, parent = ", ".join(key.columns), outline.tables[key.table[1]].parent
        told = f"{key.table[1]}.{columns} refers to {key.target[1]}"
        yield f"{told}: rows are " + (f"found through {parent} alone." if parent else "not followed that way.")


def _preflight(rules: Rules) -> list[str]:
    with closing(SqlStore(rules)) as store:
        return [_told(each) for each in store.preflight()]


def _told(found: Finding) -> str:
    repair = "`lapse rules ddl` adds it." if found.ddl else found.repair
    return f"{found.place}: {found.code}: {found.message} {repair}"


def _section(title: str, texts: Iterator[str] | list[str]) -> str:
    told = [f"- {text}" for text in texts]
    return f"\n{comment([f'{title}:', *told])}" if told else ""
