"""A drawn schema as statements of a server."""

from collections.abc import Iterator

from tests.support.generated.model import Column, Schema, Table

TYPES = {
    "postgresql": {
        "text": "text", "varchar": "varchar({n})", "char": "char({n})", "small": "smallint", "int": "integer",
        "big": "bigint", "decimal": "numeric(9, 2)", "real": "real", "double": "double precision", "bool": "boolean",
        "date": "date", "time": "timestamp", "instant": "timestamptz", "uuid": "uuid", "enum": "mood",
        "bytes": "bytea", "document": "jsonb", "json": "json", "list": "text[]", "domain": "words",
        "checked": "few_words", "address": "inet",
    },
    "mariadb": {
        "text": "text", "varchar": "varchar({n})", "char": "char({n})", "small": "smallint", "int": "int",
        "big": "bigint", "unsigned": "int unsigned", "decimal": "decimal(9, 2)", "real": "float", "double": "double",
        "bool": "boolean", "date": "date", "time": "datetime(6)", "instant": "timestamp(6)", "uuid": "uuid",
        "enum": "enum('good', 'bad', 'it''s')", "bytes": "blob", "json": "json",
        "latin": "varchar({n}) CHARACTER SET latin1", "binary": "varchar({n}) COLLATE utf8mb4_bin", "clock": "time(3)",
        "set": "set('a', 'b')", "bits": "bit(5)", "changed": "timestamp(6)",
    },
    "sqlite": {
        "text": "text", "varchar": "varchar({n})", "nocase": "text COLLATE NOCASE", "int": "integer", "big": "bigint",
        "decimal": "decimal(9, 2)", "double": "real", "bool": "boolean", "date": "date", "time": "timestamp",
        "bytes": "blob", "json": "json", "untyped": "",
    },
}  # fmt: skip
TYPES_OF_POSTGRESQL = (
    "CREATE TYPE mood AS ENUM ('good', 'bad', 'it''s')",
    "CREATE DOMAIN words AS varchar(60)",
    "CREATE DOMAIN few_words AS text CHECK (length(VALUE) < 100)",
)
LAST_CHANGE = "DEFAULT '2020-01-01 00:00:00' ON UPDATE current_timestamp(6)"


def quote(name: str) -> str:
    """In double quotes: MariaDB's sessions are in ANSI mode."""
    return '"' + name.replace('"', '""') + '"'


def listed(names: tuple[str, ...] | list[str]) -> str:
    """Quoted, after one another."""
    return ", ".join(map(quote, names))


def tables(schema: Schema) -> Iterator[str]:
    """The types and tables. References of SQLite are among them: it cannot add any later."""
    yield from TYPES_OF_POSTGRESQL if schema.dialect == "postgresql" else ()
    for table in schema.everything:
        yield _table(schema, table)


def constraints(schema: Schema) -> Iterator[str]:
    """What is added once there are rows: uniqueness, references, indexes, and what a table has of its own."""
    for table in schema.everything:
        yield from _constraints(schema, table)
    for table in schema.everything if schema.dialect != "sqlite" else ():
        for key in _references(table):
            yield f"ALTER TABLE {quote(table.name)} ADD {key}"
    for table in schema.everything:
        yield from table.extras


def _table(schema: Schema, table: Table) -> str:
    lines = [_column(schema, table, each) for each in table.columns if not _is_lacking(table, each.name)]
    if table.key:
        lines.append(f"PRIMARY KEY ({listed(table.key)})")
    lines += _references(table) if schema.dialect == "sqlite" else []
    without = "" if table.rowid or schema.dialect != "sqlite" else " WITHOUT ROWID"
    return f"CREATE TABLE {quote(table.name)} ({', '.join(lines)}){without}"


def _is_lacking(table: Table, name: str) -> bool:
    return (name == table.flag and not table.flag_is_there) or (name == table.token and not table.token_is_there)


def _column(schema: Schema, table: Table, column: Column) -> str:
    typed = f"{quote(column.name)} {TYPES[schema.dialect][column.kind].format(n=column.size)}"
    if column.of:
        how = "" if column.nullable or schema.dialect == "mariadb" else " NOT NULL"
        return f"{typed} GENERATED ALWAYS AS ({_computed(schema, table, column)}) STORED{how}"
    if column.kind == "changed":
        return f"{typed} NOT NULL {LAST_CHANGE}"
    return f"{typed} {'NULL' if column.nullable else 'NOT NULL'} {column.default}"


def _computed(schema: Schema, table: Table, column: Column) -> str:
    source = quote(column.of)
    if column.kind in {"int", "big"}:
        return f"{source} / 2" if schema.dialect != "mariadb" else f"{source} DIV 2"
    return f"upper({source})" if table[column.of].kind != "char" else source


def _references(table: Table) -> list[str]:
    keys = []
    if table.parent is not None and table.join_is_foreign:
        theirs = list(table.join.values())
        keys.append(f"FOREIGN KEY ({listed([*table.join])}) REFERENCES {quote(table.parent.name)} ({listed(theirs)})")
    for each in table.references:
        target = f"{quote(each.target.name)} ({listed(each.target.key)})"
        keys.append(f"FOREIGN KEY ({listed(each.columns)}) REFERENCES {target} {each.action}")
    return keys


def _constraints(schema: Schema, table: Table) -> Iterator[str]:
    nulls = " NULLS NOT DISTINCT" if schema.dialect == "postgresql" else ""
    name = schema.everything.index(table)
    for number, columns in enumerate(table.uniques):
        yield f"CREATE UNIQUE INDEX u{name}_{number} ON {quote(table.name)} ({listed(columns)})"
    if table.token and table.token_is_there:
        columns = (*table.token_with, table.token)
        yield f"CREATE UNIQUE INDEX k{name} ON {quote(table.name)} ({listed(columns)}){nulls}"
    if table.is_indexed:
        looked_up = [*table.join] if table.parent is not None else [schema.customer]
        looked_up = looked_up if table in schema.tables else []
        if looked_up:
            yield f"CREATE INDEX j{name} ON {quote(table.name)} ({listed(looked_up)})"
