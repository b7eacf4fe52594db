"""SQL databases as stores: PostgreSQL, MariaDB and SQLite."""

from consumers.stores.sql.customers import converted
from consumers.stores.sql.dialects import ledger_ddl
from consumers.stores.sql.drafting import Asked, draft, variable
from consumers.stores.sql.migration import migration, one_database
from consumers.stores.sql.store import SqlStore

__all__ = ["Asked", "SqlStore", "converted", "draft", "ledger_ddl", "migration", "one_database", "variable"]
