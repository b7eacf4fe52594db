"""A central list of active products in a database: the same bound SELECT as a guard, asked for every purpose."""

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic_core import PydanticCustomError

from consumers.domain.errors import PermanentError
from consumers.stores.rules.guard import EXAMPLE, problems
from consumers.stores.rules.urls import database_url
from consumers.stores.sql.dialects import dialect_at
from consumers.stores.sql.guard import ACTIVE, Guard


class SqlActiveProducts:
    """Fulfils ActiveProducts with one statement for a batch, that can only read.

    Args:
        url: SQLAlchemy URL of a PostgreSQL, MariaDB or SQLite database.
        query: One SELECT of the customer id, bound with `IN :customers`.
        kind: What the id is in that database: text, integer or uuid.
        timeout: Of a statement, in seconds.

    Raises:
        PermanentError: The query is not one bound SELECT, or the URL none of such a database.
    """

    def __init__(self, url: str, query: str, kind: Literal["text", "integer", "uuid"], timeout: float) -> None:
        for problem in problems(query):
            raise PermanentError(f"active_products.query: {problem} Repair: {EXAMPLE}")
        address = _address(url)
        dialect = dialect_at(address)
        self._engine = dialect.engine(address, int(timeout * 1000), "lapse-active-products")
        self._guard = Guard(self._engine, dialect, query, kind)

    def active(self, customer_ids: Sequence[str]) -> Mapping[str, Literal["active", "unknown"]]:
        """Those listed; unknown where the query fails for one alone.

        Raises:
            TransientError: The database is away.
            PermanentError: The database does not know what the query names, or it lists something else than ids asked.
        """
        found = self._guard.objections(customer_ids)
        return {customer: "active" if code == ACTIVE else "unknown" for customer, code in found.items()}

    def close(self) -> None:
        """Release connections."""
        self._engine.dispose()


def _address(url: str) -> str:
    try:
        return database_url(url)
    except PydanticCustomError as refused:
        problem, repair = refused.message(), (refused.context or {})["repair"]
    raise PermanentError(f"active_products.url: {problem} Repair: {repair}")
