"""One pre-flight finding: what triggers it, and the repair after which the rules are clean again."""

from typing import NamedTuple

from consumers.domain.work import Finding
from consumers.stores import SqlStore
from tests.support.sql_store import RULES, Database


class Case(NamedTuple):
    """`breaks` is DDL, `rules` the (old, new) text; `repair` is DDL or such a pair; None: the finding's own repair."""

    code: str
    place: str
    breaks: str = ""
    rules: tuple[str, str] = ("", "")
    repair: str | tuple[str, str] | None = None


ADD = "ALTER TABLE crm.customers ADD COLUMN x "
MASK = "phone: set_null"
SEGMENT = "[segment]"


def masked(how: str, keep: str = "") -> tuple[str, str]:
    if not keep:
        return (MASK, f"{MASK}\n      x: {how}")
    old = RULES[RULES.index(MASK) : RULES.index(SEGMENT) + len(SEGMENT)]
    return (old, old.replace(MASK, f"{MASK}\n      x: {how}").replace(SEGMENT, f"[segment, {keep}]"))


def kept() -> tuple[str, str]:
    return (SEGMENT, "[segment, x]")


def check(database: Database, case: Case) -> None:
    """Break the schema or the rules, see the finding, repair, see nothing."""
    database.store()
    if case.breaks:
        database.run(case.breaks)
    text = RULES.replace(*case.rules) if case.rules[0] else RULES

    found = preflight(database, text)

    assert (case.code, case.place) in {(one.code, one.place) for one in found}
    assert all(one.message and one.repair for one in found)
    assert preflight(database, repaired(database, case, text, found)) == []


def preflight(database: Database, text: str) -> list[Finding]:
    return database.opened(SqlStore(database.rules(text))).preflight()


def repaired(database: Database, case: Case, text: str, found: list[Finding]) -> str:
    if isinstance(case.repair, tuple):
        base = RULES if case.rules[0] else text
        return base.replace(*case.repair) if case.repair[0] else RULES
    own = next(one.repair for one in found if one.code == case.code)
    for statement in (case.repair or own.split(" or index:")[0].replace("CONCURRENTLY ", "")).split("; "):
        database.run(statement)
    return text
