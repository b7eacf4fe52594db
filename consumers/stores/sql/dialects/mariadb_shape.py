"""MariaDB: what tells that a table is another than it was."""

from collections.abc import Mapping, Sequence

from sqlalchemy import TextClause

from consumers.stores.sql.names import statement

# view of information_schema: its columns for schema and table, what is hashed of it
_PARTS = {
    "COLUMNS": (
        "TABLE_SCHEMA",
        "TABLE_NAME",
        "COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLLATION_NAME, EXTRA, GENERATION_EXPRESSION",
    ),
    "STATISTICS": ("TABLE_SCHEMA", "TABLE_NAME", "INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME, NON_UNIQUE, SUB_PART"),
    "CHECK_CONSTRAINTS": ("CONSTRAINT_SCHEMA", "TABLE_NAME", "CONSTRAINT_NAME, CHECK_CLAUSE"),
    "KEY_COLUMN_USAGE": ("TABLE_SCHEMA", "TABLE_NAME", "CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_NAME"),
    "TRIGGERS": ("EVENT_OBJECT_SCHEMA", "EVENT_OBJECT_TABLE", "TRIGGER_NAME, EVENT_MANIPULATION, CREATED"),
}


def shape_of(schema: str, tables: Sequence[str]) -> tuple[TextClause, Mapping[str, str]]:
    """One statement, and its parameters: a table's name by itself lets the server look at that table alone."""
    parts = [_part(view, number) for number, _ in enumerate(tables) for view in _PARTS]
    named = {f"t{number}": table for number, table in enumerate(tables)}
    return statement(" UNION ALL ".join(parts)), {"schema": schema, **named}


def _part(view: str, number: int) -> str:
    schema, table, columns = _PARTS[view]
    cells = ", ".join(f"ifnull({each}, '-')" for each in columns.split(", "))
    # a sum of bits, whatever their order; a text of all of them would be cut
    hashed = f"bit_xor(CAST(conv(left(md5(concat_ws(',', {cells})), 16), 16, 10) AS unsigned))"
    return (
        f"SELECT {number}, count(*), {hashed} FROM information_schema.{view} "  # noqa: S608 - constants
        f"WHERE {schema} = {{{{schema}}}} AND {table} = {{{{t{number}}}}}"
    )
