"""MariaDB: the live schema, from information_schema, which shows what the role may see."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam

from consumers.stores.sql.catalog import (
    Catalog,
    Check,
    Column,
    ForeignKey,
    Index,
    Relation,
    Trigger,
    grouped,
)
from consumers.stores.sql.names import statement

_KINDS = {"BASE TABLE": "r", "VIEW": "v", "SYSTEM VERSIONED": "h"}
_BASES = {
    "char": "bpchar",
    "tinytext": "text",
    "mediumtext": "text",
    "longtext": "text",
    "tinyint": "int1",
    "smallint": "int2",
    "mediumint": "int3",
    "int": "int4",
    "bigint": "int8",
    "decimal": "numeric",
    "float": "float4",
    "double": "float8",
    "datetime": "timestamp",
    "timestamp": "timestamptz",
}
_TEXT = {"varchar", "bpchar", "text"}
_TINYTEXT_LETTERS = 63  # 255 bytes
_LABEL = re.compile(r"'((?:[^']|'')*)'")
_NAME = re.compile(r'"((?:[^"]|"")+)"')  # as a session in ANSI mode is told a clause
_JSON = re.compile(rf"json_valid\({_NAME.pattern}\)")


def read_catalog(connection: Connection, schemas: Sequence[str]) -> Catalog:
    """Read the schemas with six statements."""
    asked = {"schemas": list(schemas)}
    columns, indexes, checks, triggers = (
        grouped(connection.execute(query, asked).mappings().all()) for query in (_COLUMNS, _INDEXES, _CHECKS, _TRIGGERS)
    )
    relations = {}
    for row in connection.execute(_RELATIONS, asked).mappings():
        table = (row["schema"], row["name"])
        rows = [each for each in checks.get(table, ()) if not _is_json(each["clause"])]
        documents = {_columns_of(each["clause"])[0] for each in checks.get(table, ()) if _is_json(each["clause"])}
        relations[table] = Relation(
            *table,
            _KINDS.get(row["type"], "other"),
            row_security=False,
            columns={each["name"]: _column(each, documents) for each in columns.get(table, ())},
            indexes=_indexes(indexes.get(table, ())),
            broken=frozenset(),
            checks=[_check(each) for each in rows],
            triggers=[_trigger(each) for each in triggers.get(table, ())],
            transactional=row["engine"] == "InnoDB" or row["type"] == "VIEW",
            placed_by=frozenset(_columns_of((row["expression"] or "").replace("`", '"'))),
        )
    return Catalog(relations, _foreign_keys(connection))


def _column(row: Mapping[Any, Any], documents: set[str]) -> Column:
    base = "json" if row["name"] in documents else _base(row)
    return Column(
        name=row["name"],
        type=_typed(row),
        base=base,
        category="E" if row["base"] == "enum" else "S" if base in _TEXT else "",
        length=_length(row, base),
        not_null=row["nullable"] == "NO",
        generated=row["generated"] == "ALWAYS",
        labels=frozenset(each.replace("''", "'") for each in _LABEL.findall(row["type"]) if row["base"] == "enum"),
        checked=False,
        collation=row["collation"] or "",
        on_update="on update" in row["extra"].lower(),
        sources=frozenset(_columns_of(row["expression"] or "")),
    )


def _base(row: Mapping[Any, Any]) -> str:
    if row["type"].startswith("tinyint(1)"):
        return "bool"
    base = _BASES.get(row["base"], row["base"])
    return f"u{base}" if base.startswith("int") and "unsigned" in row["type"] else base


def _typed(row: Mapping[Any, Any]) -> str:
    if not row["collation"]:
        return str(row["type"])
    return f"{row['type']} CHARACTER SET {row['charset']} COLLATE {row['collation']}"


def _length(row: Mapping[Any, Any], base: str) -> int | None:
    if row["base"] == "tinytext":
        return _TINYTEXT_LETTERS
    if base in {"varchar", "bpchar"}:
        return int(row["letters"])
    return int(row["digits"] - row["scale"]) if base == "numeric" else None


def _indexes(rows: Sequence[Mapping[Any, Any]]) -> list[Index]:
    named: dict[str, list[Mapping[Any, Any]]] = {}
    for row in rows:
        named.setdefault(row["name"], []).append(row)
    return [_index(name, parts) for name, parts in named.items() if _used(parts)]


def _used(parts: Sequence[Mapping[Any, Any]]) -> bool:
    # an ignored index serves no lookup, but a unique one still refuses
    return parts[0]["ignored"] != "YES" or not parts[0]["not_unique"]


def _index(name: str, parts: Sequence[Mapping[Any, Any]]) -> Index:
    return Index(
        name=name,
        columns=tuple("" if part["part"] is not None else part["column"] for part in parts),
        touched=frozenset(part["column"] for part in parts),
        unique=not parts[0]["not_unique"],
        primary=name == "PRIMARY",
        partial=False,
        nulls_equal=False,
        method=parts[0]["method"].lower(),
        constraint=False,
        definition=", ".join(f"{part['column']}({part['part']})" for part in parts),
    )


def _check(row: Mapping[Any, Any]) -> Check:
    return Check(row["name"], frozenset(_columns_of(row["clause"])), row["clause"])


def _is_json(clause: str) -> bool:
    return _JSON.fullmatch(clause) is not None


def _columns_of(clause: str) -> list[str]:
    return [name.replace('""', '"') for name in _NAME.findall(clause)]


def _trigger(row: Mapping[Any, Any]) -> Trigger:
    return Trigger(
        row["name"],
        is_rule=False,
        on_update=row["event"] == "UPDATE",
        on_delete=row["event"] == "DELETE",
        after=row["timing"] == "AFTER",
        definition=row["statement"],
    )


def _foreign_keys(connection: Connection) -> list[ForeignKey]:
    # not by their names: those the database gives to keys of a table with a long name are cut off, and then alike
    keys: list[list[Mapping[Any, Any]]] = []
    for row in connection.execute(_FOREIGN_KEYS).mappings():
        if row["position"] == 1:
            keys.append([])
        keys[-1].append(row)
    return [
        ForeignKey(
            rows[0]["name"],
            (rows[0]["schema"], rows[0]["relation"]),
            tuple(row["column"] for row in rows),
            (rows[0]["target_schema"], rows[0]["target"]),
            tuple(row["target_column"] for row in rows),
        )
        for rows in keys
    ]


def _asked(sql: str) -> Any:
    return statement(sql).bindparams(bindparam("schemas", expanding=True))


_RELATIONS = _asked("""
SELECT t.TABLE_SCHEMA AS "schema", t.TABLE_NAME AS name, t.TABLE_TYPE AS type, t.ENGINE AS engine, p.expression
FROM information_schema.TABLES AS t LEFT JOIN (
    SELECT TABLE_SCHEMA, TABLE_NAME, max(PARTITION_EXPRESSION) AS expression FROM information_schema.PARTITIONS
    WHERE TABLE_SCHEMA IN {{schemas}} GROUP BY TABLE_SCHEMA, TABLE_NAME
    -- the last partition takes what no other does
    HAVING max(PARTITION_METHOD) REGEXP '^(RANGE|LIST)' AND NOT max(PARTITION_DESCRIPTION IN ('MAXVALUE', 'DEFAULT'))
) AS p ON p.TABLE_SCHEMA = t.TABLE_SCHEMA AND p.TABLE_NAME = t.TABLE_NAME
WHERE t.TABLE_SCHEMA IN {{schemas}}
""")

_COLUMNS = _asked("""
SELECT TABLE_SCHEMA AS "schema", TABLE_NAME AS relation, COLUMN_NAME AS name, DATA_TYPE AS base, COLUMN_TYPE AS type,
       CHARACTER_MAXIMUM_LENGTH AS letters, NUMERIC_PRECISION AS digits, NUMERIC_SCALE AS scale,
       IS_NULLABLE AS nullable, IS_GENERATED AS "generated", CHARACTER_SET_NAME AS charset,
       COLLATION_NAME AS "collation", EXTRA AS extra, GENERATION_EXPRESSION AS expression
