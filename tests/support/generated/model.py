"""A drawn schema, its rules and its rows as plain values."""

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

NUMBER = "nr"
"""The column that names a row in a test: of every table, kept, under no constraint."""
Row = dict[str, Any]


@dataclass
class Column:
    """`kind` is a word of `ddl.TYPES`; `strategy` is as the rules file writes it; `of` is what it is computed from."""

    name: str
    kind: str
    size: int = 0
    nullable: bool = True
    filled: bool = False  # may be NULL, and never is
    strategy: Any = None
    of: str = ""
    default: str = ""


@dataclass
class Reference:
    """A foreign key beside the join: from `columns` of its table to the primary key of `target`."""

    columns: tuple[str, ...]
    target: "Table"
    action: str = ""


@dataclass
class Table:
    """One table. `join` is child column: parent column; `shared`: rows of its parent may share one of it.

    `keeps_shared`: its rules say so.
    """

    name: str
    columns: list[Column]
    key: tuple[str, ...] = ()
    parent: "Table | None" = None
    join: dict[str, str] = field(default_factory=dict)
    join_is_written: bool = True
    join_is_foreign: bool = False
    shared: bool = False
    keeps_shared: bool = False
    uniques: list[tuple[str, ...]] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    extras: list[str] = field(default_factory=list)  # DDL of its own, behind the rows
    rowid: bool = True
    deletes: bool = False
    since: str = ""
    named_key: tuple[str, ...] = ()
    flag: str = ""
    token: str = ""
    token_with: tuple[str, ...] = ()
    token_is_there: bool = True
    flag_is_there: bool = True
    is_indexed: bool = True
    accepts_scan: bool = False
    rows: list[Row] = field(default_factory=list)

    def __getitem__(self, name: str) -> Column:
        """Its column of this name."""
        return next(each for each in self.columns if each.name == name)

    @property
    def masked(self) -> dict[str, Any]:
        """Strategies by column."""
        return {} if self.deletes else {each.name: each.strategy for each in self.columns if each.strategy is not None}

    @property
    def changes(self) -> bool:
        """Whether a run changes its rows."""
        return bool(self.deletes or self.masked or self.flag or self.token)

    @property
    def own(self) -> list[str]:
        """Lapse's own columns."""
        return [name for name in (self.flag, self.token) if name]

    def put(self, column: Column) -> Column:
        """Add a column."""
        self.columns.append(column)
        return column


@dataclass
class Schema:
    """What was drawn. `tables` begin with the root; `others` are not in the rules but refer to what is."""

    dialect: str
    seed: int
    tables: list[Table]
    customer: str
    customer_type: str
    others: list[Table] = field(default_factory=list)
    has_ledger: bool = True
    ledger_is_there: bool = True
    unmapped: tuple[Table, str] | None = None

    @property
    def root(self) -> Table:
        """The table with the customer id."""
        return self.tables[0]

    @property
    def everything(self) -> list[Table]:
        """All tables."""
        return [*self.tables, *self.others]

    def children(self, table: Table) -> list[Table]:
        """The tables below this one."""
        return [each for each in self.tables if each.parent is table]

    def lineage(self, table: Table) -> list[Table]:
        """The tables from this one up to the root, both included."""
        return [table, *self.lineage(table.parent)] if table.parent else [table]

    def changes_at_or_below(self, table: Table) -> bool:
        """Whether a run changes rows of this table, or of one that hangs on it."""
        return table.changes or any(map(self.changes_at_or_below, self.children(table)))

    def kept(self, table: Table) -> list[str]:
        """Columns that the rules have to keep by name."""
        spoken_for = {*table.masked, *table.named_key, *table.join, *table.own}
        spoken_for |= {theirs for child in self.children(table) for theirs in child.join.values()}
        spoken_for |= {self.customer} if table is self.root else set()
        left_out = self.unmapped[1] if self.unmapped and self.unmapped[0] is table else None
        return [each.name for each in table.columns if each.name not in spoken_for and each.name != left_out]

    def document(self, url: str, schema: str) -> str:
        """The rules file."""
        return written(
            {
                "version": 1,
                "service": "crm",
                "purpose": "marketing",
                "store": {"kind": "sql", "url": url, "schema": schema, "statement_timeout": "20s"},
                "customer": {"type": self.customer_type, "column": self.customer},
                "ledger": {"schema": schema} if self.has_ledger else "none",
                "tables": {each.name: dict(self._rules(each)) for each in self.tables},
                "ignore": {"reference data": [each.name for each in self.others]},
            }
        )

    def _rules(self, table: Table) -> Iterator[tuple[str, Any]]:
        if table.parent is not None:
            yield "parent", table.parent.name
            if table.join_is_written:
                yield "join", table.join
        if table.named_key:
            yield "key", table.named_key
        if table.flag:
            yield "flag", table.flag
        if table.token:
            yield "token", {"column": table.token, "unique_with": table.token_with}
        words = {
            "shared": "keep" if table.keeps_shared else None,
            "since": table.since,
            "index": {"accept_scan": "few rows"} if table.accepts_scan else None,
        }
        yield from ((name, word) for name, word in words.items() if word)
        if table.deletes:
            yield "rows", "delete"
            return
        yield "mask", table.masked
        if kept := self.kept(table):
            yield "keep", {"it is needed": kept}


def written(value: Any) -> str:
    """YAML in one line; JSON with dates."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)}: {written(each)}" for key, each in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(written, value)) + "]"
    return value.isoformat() if isinstance(value, dt.date) else json.dumps(value)
