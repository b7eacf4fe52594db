"""What the anonymizer writes to: databases with personal data, each seen through its rules file."""

from consumers.stores.active import SqlActiveProducts
from consumers.stores.rules import (
    Outlook,
    Rules,
    RulesError,
    describe,
    load_rules,
    markdown,
    outlook,
    register,
    rules_digest,
    rules_schema,
)
from consumers.stores.sql import SqlStore, converted, ledger_ddl, migration, one_database

__all__ = [
    "Outlook",
    "Rules",
    "RulesError",
    "SqlActiveProducts",
    "SqlStore",
    "converted",
    "describe",
    "ledger_ddl",
    "load_rules",
    "markdown",
    "migration",
    "one_database",
    "outlook",
    "register",
    "rules_digest",
    "rules_schema",
]
