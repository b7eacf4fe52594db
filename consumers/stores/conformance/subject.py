"""What the suite needs to know of a store: its server, seen past the store."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from consumers.ports import LedgeredStore, Store, SweptStore


class Subject(Protocol):
    """An empty server, made for one case, and rules for it. Everything opened is closed when the case is over.

    Ids must be told from any other text, so that a search for them in a message finds nothing else. A customer's rows
    must be found again once they are anonymized, by something the rules keep.
    """

    def customer(self, number: int) -> str:
        """The id of the customer of this number, from 1 on; id 1 should be a beginning of id 11, as 4 is of 42."""

    def add(self, customer_id: str) -> None:
        """Give this customer personal data: at least one row in every table or group of the rules.

        For a customer who was anonymized: new rows, or personal data in the old ones, unflagged.
        """

    def rows(self, customer_id: str) -> Mapping[str, Sequence[object]]:
        """Every row of this customer as the server shows it, in one order, by the table's or group's name in counts.

        Rows deleted are left out. Flags and tokens belong to the row.
        """

    def is_personal(self, customer_id: str) -> bool:
        """Whether the server still holds any personal value of this customer."""

    def open(self, break_at: int | None = None) -> Store:
        """A new store over the server.

        `break_at`: its call to the server of this number, from 1 on, is lost with its connection: carried out or not,
        the store hears no answer. Later calls work.
        """

    def away(self) -> AbstractContextManager[Store]:
        """A new store whose server cannot be reached while the block lasts."""


class LedgeredSubject(Subject, Protocol):
    """One whose store can show its ledger."""

    def open(self, break_at: int | None = None) -> LedgeredStore:
        """As above."""


class SweptSubject(LedgeredSubject, Protocol):
    """One whose store can be swept."""

    def open(self, break_at: int | None = None) -> SweptStore:
        """As above."""
