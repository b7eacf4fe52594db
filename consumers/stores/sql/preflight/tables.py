"""Tables and columns: there, of the right kind, and every one spoken for."""

from collections.abc import Iterator

from consumers.domain.work import Finding
from consumers.stores.rules.model import Rules
from consumers.stores.sql.catalog import Catalog
from consumers.stores.sql.dialect import Dialect
from consumers.stores.sql.links import resolve_join
from consumers.stores.sql.preflight.subject import Subject, lacking, subjects
from consumers.stores.sql.staged.identity import identity_of

_UUID_LENGTH = 36
TOKEN_TYPE = "char(36) NOT NULL DEFAULT ''"  # noqa: S105 - a type


def table_findings(rules: Rules, catalog: Catalog, dialect: Dialect) -> Iterator[Finding]:
    """Whether tables, columns, flag, token, key and customer column are there and fit."""
    yield from _relations(rules, catalog)
    for subject in subjects(rules, catalog, dialect):
        yield from _unknown_columns(subject)
        yield from _unmapped_columns(subject)
        yield from _flag(subject)
        yield from _token(subject)
        yield from _identity(subject)
        if subject.is_root:
            yield from _key(subject)


def _relations(rules: Rules, catalog: Catalog) -> Iterator[Finding]:
    schema = rules.store.schema_name
    for name in rules.tables:
        relation, place = catalog.relations.get((schema, name)), f"tables.{name}"
        if relation is None:
            yield Finding("unknown_table", place, f"no table {schema}.{name}.", "correct the name, or take it out.")
        elif relation.kind == "h":
            message = "the database keeps old versions of its rows."
            yield Finding("versioned", place, message, f"ALTER TABLE {relation.sql} DROP SYSTEM VERSIONING;")
        elif not relation.is_table:
            yield Finding("not_a_table", place, "a view or foreign table.", "map the tables below it instead.")
        elif relation.row_security:
            repair = "ALTER ROLE NAME BYPASSRLS; with the role of store.url."
            yield Finding("row_security", place, "row security would hide rows from Lapse.", repair)
        elif not relation.transactional:
            message = "its engine keeps what a transaction that fails had changed."
            yield Finding("engine", place, message, f"ALTER TABLE {relation.sql} ENGINE=InnoDB;")


def _unknown_columns(subject: Subject) -> Iterator[Finding]:
    for column, place in _named(subject):
        if column not in subject.relation.columns:
            yield Finding("unknown_column", place, f"no column {column}.", "correct the name, or take it out.")


def _named(subject: Subject) -> Iterator[tuple[str, str]]:
    table, place = subject.table, subject.place
    yield from ((column, f"{place}.mask.{column}") for column in table.mask)
    yield from ((column, f"{place}.keep.{column}") for column in table.kept)
    yield from ((column, f"{place}.key") for column in table.key)
    yield from ((column, f"{place}.join") for column in table.join or ())
    if table.token:
        yield from ((column, f"{place}.token.unique_with") for column in table.token.unique_with)
    for name, child in subject.rules.children(subject.name).items():
        yield from ((column, f"tables.{name}.join") for column in (child.join or {}).values())


def _unmapped_columns(subject: Subject) -> Iterator[Finding]:
    if subject.table.deletes:
        return
    for column in subject.relation.columns:
        if column not in _mapped(subject):
            message = f"the column {column} is neither masked nor kept."
            yield Finding("unmapped_column", subject.place, message, "mask it, or keep it with a reason.")


def _mapped(subject: Subject) -> set[str]:
    rules, table = subject.rules, subject.table
    mapped = {*table.mask, *table.kept, *table.key, *subject.own_columns}
    mapped.update(resolve_join(rules, subject.catalog, subject.name) or () if table.parent else ())
    for child in rules.children(subject.name):
        mapped.update((resolve_join(rules, subject.catalog, child) or {}).values())
    if lookup := rules.customer.lookup:
        mapped.update({lookup.match, *lookup.gives.values()} if subject.name == lookup.table else ())
    return mapped | (set(rules.customer_columns) if subject.is_root else set())


def _flag(subject: Subject) -> Iterator[Finding]:
    flag, place = subject.table.flag, f"{subject.place}.flag"
    if flag is None:
        return
    column = subject.relation.columns.get(flag)
    if column is None:
        yield lacking("missing_flag", place, f"no column {flag}.", subject.dialect.ddl.add_flag(subject.relation, flag))
    elif column.base != "bool":
        yield Finding("flag_type", place, f"the column {flag} is not boolean.", "name a boolean column.")


def _token(subject: Subject) -> Iterator[Finding]:
    token, relation = subject.table.token, subject.relation
    if token is None:
        return
    column = relation.columns.get(token.column)
    if column is None:
        ddl = subject.dialect.ddl.add_token(relation, token)
        yield lacking("missing_token", f"{subject.place}.token.column", f"no column {token.column}.", ddl)
        return
    fits = column.base == "uuid" or (column.is_text and (column.length or _UUID_LENGTH) >= _UUID_LENGTH)
    if not fits:
        repair = "name a column of type uuid, or text of 36 letters."
        yield Finding("token_type", f"{subject.place}.token.column", "the token cannot hold a UUID.", repair)
    elif not subject.dialect.token_fits(column):
        message = "NULL differs from NULL here: with such a token nobody would be unique who has none yet."
        repair = f"make the column {TOKEN_TYPE}."
        yield Finding("token_type", f"{subject.place}.token.column", message, repair)
    together = {*token.unique_with, token.column}
    if not together <= set(relation.columns):
        return  # said as unknown_column
    if not any(index.unique and index.plain and set(index.columns) == together for index in relation.indexes):
        message = "no unique constraint over exactly these columns and the token."
        ddl = subject.dialect.ddl.token_index(relation, token)
        yield lacking("token_unique", f"{subject.place}.token.unique_with", message, ddl)


def _identity(subject: Subject) -> Iterator[Finding]:
    """Where rows have no place of their own, a key has to tell them apart, and stay."""
    table, relation = subject.table, subject.relation
    if not subject.dialect.staged or not set(table.mask) <= set(relation.columns):
        return
    used = subject.changed or table.deletes or subject.rules.children(subject.name)
    key = set(identity_of(table, relation))
    replaced = {subject.rules.customer_column} if subject.name == subject.rules.customer_table else set()
    if used and (not key or key & set(table.mask) - replaced):
        message = "no key of columns that are never NULL and stay as they are tells its rows apart."
        repair = (
            f"give it a primary key: ALTER TABLE {relation.sql} ADD COLUMN row_id bigint AUTO_INCREMENT PRIMARY KEY;"
        )
        yield Finding("row_key", subject.place, message, repair)


def _key(subject: Subject) -> Iterator[Finding]:
    columns = [subject.relation.columns.get(name) for name in subject.table.key]
    if subject.relation.rowid or any(column is None for column in columns):
        return  # the rowid tells rows apart; a missing one is said as unknown_column
    nullable = [column.name for column in columns if column is not None and not column.not_null]
    if nullable or not subject.relation.is_unique(subject.table.key):
        ddl = subject.dialect.ddl.key(subject.relation, subject.table.key, nullable)
        yield Finding("key", f"{subject.place}.key", "these columns do not name one row each.", ddl)
