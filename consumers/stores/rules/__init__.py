"""The rules of one service: what happens to which column or object. Read from YAML, checked before a store is asked."""

from consumers.stores.rules.custom import AnyRules, CustomRules, CustomStore
from consumers.stores.rules.custom_strategies import Cell, CustomStrategy, Expression
from consumers.stores.rules.declared import Declared, everywhere
from consumers.stores.rules.digest import rules_digest
from consumers.stores.rules.loading import load_rules, load_sql_rules
from consumers.stores.rules.model import Rules, Table
from consumers.stores.rules.outlook import Outlook, outlook
from consumers.stores.rules.problems import RulesError
from consumers.stores.rules.register import register
from consumers.stores.rules.report import markdown
from consumers.stores.rules.s3 import S3Rules
from consumers.stores.rules.schema import rules_schema
from consumers.stores.rules.shapes import Reason
from consumers.stores.rules.written import acceptance

__all__ = [
    "AnyRules",
    "Cell",
    "CustomRules",
    "CustomStore",
    "CustomStrategy",
    "Declared",
    "Expression",
    "Outlook",
    "Reason",
    "Rules",
    "RulesError",
    "S3Rules",
    "Table",
    "acceptance",
    "everywhere",
    "load_rules",
    "load_sql_rules",
    "markdown",
    "outlook",
    "register",
    "rules_digest",
    "rules_schema",
]
