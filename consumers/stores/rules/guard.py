"""The guard of a service: one SELECT that lists which of the customers bound to it must not be anonymized now.

Checked by parsing, before anything runs it: it may not write or lock, and the customers it is asked about must narrow
it. `NOT (id IN :customers)` would list everybody but them, so the listing stands in a WHERE, joined to the rest by AND.
"""

from collections.abc import Iterator

import sqlglot
from sqlalchemy import text
from sqlglot import exp
from sqlglot.errors import SqlglotError

from consumers.stores.rules.problems import refusal

CUSTOMERS = "customers"
EXAMPLE = "write one SELECT of the id column, such as: SELECT id FROM active_loans WHERE id IN :customers"
_FORBIDDEN = (
    exp.Insert,
    exp.Update,
    exp.Delete,
    exp.Merge,
    exp.Create,
    exp.Drop,
    exp.Alter,
    exp.Command,
    exp.Into,
    exp.Lock,
)
# a read-only transaction stops writes, but not these: they end sessions, wait, lock, read files, dial other servers
_ACTING = ("pg_", "dblink", "lo_", "set_config", "nextval", "setval")


def checked_guard(written: object) -> object:
    """The guard as written, once it is known to be one bound SELECT. Raises a finding that says what is wrong."""
    if written is None:
        return None
    if not isinstance(written, str):
        raise refusal("guard", "is no text.", EXAMPLE)
    for problem in problems(written):
        raise refusal("guard", problem, EXAMPLE)
    return written


def problems(written: str) -> Iterator[str]:
    """What keeps a statement from being one bound SELECT, in words."""
    try:
        yield from _problems(written)
    except RecursionError:
        yield "is nested too deep to be read."


def _problems(written: str) -> Iterator[str]:
    try:
        parsed = [each for each in sqlglot.parse(written, read="postgres") if each is not None]
    except SqlglotError:
        # its text quotes the statement
        yield "is no SQL that can be read."
        return
    if len(parsed) != 1 or not isinstance(parsed[0], exp.Query):
        yield "is not exactly one SELECT."
        return
    yield from _query_problems(parsed[0])
    if text(written).compile().params.keys() - {CUSTOMERS}:
        # inside a literal or a comment, where the parser sees no parameter but what binds it does
        yield "has a word after a colon that would be bound; must bind :customers, and nothing else."


def _query_problems(query: exp.Query) -> Iterator[str]:
    if query.find(*_FORBIDDEN) or any(_acts(call) for call in query.find_all(exp.Anonymous)):
        yield "writes, locks or calls a function that acts; it may only read."
    if len(query.selects) != 1 or query.is_star:
        yield "gives more than one column."
    bound = list(query.find_all(exp.Placeholder, exp.Parameter))
    if not bound or any(each.name != CUSTOMERS for each in bound):
        yield "must bind :customers, and nothing else."
    if not all(_narrows(each) for each in bound):
        yield "must use :customers as `column IN :customers` in a WHERE, joined to the rest by AND."


def _acts(call: exp.Anonymous) -> bool:
    return call.name.lower().startswith(_ACTING)


def _narrows(bound: exp.Expression) -> bool:
    listing = bound.parent
    # in parentheses the batch would be one row of many values
    if not isinstance(listing, exp.In) or listing.args.get("field") is not bound:
        return False
    above = listing.parent
    while isinstance(above, exp.And | exp.Paren):
        above = above.parent
    return isinstance(listing.this, exp.Column) and isinstance(above, exp.Where)
