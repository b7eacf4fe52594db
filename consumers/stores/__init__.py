"""What the anonymizer writes to: databases and buckets with personal data, each seen through its rules file."""

from consumers.stores.active import SqlActiveProducts
from consumers.stores.opening import open_store
from consumers.stores.rules import (
    Rules,
    RulesError,
    S3Rules,
    describe,
    load_rules,
    load_sql_rules,
    rules_digest,
)
from consumers.stores.s3 import S3Store
from consumers.stores.sql import SqlStore, ledger_ddl

__all__ = [
    "Rules",
    "RulesError",
    "S3Rules",
    "S3Store",
    "SqlActiveProducts",
    "SqlStore",
    "describe",
    "ledger_ddl",
    "load_rules",
    "load_sql_rules",
    "open_store",
    "rules_digest",
]
