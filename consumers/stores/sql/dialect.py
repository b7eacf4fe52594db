"""What differs between databases: each names these pieces, the store is one."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.types import TypeEngine

from consumers.domain.work import Finding, LedgerRow, Proof
from consumers.stores.rules.custom_strategies import CustomStrategy, Expression
from consumers.stores.rules.model import Rules, Token
from consumers.stores.sql.catalog import Catalog, Check, Column, ForeignKey, Index, Relation, Trigger
from consumers.stores.sql.ledger import Entry

Rows = dict[int, dict[str, int]]
"""By ordinal of the customer: rows per table."""

WRITES = "lapse_writes"
"""Execution option of a connection whose transactions will write."""


class Work(Protocol):
    """The statements of one service on its schema. `ids` are customer ids as the column reads them, counted from 1."""

    @property
    def flagged(self) -> bool:
        """Whether a flag tells which root rows are done."""

    def unflagged(self, connection: Connection, ids: Sequence[str]) -> set[int]:
        """Ordinals of ids with root rows not anonymized yet. Without a flag: none."""

    def counts(self, connection: Connection, ids: Sequence[str]) -> Iterator[tuple[int, str, int]]:
        """Ordinal, table and number of its rows that a run would change."""

    def unmet(self, connection: Connection, ids: Sequence[str]) -> Iterator[tuple[int, str, int]]:
        """Ordinal, place and number of its rows that count as anonymized and are not as the rules leave them."""

    def reopen(self, connection: Connection, ids: Sequence[str]) -> None:
        """Clear the flags of these customers' root rows. Without a flag: nothing."""

    def lock(self, connection: Connection, ids: Sequence[str]) -> Sequence[Any]:
        """Lock the root rows not anonymized yet. Each answer begins with an ordinal."""

    def rewrite(self, connection: Connection, locked: Sequence[Any], committed: Mapping[int, int]) -> Rows:
        """Rewrite these of the locked rows and all below them, and verify. DataFailure: it is not as the rules say.

        `committed`: when the command of each ordinal was (microseconds); what is newer is left alone where `since`
        tells. The answer has every ordinal of which a root row was taken.
        """


class Ledger(Protocol):
    """Reads and writes the ledger of one service."""

    def read(self, connection: Connection, commands: Sequence[str]) -> dict[str, LedgerRow]:
        """Rows of these commands, by command id."""

    def proofs(self, connection: Connection, commands: Sequence[str]) -> list[Proof]:
        """Whole rows of these commands."""

    def carried(self, connection: Connection, number: int, of: int, since: int) -> list[Proof]:
        """Whole rows of one partition of the commands (modulo `of`), carried out from `since` (microseconds) on."""

    def page(self, connection: Connection, after: str, limit: int) -> list[Proof]:
        """Whole rows behind a command id, at most so many, in the order of the ids."""

    def reached(self, connection: Connection) -> dict[int, int] | None:
        """The highest command offset by partition; None where the table is not there."""

    def write(self, connection: Connection, entries: Sequence[Entry]) -> None:
        """Add rows; one that is there already stays as it is."""


class Ddl(Protocol):
    """Statements that add what the rules need and the schema lacks, or take away what stands in their way."""

    def add_flag(self, relation: Relation, flag: str) -> str:
        """The flag."""

    def add_token(self, relation: Relation, token: Token) -> str:
        """The token and, where the columns beside it are there, the unique index over both."""

    def token_index(self, relation: Relation, token: Token) -> str:
        """The unique index over columns and token."""

    def lookup_index(self, relation: Relation, columns: Sequence[str]) -> str:
        """An index that serves lookups by these columns."""

    def replaced(self, relation: Relation, token: Token | None, index: Index, keys: Sequence[ForeignKey]) -> str:
        """Drops a unique index that the token's stands in for; empty if it does not, or a foreign key needs it."""

    def key(self, relation: Relation, columns: Sequence[str], nullable: Sequence[str]) -> str:
        """Makes the columns name one row each."""

    def nullable(self, relation: Relation, column: Column) -> str:
        """Lets the column be NULL."""

    def widened(self, relation: Relation, column: Column, letters: int) -> str:
        """Gives a text column room for so many letters."""

    def without_check(self, relation: Relation, check: Check) -> str:
        """Drops a check constraint."""

    def without_trigger(self, relation: Relation, trigger: Trigger) -> str:
        """Switches a trigger off, or drops it."""


class Dialect(Protocol):
    """One kind of database. Types of columns are told by the names PostgreSQL has for them."""

    @property
    def ddl(self) -> Ddl:
        """Its repairs."""

    @property
    def how(self) -> str:
        """How a printed migration is run, as SQL comments."""

    @property
    def uuid(self) -> TypeEngine[Any]:
        """How an id of type uuid is bound."""

    @property
    def staged(self) -> bool:
        """Whether rows are told by a key of the table, where it has no place of its own for each."""

    @property
    def ledger_columns(self) -> Mapping[str, str]:
        """Name and type of the columns a ledger needs."""

    def made(self, strategy: CustomStrategy, column: Column) -> tuple[Expression, Expression]:
        """New value and expectation of the cell `c.column`; the names of their parameters differ."""

    def token_fits(self, column: Column) -> bool:
        """Whether a token of such a column keeps those unique who have none yet."""

    def tells_time(self, column: Column) -> bool:
        """Whether such a column can say when a row was made."""

    def engine(self, url: str, timeout: int, name: str) -> Engine:
        """Connections to a URL, with bounded waits. `timeout` of a statement in milliseconds; `name` of the session."""

    def catalog(self, connection: Connection, schemas: Sequence[str]) -> Catalog:
        """Read the live schema."""

    def shape(self, connection: Connection, rules: Rules) -> object:
        """Another value once the mapped tables have other columns, constraints, indexes or triggers; one statement."""

    def work(self, rules: Rules, catalog: Catalog) -> Work:
        """Build every statement. PermanentError: the schema lacks what the rules name."""

    def ledger(self, schema: str, service: str, digest: str) -> Ledger:
        """The ledger of a service."""

    def ledger_ddl(self, schema: str) -> Sequence[str]:
        """Statements that make a ledger; they change nothing where it is there."""

    def reading(self, connection: Connection) -> AbstractContextManager[Connection]:
        """A transaction that cannot write."""

    def findings(self, connection: Connection, rules: Rules) -> Iterator[Finding]:
        """What server or role lack."""
