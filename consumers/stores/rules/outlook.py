"""What the rules would do to the rows of one customer: tables, numbers of rows, names of columns; no value."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from consumers.stores.rules.custom import AnyRules, CustomRules
from consumers.stores.rules.links import links
from consumers.stores.rules.model import Rules, Table
from consumers.stores.rules.s3 import S3Rules

Action = Literal["masked", "deleted", "kept"]


class Outlook(NamedTuple):
    """One table. `rows` is None for a table that is kept, whose rows nobody counts; `own` are flag and token."""

    table: str
    action: Action
    rows: int | None
    masked: Sequence[str]
    own: Sequence[str]
    kept: Sequence[str]


def outlook(rules: AnyRules, rows: Mapping[str, int]) -> list[Outlook]:
    """Every mapped table or group of objects in the order of the file. `rows`: what `Store.count` found, by table."""
    if isinstance(rules, CustomRules):
        return [Outlook(name, fate, rows.get(name, 0), (), (), ()) for name, fate in rules.groups().items()]
    if isinstance(rules, S3Rules):
        return [Outlook(name, "deleted", rows.get(name, 0), (), (), ()) for name in rules.objects]
    return [_table(rules, name, table, rows.get(name, 0)) for name, table in rules.tables.items()]


def _table(rules: Rules, name: str, table: Table, rows: int) -> Outlook:
    kept = dict.fromkeys([*(each.column for each in links(rules, name) if each.column), *table.kept])
    action = action_of(table)
    return Outlook(name, action, None if action == "kept" else rows, list(table.mask), _own(table), list(kept))


def action_of(table: Table) -> Action:
    """What happens to the rows of a table."""
    if table.deletes:
        return "deleted"
    return "masked" if table.mask or _own(table) else "kept"


def _own(table: Table) -> list[str]:
    return [column for column in (table.flag, table.token and table.token.column) if column]
