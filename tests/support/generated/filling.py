"""Rows of a drawn schema: two customers to be anonymized, their neighbours, and rows of nobody."""

import random
import uuid
from typing import Any

from tests.support.generated.model import NUMBER, Column, Row, Schema, Table
from tests.support.generated.strategies import TEXTS

NASTY = (
    "", " ", "Anna", "anna", "O'Hara", 'say "hi"', "100%", "a:b", "back\\slash", "Åsa Öberg", "😀 x", "line\nbreak",
    "trail ", "NULL", "{{customers}}", "%s", "0", "X", "\u200bzero width", "a;b--",
)  # fmt: skip
# bucket rounds down: no number is less than its size above the least of its type, which the manual refuses
VALUES: dict[str, tuple[Any, ...]] = {
    "latin": ("", "Anna", "anna", "O'Hara", "100%", "a:b", "back\\slash", "tråd"),
    "small": (-32760, -1, 0, 7, 32767),
    "int": (-2147483640, -15, 0, 19, 2147483647),
    "big": (-(2**63) + 20, -15, 0, 19, 2**63 - 1),
    "unsigned": (0, 19, 2**32 - 1),
    "decimal": ("-9999.99", "-15.5", "0.00", "19.01", "9999999.99"),
    "real": (-1.5, 0.0, 0.1, 16777216.0),
    "double": (-1.5, 0.0, 0.1, 1e300),
    "bool": (True, False),
    "date": ("1000-01-01", "1980-05-17", "2024-02-29", "9999-12-31"),
    "time": ("1000-01-01 00:00:00", "1980-05-17 23:59:59.123456", "9999-12-31 23:59:59"),
    "instant": ("1980-05-17 23:59:59.123456", "2024-02-29 12:00:00", "2037-12-31 23:59:59"),
    "changed": ("1980-05-17 23:59:59.123456", "2024-02-29 12:00:00"),
    "enum": ("good", "bad", "it's"),
    "bytes": (b"", b"\x00\xff", b"abc"),
    "document": ('{"a": 1, "b": [2], "c": {"a2": 3}}', '{"b": null}', "{}", '{"c": "x"}'),
    "json": ('{"a":  1, "a": 2}', "[1, 2]", "null"),
    "list": (["a", "b,c"], [], ["x y", "NULL"]),
    "address": ("10.0.0.1", "::1"),
    "clock": ("12:34:56.789", "-01:00:00"),
    "set": ("a", "a,b", ""),
    "bits": (0, 5, 31),
}
GROUPS = (1, 2, 3)


class Filling:
    """The rows of one schema."""

    def __init__(self, schema: Schema) -> None:
        self.random = random.Random(f"rows {schema.dialect} {schema.seed}")
        self.schema, self.numbers = schema, 0
        names = [f"u{number}" for number in range(1, 7)]
        if schema.customer_type == "integer":
            names = ["1", "11", "-1", "0", "9007199254740993", "2147483647"]
        elif schema.customer_type == "uuid":
            names = [str(uuid.UUID(int=self.random.getrandbits(128), version=4)) for _ in names]
        elif not self._must_differ():
            names = ["u1", "u2", "U1", "u1x", "ú1", "u"]
        if (
            schema.customer_type == "integer"
            and schema.root[schema.customer].kind == "int"
            and schema.dialect != "sqlite"
        ):
            names[4] = "12345"
        self.customers = names[:5]
        self.absent = names[5]

    def _must_differ(self) -> bool:
        root, customer = self.schema.root, self.schema.customer
        return self.schema.dialect != "postgresql" and (
            (customer,) in [*root.uniques, root.key] or customer in root.key
        )

    def fill(self) -> None:
        """Rows of every table, parents first."""
        for table in self.schema.everything:
            if table is self.schema.root:
                self._root(table)
            elif table.parent is None:
                for _ in range(4):
                    self._row(table, {})
            else:
                self._below(table)
        for table in self.schema.everything:
            self._refer(table)

    def _root(self, table: Table) -> None:
        customer, only_one = self.schema.customer, (self.schema.customer,) in [*table.uniques, table.key]
        for each in self.customers:
            for _ in range(1 if only_one else self.random.choice((1, 1, 2, 3))):
                row = self._row(table, {customer: int(each) if self.schema.customer_type == "integer" else each})
                if table.flag and table.flag_is_there:
                    row[table.flag] = self.random.random() < 0.15

    def _below(self, table: Table) -> None:
        assert table.parent is not None
        if table.shared:
            [(own, _)] = table.join.items()
            for group in GROUPS:
                for _ in range(1 if own in table.key else self.random.choice((1, 2))):
                    self._row(table, {own: group})
            return
        for above in table.parent.rows:
            for _ in range(self.random.choice((0, 1, 1, 2))):
                joined = {own: above[theirs] for own, theirs in table.join.items()}
                if all(value is not None or table[own].nullable for own, value in joined.items()):
                    self._row(table, joined)
        if all(table[own].nullable for own in table.join):
            self._row(table, dict.fromkeys(table.join))

    def _row(self, table: Table, given: Row) -> Row:
        self.numbers += 1
        row: Row = {}
        for column in table.columns:
            if column.of or column.name in table.own:
                continue
            row[column.name] = given[column.name] if column.name in given else self._cell(table, column)
        row[NUMBER] = self.numbers
        if table.token and table.token_is_there:
            row[table.token] = None if self.schema.dialect == "postgresql" else ""
        table.rows.append(row)
        return row

    def _cell(self, table: Table, column: Column) -> Any:
        distinct = column.name in table.key or any(column.name in each for each in table.uniques)
        distinct = distinct or column.name in table.token_with
        if distinct:
            return self._distinct(column)
        if any(
            theirs == column.name and child.shared
            for child in self.schema.children(table)
            for theirs in child.join.values()
        ):
            return self.random.choice((*GROUPS, None) if column.nullable else GROUPS)
        if column.nullable and not column.filled and self.random.random() < 0.2:
            return None
        return self._value(column)

    def _distinct(self, column: Column) -> Any:
        number = self.numbers
        if column.kind in TEXTS:
            return f"{number}{self.random.choice(('', '-x', '%', chr(39)))}" if column.kind != "char" else f"{number}"
        return str(uuid.UUID(int=number, version=4)) if column.kind == "uuid" else number

    def _value(self, column: Column) -> Any:
        if column.kind == "uuid":
            return str(uuid.UUID(int=self.random.getrandbits(128), version=4))
        value = self.random.choice(VALUES.get(column.kind, NASTY))
        return value.rstrip() if column.kind == "char" else value

    def _refer(self, table: Table) -> None:
        """References beside the join, to anybody's rows."""
        for each in table.references:
            for row in table.rows:
                nullable = all(table[name].nullable for name in each.columns)
                target = (
                    None if nullable and self.random.random() < 0.4 else self.random.choice(each.target.rows or [None])
                )
                if target is None and not nullable:
                    target = row
                for own, theirs in zip(each.columns, each.target.key, strict=True):
                    # a column that carries groups keeps them: they are the keys of what is looked up
                    if row.get(own) not in GROUPS or not each.target.shared:
                        row[own] = target[theirs] if target else None


def fill(schema: Schema) -> Filling:
    """Give every table its rows."""
    filling = Filling(schema)
    filling.fill()
    return filling
