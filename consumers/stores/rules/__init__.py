"""The rules of one service: what happens to which column. Read from YAML, checked before a database is asked."""

from consumers.stores.rules.describe import describe
from consumers.stores.rules.digest import rules_digest
from consumers.stores.rules.loading import load_rules
from consumers.stores.rules.model import Rules, Table
from consumers.stores.rules.outlook import Outlook, outlook
from consumers.stores.rules.problems import RulesError
from consumers.stores.rules.register import register
from consumers.stores.rules.report import markdown
from consumers.stores.rules.schema import rules_schema

__all__ = [
    "Outlook",
    "Rules",
    "RulesError",
    "Table",
    "describe",
    "load_rules",
    "markdown",
    "outlook",
    "register",
    "rules_digest",
    "rules_schema",
]
