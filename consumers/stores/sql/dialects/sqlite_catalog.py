"""SQLite: the live schema, from its pragmas; what those do not tell, from the text of CREATE TABLE and TRIGGER."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlglot
from sqlalchemy import Connection, text
from sqlglot import exp
from sqlglot.errors import SqlglotError

from consumers.stores.sql.catalog import Catalog, Check, Column, ForeignKey, Index, Relation, Trigger

MAIN = "main"
_KINDS = {"table": "r", "view": "v"}
_ROWIDS = ("rowid", "_rowid_", "oid")
_TRIGGER = re.compile(r"\b(DELETE|INSERT|UPDATE)\b[^;]*?\bON\b", re.IGNORECASE | re.DOTALL)
_BASES = (  # the first that the declared type contains
    ("BOOL", "bool"),
    ("INT", "int8"),
    ("CHAR", "varchar"),
    ("CLOB", "text"),
    ("TEXT", "text"),
    ("UUID", "uuid"),
    ("JSON", "json"),
    ("DATETIME", "timestamp"),
    ("TIMESTAMP", "timestamp"),
    ("DATE", "date"),
    ("REAL", "float8"),
    ("FLOA", "float8"),
    ("DOUB", "float8"),
    ("NUMERIC", "numeric"),
    ("DECIMAL", "numeric"),
)


def read_catalog(connection: Connection) -> Catalog:
    """Read the file's own schema; attached and temporary ones are not a service's."""
    listing = (
        "SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    tables = connection.execute(text(listing)).all()
    relations = {(MAIN, name): _relation(connection, name, kind, bool(wr)) for name, kind, wr in tables}
    keys = [key for (_, name) in relations for key in _foreign_keys(connection, name, relations)]
    return Catalog(relations, keys)


def _asked(connection: Connection, pragma: str, name: str) -> Sequence[Any]:
    # a function of the pragma's name takes the table's as a value
    return connection.execute(text(f"SELECT * FROM {pragma}(:name)"), {"name": name}).all()  # noqa: S608 - a constant


def _relation(connection: Connection, name: str, kind: str, without_rowid: bool) -> Relation:
    columns = _asked(connection, "pragma_table_xinfo", name)
    primary = [each.name for each in sorted(columns, key=lambda each: each.pk) if each.pk]
    alias = not without_rowid and len(primary) == 1 and _declared(columns, primary[0]) == "INTEGER"
    made = {
        each.name: _column(each, not_null=bool(each.notnull) or (bool(each.pk) and (alias or without_rowid)))
        for each in columns
    }
    written = _written(connection, name)
    if any(each.generated for each in made.values()):
        made = {each: column._replace(sources=_sources(written, column, made)) for each, column in made.items()}
    indexes = [_index(connection, each) for each in _asked(connection, "pragma_index_list", name)]
    if alias:
        indexes.append(_unique(name, primary))
    free = next(each for each in (*_ROWIDS, "") if each not in {column.lower() for column in made})
    said = list(_checks(written, frozenset(made))) if kind == "table" else []
    for document in {each for each in said if isinstance(each, str)}:
        made[document] = made[document]._replace(base="json", category="")
    return Relation(
        MAIN,
        name,
        _KINDS.get(kind, "other"),
        row_security=False,
        columns=made,
        indexes=indexes,
        broken=frozenset(),
        checks=[each for each in said if isinstance(each, Check)],
        triggers=_triggers(connection, name),
        rowid="" if without_rowid or kind != "table" else free,
    )


def _declared(columns: Sequence[Any], name: str) -> str:
    return next(str(each.type).upper() for each in columns if each.name == name)


def _column(row: Any, *, not_null: bool) -> Column:
    declared = str(row.type).upper()
    base = next((base for part, base in _BASES if part in declared), "blob")
    return Column(
        name=row.name,
        type=row.type,
        base=base,
        category="S" if base in {"varchar", "text"} else "",
        length=None,  # SQLite lets texts of any length into varchar(n)
        not_null=not_null,
        generated=row.hidden in {2, 3},
        labels=frozenset(),
        checked=False,
    )


def _index(connection: Connection, row: Any) -> Index:
    parts = [each for each in _asked(connection, "pragma_index_xinfo", row.name) if each.key]
    written = connection.execute(text("SELECT sql FROM sqlite_schema WHERE name = :name"), {"name": row.name}).scalar()
    return Index(
        name=row.name,
        columns=tuple(each.name or "" for each in parts),
        touched=frozenset(each.name for each in parts if each.name),
        unique=bool(row.unique),
        primary=row.origin == "pk",
        partial=bool(row.partial),
        nulls_equal=False,
        method="btree",
        constraint=row.origin != "c",
        definition=written or "",
    )


def _unique(table: str, columns: Sequence[str]) -> Index:
    named = frozenset(columns)
    return Index(f"{table}_rowid", tuple(columns), named, True, True, False, False, "btree", constraint=True)  # noqa: FBT003


def _written(connection: Connection, name: str) -> str:
    query = text("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = :name")
    return connection.execute(query, {"name": name}).scalar() or ""


def _checks(written: str, columns: frozenset[str]) -> Iterator[Check | str]:
    """Check constraints, or the column of one that only says its text is JSON.

    What cannot be parsed is taken for one over every column.
    """
    if "CHECK" not in written.upper():
        return
    try:
        parsed = sqlglot.parse_one(written, read="sqlite")
    except SqlglotError:
        yield Check("of a table that cannot be read", columns, written)
        return
    if isinstance(parsed, exp.Command):  # what it does not know it takes for one word
        yield Check("of a table that cannot be read", columns)
    for number, check in enumerate(parsed.find_all(exp.CheckColumnConstraint, exp.Check)):
        named = {each.name for each in check.find_all(exp.Column)} or columns
        about = frozenset(columns & named)
        definition = check.sql(dialect="sqlite")
        is_json = len(about) == 1 and _is_json(check.this)
        yield next(iter(about)) if is_json else Check(f"check_{number}", about, definition)


def _is_json(said: exp.Expr) -> bool:
    """Whether it is json_valid(column), NULL allowed or not."""
    said = said.unnest()
    if isinstance(said, exp.Or):
        return _is_json(said.left) and isinstance(said.right.unnest(), exp.Is) and said.right.find(exp.Null) is not None
    bare = isinstance(said, exp.Anonymous) and all(isinstance(each, exp.Column) for each in said.expressions)
    return bare and said.name.lower() == "json_valid"


def _sources(written: str, column: Column, columns: Iterable[str]) -> frozenset[str]:
    """What a generated column is computed from; what cannot be parsed is taken for computed from every other."""
    if not column.generated:
        return frozenset()
    every = frozenset(columns) - {column.name}
    try:
        parsed = sqlglot.parse_one(written, read="sqlite")
    except SqlglotError:
        return every
    mine = [each for each in parsed.find_all(exp.ColumnDef) if each.name.lower() == column.name.lower()]
    named = {found.name.lower() for each in mine for found in each.find_all(exp.Column)}
    return frozenset(each for each in every if each.lower() in named) or every


def _triggers(connection: Connection, name: str) -> list[Trigger]:
    query = text("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = :name COLLATE NOCASE")
    return [_trigger(row.name, row.sql) for row in connection.execute(query, {"name": name})]


def _trigger(name: str, written: str) -> Trigger:
    # behind its name, which may be called as an event
    behind = written.partition(name)[2]
    event = _TRIGGER.search(behind)
    happens = event[1].upper() if event else "UPDATE"
    return Trigger(
        name,
        is_rule=False,
        on_update=happens == "UPDATE",
        on_delete=happens == "DELETE",
        after=event is not None and "AFTER" in behind[: event.start()].upper(),
        definition=written,
    )


def _foreign_keys(connection: Connection, table: str, relations: Any) -> Iterator[ForeignKey]:
    keys: dict[int, list[Any]] = {}
    for row in _asked(connection, "pragma_foreign_key_list", table):
        keys.setdefault(row.id, []).append(row)
    for number, rows in keys.items():
        target = _spelled(rows[0].table, (name for _, name in relations))
        columns = tuple(each.to for each in rows)
        if None in columns:
            columns = relations[MAIN, target].primary_key if (MAIN, target) in relations else ()
        own = [_spelled(getattr(each, "from"), relations[MAIN, table].columns) for each in rows]
        there = relations[MAIN, target].columns if (MAIN, target) in relations else ()
        columns = tuple(_spelled(each, there) for each in columns)
        yield ForeignKey(f"{table}_{number}", (MAIN, table), tuple(own), (MAIN, target), columns)


def _spelled(name: str, there: Iterable[str]) -> str:
    """The name of a table or column as it was made: a foreign key may spell it otherwise."""
    return next((known for known in there if known.lower() == name.lower()), name)
