"""A rules file as frozen models. What the design names but this version does not carry out is refused, not ignored."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic.json_schema import WithJsonSchema

from consumers.stores.rules.forms import Strategy
from consumers.stores.rules.guard import checked_guard
from consumers.stores.rules.problems import not_available, refusal
from consumers.stores.rules.shapes import Frozen, Reason, sequence
from consumers.stores.rules.urls import Backend, backend_of, database_url

_DURATION = re.compile(r"([1-9][0-9]{0,6})(ms|s|min)")
_UNIT_MS = {"ms": 1, "s": 1_000, "min": 60_000}
_DURATION_SCHEMA = {"type": "string", "pattern": f"^{_DURATION.pattern}$"}


def _milliseconds(written: object) -> int:
    match = _DURATION.fullmatch(written) if isinstance(written, str) else None
    if match is None:
        raise refusal("duration", "not a length of time.", "write for example 30s, 500ms or 2min.")
    return int(match[1]) * _UNIT_MS[match[2]]


def _sql_kind(written: object) -> object:
    if written == "dynamodb":
        raise not_available("store kind dynamodb", "only {kind: sql} and {kind: s3} are available.")
    return written


def _none_or(written: object) -> object:
    if written is None:
        raise refusal("ledger", "empty.", "write {schema: NAME}, or the word none.")
    return None if written == "none" else written


def _unavailable_deletion(written: object) -> object:
    if written is not None and written != "delete":
        raise refusal("rows", "unknown word.", "write rows: delete, or leave it out.")
    return written


Name = Annotated[str, Field(min_length=1, max_length=63)]  # PostgreSQL cuts longer identifiers
Names = Annotated[tuple[Name, ...], BeforeValidator(sequence)]
Service = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")]
Purpose = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9_-]{0,38}[a-z0-9])?$")]
ACCEPTABLE = ("check_constraint", "trigger", "unique")


class StoreRules(Frozen):
    """Where the database is. `url` is a SQLAlchemy URL with its secret; `statement_timeout` is in milliseconds.

    `schema` is the database's name on MariaDB, and `main` on SQLite.
    """

    kind: Annotated[Literal["sql"], BeforeValidator(_sql_kind)]
    url: Annotated[SecretStr, BeforeValidator(database_url)]
    schema_name: Name = Field(alias="schema")
    statement_timeout: Annotated[int, BeforeValidator(_milliseconds), WithJsonSchema(_DURATION_SCHEMA)] = Field(
        default=30_000, json_schema_extra={"default": "30s"}
    )

    @property
    def backend(self) -> Backend:
        """The kind of database."""
        return backend_of(self.url.get_secret_value())


class Lookup(Frozen):
    """The customer id stands in `match` of another table, which `gives` columns of the root table: root's: its own."""

    table: Name
    match: Name
    gives: Annotated[Mapping[Name, Name], Field(min_length=1)]


class Customer(Frozen):
    """How a customer id finds its rows: by `column` of the root table (default: its only key column), or a `lookup`."""

    type: Literal["text", "integer", "uuid"]
    column: Name | None = None
    lookup: Lookup | None = None


LEDGER = "lapse_ledger"


class Ledger(Frozen):
    """Where the rows that prove a command was carried out are kept: table `lapse_ledger` in `schema`."""

    schema_name: Name = Field(alias="schema")


class Token(Frozen):
    """A column that gets a fresh UUID with the change, so that `unique_with` may hold equal values."""

    column: Name
    unique_with: Annotated[Names, Field(min_length=1)]


class Index(Frozen):
    """Why a table may be scanned although no index serves its lookups."""

    accept_scan: Reason


class Table(Frozen):
    """What happens to the rows of one table. `join` is child column: parent column.

    `shared`: what becomes of a row that somebody else, who is still there, refers to. `keep`: it stays as it is;
    `refuse`: the customer fails. `since`: the column that says when a row was made; one newer than the command stays as
    it is, with all below it.
    """

    key: Names = ()
    flag: Name | None = None
    token: Token | None = None
    parent: Name | None = None
    join: Annotated[Mapping[Name, Name], Field(min_length=1)] | None = None
    mask: Mapping[Name, Strategy] = Field(default_factory=dict)
    keep: Mapping[Reason, Names] = Field(default_factory=dict)
    rows: Annotated[Literal["delete"] | None, BeforeValidator(_unavailable_deletion)] = None
    index: Index | None = None
    shared: Literal["keep", "refuse"] | None = None
    since: Name | None = None

    @property
    def deletes(self) -> bool:
        """Whether its rows are deleted rather than rewritten."""
        return self.rows == "delete"

    @property
    def changes(self) -> bool:
        """Whether its rows are rewritten or deleted."""
        return bool(self.deletes or self.mask or self.token or self.flag)

    @property
    def kept(self) -> Iterator[str]:
        """Columns kept, without their reasons."""
        return (column for columns in self.keep.values() for column in columns)


def _acceptable(written: object) -> object:
    if written not in ACCEPTABLE:
        repair = f"only {', '.join(ACCEPTABLE)} may be accepted; repair what else was found, or change the rules."
        raise refusal("accepted", "nobody may accept this finding.", repair)
    return written


class Accepted(Frozen):
    """A finding of pre-flight that a person answers for, as long as the table keeps the shape it was found in."""

    code: Annotated[Literal["check_constraint", "trigger", "unique"], BeforeValidator(_acceptable)]
    at: Annotated[str, Field(min_length=1)]
    shape: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    why: Reason


class Rules(Frozen):
    """The rules of a service on SQL. `root` is the table that holds the customer id; all others hang below it."""

    version: Literal[1]
    service: Service
    purpose: Purpose
    store: StoreRules
    customer: Customer
    guard: Annotated[str | None, BeforeValidator(checked_guard)] = None
    ledger: Annotated[Ledger | None, BeforeValidator(_none_or)]
    tables: Annotated[Mapping[Name, Table], Field(min_length=1)]
    ignore: Mapping[Reason, Names] = Field(default_factory=dict)
    accepted: Annotated[tuple[Accepted, ...], BeforeValidator(sequence)] = ()

    @property
    def root(self) -> str:
        """Name of the one table without a parent."""
        return next(name for name, table in self.tables.items() if table.parent is None)

    @property
    def customer_table(self) -> str:
        """The table that holds the customer id: the root table, or where it is looked up."""
        return self.customer.lookup.table if self.customer.lookup else self.root

    @property
    def customer_column(self) -> str:
        """Its column that does."""
        if self.customer.lookup:
            return self.customer.lookup.match
        return self.customer.column or self.tables[self.root].key[0]

    @property
    def customer_columns(self) -> tuple[str, ...]:
        """Columns of the root table by which the rows of a customer are found."""
        return tuple(self.customer.lookup.gives) if self.customer.lookup else (self.customer_column,)

    def lineage(self, table: str) -> list[str]:
        """The tables from the root down to this one, both included."""
        names = [table]
        while parent := self.tables[names[-1]].parent:
            names.append(parent)
        return names[::-1]

    def below(self, table: str) -> set[str]:
        """This table and all that hang below it."""
        return {name for name in self.tables if table in self.lineage(name)}

    def children(self, table: str) -> dict[str, Table]:
        """The tables right below this one."""
        return {name: child for name, child in self.tables.items() if child.parent == table}

    @property
    def ignored(self) -> frozenset[str]:
        """Tables that do not count as referring to a customer."""
        return frozenset(name for names in self.ignore.values() for name in names)
