"""The rules of one service: what happens to which column or object. Read from YAML, checked before a store is asked."""

from consumers.stores.rules.describe import describe
from consumers.stores.rules.digest import rules_digest
from consumers.stores.rules.loading import load_rules, load_sql_rules
from consumers.stores.rules.model import Rules, Table
from consumers.stores.rules.problems import RulesError
from consumers.stores.rules.s3 import AnyRules, S3Rules

__all__ = [
    "AnyRules",
    "Rules",
    "RulesError",
    "S3Rules",
    "Table",
    "describe",
    "load_rules",
    "load_sql_rules",
    "rules_digest",
]
