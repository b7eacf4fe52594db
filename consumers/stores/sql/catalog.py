"""The live schema as plain values: what the rules are checked against and statements are built from."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from consumers.stores.rules.declared import Family
from consumers.stores.sql import catalog_queries as ask
from consumers.stores.sql.names import qualified

TableName = tuple[str, str]  # schema, name
_BITS = {"int1": 8, "int2": 16, "int3": 24, "int4": 32, "int8": 64}
INTEGERS = {name: range(-(2 ** (bits - 1)), 2 ** (bits - 1)) for name, bits in _BITS.items()}
INTEGERS |= {f"u{name}": range(2**bits) for name, bits in _BITS.items()}
_FAMILIES: Mapping[str, Family] = {
    **dict.fromkeys(INTEGERS, "whole"),
    "numeric": "numeric",
    "float4": "float",
    "float8": "float",
    "bool": "boolean",
    "uuid": "uuid",
    "json": "json",
    "jsonb": "json",
}


class Column(NamedTuple):
    """One column. `base` is the type below a domain; `category` is PostgreSQL's (S text, N number, D date, E enum).

    `length` is the letters of varchar(n) and char(n), the digits before the point of numeric(p, s). `collation` and
    `on_update`, a value the database sets with every change of the row, are MariaDB's. `sources` are the columns that a
    generated one is computed from.
    """

    name: str
    type: str
    base: str
    category: str
    length: int | None
    not_null: bool
    generated: bool
    labels: frozenset[str]
    checked: bool
    collation: str = ""
    on_update: bool = False
    sources: frozenset[str] = frozenset()

    @property
    def is_text(self) -> bool:
        """Whether text functions give back what fits here."""
        return self.category == "S" and self.base in {"text", "varchar", "bpchar", "citext"}

    @property
    def is_date(self) -> bool:
        """Whether it holds a day, with or without a time."""
        return self.base in {"date", "timestamp", "timestamptz"}

    @property
    def family(self) -> Family:
        """What strategies call the type."""
        if self.is_text or self.is_date:
            return "text" if self.is_text else "date"
        return "enum" if self.category == "E" else _FAMILIES.get(self.base, "other")


class Index(NamedTuple):
    """One valid index. `columns` in order, "" for an expression; `touched` also names those inside expressions.

    `definition` is the database's own text, as it is of checks and triggers. `partition` is the one part of the table
    that has it, where not all do.
    """

    name: str
    columns: tuple[str, ...]
    touched: frozenset[str]
    unique: bool
    primary: bool
    partial: bool
    nulls_equal: bool
    method: str
    constraint: bool
    definition: str = ""
    partition: TableName | None = None

    @property
    def plain(self) -> bool:
        """Whether it holds every row under the bare values of its columns."""
        return not self.partial and "" not in self.columns


class Check(NamedTuple):
    """A check or exclusion constraint and the columns it reads."""

    name: str
    columns: frozenset[str]
    definition: str = ""
    partition: TableName | None = None


class Trigger(NamedTuple):
    """A user's trigger or rewrite rule that is switched on. `after`: it runs once a row has been changed."""

    name: str
    is_rule: bool
    on_update: bool
    on_delete: bool
    after: bool = False
    definition: str = ""
    partition: TableName | None = None


class ForeignKey(NamedTuple):
    """`table(columns)` refers to `target(target_columns)`. `deferrable`: not always checked at once."""

    name: str
    table: TableName
    columns: tuple[str, ...]
    target: TableName
    target_columns: tuple[str, ...]
    deferrable: bool = False


class Relation(NamedTuple):
    """A table, view or the like. `kind` is pg_class.relkind, or h where old versions of rows are kept.

    `broken` names indexes never built to the end; `rowid` is SQLite's own number of each row, where it has one;
    `partition`: it is a part of another table. `placed_by` are the columns of a partition key where a value may find no
    partition.
    """

    schema: str
    name: str
    kind: str
    row_security: bool
    columns: Mapping[str, Column]
    indexes: Sequence[Index]
    broken: frozenset[str]
    checks: Sequence[Check]
    triggers: Sequence[Trigger]
    transactional: bool = True
    rowid: str = ""
    partition: bool = False
    placed_by: frozenset[str] = frozenset()

    @property
    def sql(self) -> str:
        """Its name in a statement."""
        return qualified(self.schema, self.name)

    @property
    def is_table(self) -> bool:
        """Whether it is an ordinary or partitioned table."""
        return self.kind in {"r", "p"}

    @property
    def primary_key(self) -> tuple[str, ...]:
        """Columns of the primary key, or none."""
        return next((index.columns for index in self.indexes if index.primary), ())

    def is_unique(self, columns: Iterable[str]) -> bool:
        """Whether at most one row can have given values in these columns."""
        given = set(columns)
        return any(index.unique and index.plain and given >= set(index.columns) for index in self.indexes)


