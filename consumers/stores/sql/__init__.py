"""SQL databases as stores: PostgreSQL."""

from consumers.stores.sql.ledger import ledger_ddl
from consumers.stores.sql.store import SqlStore

__all__ = ["SqlStore", "ledger_ddl"]
