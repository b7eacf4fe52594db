"""Northwind, a shop's data as PostgreSQL dumps them, and the same for MariaDB. The dump is not part of this repository.

Its path comes from the environment; what is there is read, never copied.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

VARIABLE = "LAPSE_NORTHWIND_SQL"
PATH = os.environ.get(VARIABLE)
needed = pytest.mark.skipif(PATH is None, reason=f"{VARIABLE} names no dump of Northwind, which is not ours to ship")

Rows = dict[str, list[tuple[Any, ...]]]

_TABLE = re.compile(r"CREATE TABLE (\w+) \((.*?)\n\);", re.DOTALL)
_COLUMN = re.compile(r"^ {4}(\w+) (.+?)(?: NOT NULL)?,?$", re.MULTILINE)
_ROW = re.compile(r"^INSERT INTO (\w+) VALUES (\(.*\));$", re.MULTILINE)
_KEY = re.compile(r"ALTER TABLE ONLY (\w+)\s+ADD CONSTRAINT (\w+) PRIMARY KEY \(([\w, ]+)\);")
_REFERENCE = re.compile(r"ALTER TABLE ONLY (\w+)\s+ADD CONSTRAINT (\w+) FOREIGN KEY \((\w+)\) REFERENCES (\w+);")
_BYTES = re.compile(r"'\\x([0-9a-f]*)'")
_TYPES = {"bytea": "longblob", "real": "float"}
# every customer has a demographic, of which the dump has none
_DEMOGRAPHICS = """
INSERT INTO customer_demographics VALUES ('VIP', 'made for this test');
INSERT INTO customer_customer_demo SELECT customer_id, 'VIP' FROM customers;
"""


def postgresql() -> str:
    """The dump as it is, and a demographic for every customer."""
    return _dump() + _DEMOGRAPHICS


def mariadb() -> str:
    """The same tables, rows, keys and foreign keys in MariaDB's words, a statement a line."""
    dump = _dump()
    return ";\n".join(
        [
            # a backslash is a letter in the dump
            "SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES'",
            *(f"CREATE TABLE {name} ({_columns(body)})" for name, body in _TABLE.findall(dump)),
            *_inserts(dump),
            *(f"ALTER TABLE {table} ADD PRIMARY KEY ({columns})" for table, _, columns in _KEY.findall(dump)),
            *_references(dump),
            *filter(None, _DEMOGRAPHICS.strip().split(";\n")),
        ]
    )


def columns() -> dict[str, list[str]]:
    """Column names by table, as the dump makes them."""
    return {name: [column for column, _ in _COLUMN.findall(body)] for name, body in _TABLE.findall(_dump())}


def _dump() -> str:
    return Path(PATH or "").read_text("utf-8")


def _columns(body: str) -> str:
    made = body.replace("character varying", "varchar")
    for theirs, ours in _TYPES.items():
        made = re.sub(rf" {theirs}\b", f" {ours}", made)
    return " ".join(made.split())


def _inserts(dump: str) -> Iterator[str]:
    by_table: dict[str, list[str]] = {}
    for table, row in _ROW.findall(dump):
        by_table.setdefault(table, []).append(_BYTES.sub(r"x'\1'", row))
    for table, rows in by_table.items():
        yield f"INSERT INTO {table} VALUES {', '.join(rows)}"


def _references(dump: str) -> Iterator[str]:
    # PostgreSQL takes the key of the table referred to, where no column is named
    keys = {table: columns for table, _, columns in _KEY.findall(dump)}
    for table, name, column, target in _REFERENCE.findall(dump):
        reference = f"FOREIGN KEY ({column}) REFERENCES {target} ({keys[target]})"
        yield f"ALTER TABLE {table} ADD CONSTRAINT {name} {reference}"