class Catalog(NamedTuple):
    """What was read: the relations of the asked schemas, the foreign keys of the whole database."""

    relations: Mapping[TableName, Relation]
    foreign_keys: Sequence[ForeignKey]


def read_catalog(connection: Connection, schemas: Sequence[str]) -> Catalog:
    """Read the schemas with six statements."""
    asked = {"schemas": list(schemas)}
    columns, indexes, checks, triggers = (
        grouped(connection.execute(query, asked).mappings().all())
        for query in (ask.COLUMNS, ask.INDEXES, ask.CHECKS, ask.TRIGGERS)
    )
    relations = {}
    for row in connection.execute(ask.RELATIONS, asked).mappings():
        table = (row["schema"], row["name"])
        relations[table] = Relation(
            *table,
            row["kind"],
            row["row_security"],
            {found["name"]: _column(found) for found in columns.get(table, ())},
            [_index(found) for found in indexes.get(table, ()) if found["valid"]],
            frozenset(found["name"] for found in indexes.get(table, ()) if not found["valid"]),
            [_check(found) for found in checks.get(table, ())],
            [_trigger(found) for found in triggers.get(table, ())],
            partition=row["partition"],
            placed_by=frozenset(row["placed_by"] or ()),
        )
    return Catalog(relations, [_foreign_key(row) for row in connection.execute(ask.FOREIGN_KEYS).mappings()])


def grouped(rows: Iterable[Mapping[Any, Any]]) -> dict[TableName, list[Mapping[Any, Any]]]:
    """Rows by their `schema` and `relation`, in their order."""
    groups: dict[TableName, list[Mapping[Any, Any]]] = {}
    for row in rows:
        groups.setdefault((row["schema"], row["relation"]), []).append(row)
    return groups


def _column(row: Mapping[Any, Any]) -> Column:
    return Column(
        name=row["name"],
        type=qualified(row["type_schema"], row["type_name"]),
        base=row["base"],
        category=row["category"],
        length=row["length"],
        not_null=row["not_null"],
        generated=row["generated"],
        labels=frozenset(row["labels"] or ()),
        checked=row["checked"],
        sources=frozenset(row["sources"] or ()),
    )


def _index(row: Mapping[Any, Any]) -> Index:
    return Index(
        name=row["name"],
        columns=tuple(row["columns"]),
        touched=frozenset(row["touched"] or ()) | frozenset(row["columns"]) - {""},
        unique=row["is_unique"],
        primary=row["is_primary"],
        partial=row["partial"],
        nulls_equal=row["nulls_equal"],
        method=row["method"],
        constraint=row["is_constraint"],
        definition=row["definition"],
        partition=_partition(row),
    )


def _check(row: Mapping[Any, Any]) -> Check:
    return Check(row["name"], frozenset(row["columns"] or ()), row["definition"], _partition(row))


def _trigger(row: Mapping[Any, Any]) -> Trigger:
    return Trigger(
        row["name"],
        row["is_rule"],
        row["on_update"],
        row["on_delete"],
        after=row["after"],
        definition=row["definition"],
        partition=_partition(row),
    )


def _partition(row: Mapping[Any, Any]) -> TableName | None:
    return (row["partition"][0], row["partition"][1]) if row["partition"] else None


def _foreign_key(row: Mapping[Any, Any]) -> ForeignKey:
    return ForeignKey(
        row["name"],
        (row["schema"], row["relation"]),
        tuple(row["columns"]),
        (row["target_schema"], row["target"]),
        tuple(row["target_columns"]),
        row["deferrable"],
    )
