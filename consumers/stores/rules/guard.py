"""The guard of a service: one SELECT that lists which of the customers bound to it must not be anonymized now.

Checked by parsing, before anything runs it: it may not write, lock, or look beyond the customers it is asked about.
"""

from collections.abc import Iterator

import sqlglot
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
        parsed = [each for each in sqlglot.parse(written, read="postgres") if each is not None]
    except SqlglotError:
        # its text quotes the statement
        yield "is no SQL that can be read."
        return
    if len(parsed) != 1 or not isinstance(parsed[0], exp.Query):
        yield "is not exactly one SELECT."
        return
    yield from _query_problems(parsed[0])


def _query_problems(query: exp.Query) -> Iterator[str]:
    if query.find(*_FORBIDDEN):
        yield "writes or locks; it may only read."
    if len(query.selects) != 1 or query.find(exp.Star):
        yield "gives more than one column."
    bound = list(query.find_all(exp.Placeholder, exp.Parameter))
    if not bound or any(each.name != CUSTOMERS for each in bound):
        yield "must bind :customers, and nothing else."
    if not all(_is_listed(each) for each in bound):
        yield "must use :customers as `column IN :customers`."


def _is_listed(bound: exp.Expression) -> bool:
    listing = bound.parent
    return isinstance(listing, exp.In) and not isinstance(listing.parent, exp.Not)
