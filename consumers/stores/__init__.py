"""What the anonymizer writes to: databases and buckets with personal data, each seen through its rules file."""

from consumers.stores.active import SqlActiveProducts
from consumers.stores.opening import open_store, suits
from consumers.stores.rules import (
    AnyRules,
    CustomRules,
    CustomStore,
    Outlook,
    Rules,
    RulesError,
    S3Rules,
    load_rules,
    load_sql_rules,
    markdown,
    outlook,
    register,
    rules_digest,
    rules_schema,
)
from consumers.stores.s3 import S3Store
from consumers.stores.sql import Asked, SqlStore, draft, ledger_ddl, migration, one_database, variable

__all__ = [
    "AnyRules",
    "Asked",
    "CustomRules",
    "CustomStore",
    "Outlook",
    "Rules",
    "RulesError",
    "S3Rules",
    "S3Store",
    "SqlActiveProducts",
    "SqlStore",
    "draft",
    "ledger_ddl",
    "load_rules",
    "load_sql_rules",
    "markdown",
    "migration",
    "one_database",
    "open_store",
    "outlook",
    "register",
    "rules_digest",
    "rules_schema",
    "suits",
    "variable",
]