FROM information_schema.COLUMNS WHERE TABLE_SCHEMA IN {{schemas}} ORDER BY TABLE_NAME, ORDINAL_POSITION
""")

_INDEXES = _asked("""
SELECT TABLE_SCHEMA AS "schema", TABLE_NAME AS relation, INDEX_NAME AS name, COLUMN_NAME AS "column", SUB_PART AS part,
       NON_UNIQUE AS not_unique, INDEX_TYPE AS method, IGNORED AS "ignored"
FROM information_schema.STATISTICS WHERE TABLE_SCHEMA IN {{schemas}} ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX
""")

_CHECKS = _asked("""
SELECT CONSTRAINT_SCHEMA AS "schema", TABLE_NAME AS relation, CONSTRAINT_NAME AS name, CHECK_CLAUSE AS clause
FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA IN {{schemas}}
""")

# everywhere, because a table of any schema may refer to a customer
_FOREIGN_KEYS = statement("""
SELECT CONSTRAINT_NAME AS name, TABLE_SCHEMA AS "schema", TABLE_NAME AS relation, COLUMN_NAME AS "column",
       REFERENCED_TABLE_SCHEMA AS target_schema, REFERENCED_TABLE_NAME AS target,
       REFERENCED_COLUMN_NAME AS target_column, ORDINAL_POSITION AS position
FROM information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_NAME IS NOT NULL
""")

_TRIGGERS = _asked("""
SELECT EVENT_OBJECT_SCHEMA AS "schema", EVENT_OBJECT_TABLE AS relation, TRIGGER_NAME AS name,
       EVENT_MANIPULATION AS event, ACTION_TIMING AS timing, ACTION_STATEMENT AS statement
FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA IN {{schemas}}
""")
