"""Compares rules with the live schema: what would fail, what would leak, and what repairs it.

| code | refused because |
|---|---|
| `unknown_table`, `unknown_column` | the rules name what is not there |
| `not_a_table` | views and foreign tables cannot be locked and rewritten |
| `engine`, `versioned` | what is changed could not be taken back, or would be kept beside it (MariaDB) |
| `row_security` | policies would hide rows from Lapse |
| `unmapped_column` | nobody has said what happens to it |
| `missing_customer_column`, `customer_type`, `lookup_type` | no row could be found by a customer id |
| `missing_flag`, `flag_type`, `missing_token`, `token_type` | columns of Lapse's own |
| `token_unique` | the token's unique constraint is not there |
| `key`, `row_key` | rows could not be addressed one by one |
| `join`, `shared_rows` | a child's parent is not clear, or its rows may belong to two customers |
| `since_type`, `since` | no time tells which rows are newer; they would not be found again, or lead to masked ones |
| `shared_reference` | who refers to a shared row could not be told for certain |
| `missing_index` | a lookup would scan the table for every batch |
| `not_null`, `too_long`, `type_mismatch`, `enum_member`, `generated_column` | the new value does not fit |
| `unique`, `check_constraint`, `foreign_key` | the new value may violate it, so it cannot be proven safe |
| `partition` | for the new value there may be none |
| `trigger` | it would run with, or undo, every change |
| `unmapped_table` | it refers to a customer, and nobody has said what happens to it |
| `strategy` | the database does not take the SQL of somebody else's strategy (the store asks it) |
| `guard` | the database cannot run it (looked at by the store, which has a connection) |
| `temporary` | the role may make no temporary table to verify a change (looked at by the store too) |
| `hidden_triggers` | the role is not shown what triggers a table has (MariaDB; the store as well) |
| `missing_ledger`, `ledger_columns` | the proof could not be written |

A person may accept `check_constraint`, `trigger` and `unique` where nothing proves that harm is done: see `accepted`.
"""

from consumers.domain.work import Finding
from consumers.stores.rules.model import Rules
from consumers.stores.sql.catalog import Catalog
from consumers.stores.sql.dialect import Dialect
from consumers.stores.sql.preflight.accepted import unaccepted
from consumers.stores.sql.preflight.constraints import constraint_findings
from consumers.stores.sql.preflight.customer import customer_findings
from consumers.stores.sql.preflight.customs import custom_findings
from consumers.stores.sql.preflight.ledger import ledger_findings
from consumers.stores.sql.preflight.links import link_findings
from consumers.stores.sql.preflight.masks import mask_findings
from consumers.stores.sql.preflight.references import reference_findings
from consumers.stores.sql.preflight.since import since_findings
from consumers.stores.sql.preflight.subject import subjects
from consumers.stores.sql.preflight.tables import table_findings

__all__ = ["custom_findings", "findings"]


def findings(rules: Rules, catalog: Catalog, dialect: Dialect) -> list[Finding]:
    """Everything wrong that nobody has accepted, in the order of the rules file. Empty: safe to run."""
    found = [*table_findings(rules, catalog, dialect), *customer_findings(rules, catalog, dialect)]
    for subject in subjects(rules, catalog, dialect):
        found += [*mask_findings(subject), *constraint_findings(subject), *link_findings(subject)]
        found += since_findings(subject)
    found += [*reference_findings(rules, catalog), *ledger_findings(rules, catalog, dialect)]
    return list(unaccepted(rules, found))
