"""The register of what a service does to personal data: GDPR Art. 30, and 5(1)(c) and (e).

From the rules file alone, so that whoever answers for it needs no database. Pre-flight sees to it that the file speaks
of every column there is.
"""

import json
from inspect import getdoc
from typing import Any

from pydantic import BaseModel

from consumers.stores.rules.custom import AnyRules, CustomRules
from consumers.stores.rules.links import Link, links, lookup_links
from consumers.stores.rules.model import LEDGER, Rules, Table
from consumers.stores.rules.outlook import action_of
from consumers.stores.rules.s3 import S3Rules
from consumers.stores.rules.strategies import JsonPaths

_PROOF = "proof of what was carried out"


def register(rules: AnyRules) -> dict[str, Any]:
    """The register of one service as plain JSON values.

    `tables` says for each mapped table what happens to its rows and columns; `since` by which time newer rows are left
    alone; `reversible` of a masked one why it is accepted that its strategy can be reversed, else null, `package` who
    brings its strategy, null if it is one of ours; `ignored` which tables are left alone and why, `accepted` which
    findings of pre-flight somebody answers for; `links` lists every column kept by which rows can be joined or traced
    to a customer, the ledger's included.
    A service on S3 has `bucket` and `objects` instead, one on a store of somebody else `kind` and `groups`.
    """
    if isinstance(rules, CustomRules):
        return _custom(rules)
    return _bucket(rules) if isinstance(rules, S3Rules) else _database(rules)


def _custom(rules: CustomRules) -> dict[str, Any]:
    return {
        "service": rules.service,
        "purpose": rules.purpose,
        "kind": rules.store.kind,
        "groups": [{"group": name, "rows": fate} for name, fate in rules.groups().items()],
        "links": [Link(rules.store.kind, "customer_id", _PROOF)._asdict()],
    }


def _bucket(rules: S3Rules) -> dict[str, Any]:
    return {
        "service": rules.service,
        "purpose": rules.purpose,
        "bucket": rules.store.bucket,
        "objects": [{"group": name, "prefix": each.prefix, "all": "deleted"} for name, each in rules.objects.items()],
        "links": [Link(rules.ledger.prefix, "customer_id", _PROOF)._asdict()],
    }


def _database(rules: Rules) -> dict[str, Any]:
    return {
        "service": rules.service,
        "purpose": rules.purpose,
        "schema": rules.store.schema_name,
        "customer": {"table": rules.customer_table, "column": rules.customer_column, "type": rules.customer.type},
        "votes": rules.guard is not None,
        "tables": [_table(rules, name, table) for name, table in rules.tables.items()],
        "ignored": [{"table": name, "why": reason} for reason, names in rules.ignore.items() for name in names],
        "accepted": [{"finding": each.code, "at": each.at, "why": each.why} for each in rules.accepted],
        "links": [each._asdict() for each in _all_links(rules)],
    }


def _all_links(rules: Rules) -> list[Link]:
    found = [link for name in rules.tables for link in links(rules, name)] + lookup_links(rules)
    if rules.ledger is not None:
        found.append(Link(f"{rules.ledger.schema_name}.{LEDGER}", "customer_id", _PROOF))
    return found


def _table(rules: Rules, name: str, table: Table) -> dict[str, Any]:
    return {
        "table": name,
        "parent": table.parent,
        "rows": action_of(table),
        "shared": table.shared,
        "since": table.since,
        "masked": [
            {
                "column": column,
                "becomes": _becomes(strategy),
                "meaning": (getdoc(type(strategy)) or "").partition("\n")[0],
                "reversible": getattr(strategy, "accept_reversible", None),
                "package": getattr(strategy, "package", None),
            }
            for column, strategy in table.mask.items()
        ],
        "kept": [{"column": column, "why": reason} for reason, columns in table.keep.items() for column in columns],
        "links": [{"column": link.column, "role": link.role} for link in links(rules, name)],
        "set": _own(table),
    }


def _becomes(strategy: BaseModel) -> str:
    """The strategy with its arguments, as near to the file as one line allows."""
    fields = strategy.model_dump(mode="json", exclude_none=True)
    kind = fields.pop("kind")
    for told_apart in ("accept_reversible", "package"):
        fields.pop(told_apart, None)
    if isinstance(strategy, JsonPaths):
        # values set are in the file; the register says which paths
        paths = (
            f"{name}: {each if isinstance(each, str) else ' '.join(each)}" for name, each in fields.items() if each
        )
        return ", ".join([kind, *paths])
    return " ".join([kind, *(each if isinstance(each, str) else json.dumps(each) for each in fields.values())])


def _own(table: Table) -> list[dict[str, str]]:
    own = [{"column": table.flag, "to": "true, once the row is anonymized"}] if table.flag else []
    if table.token:
        own.append(
            {
                "column": table.token.column,
                "to": f"a fresh UUID, so that {', '.join(table.token.unique_with)} may repeat",
            }
        )
    return own
