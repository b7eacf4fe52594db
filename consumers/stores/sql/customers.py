"""Customer ids as the column of the database reads them."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from consumers.domain.work import Task

_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")  # canonical only: 007 is not the customer 7
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_BIGINT = range(-(2**63), 2**63)


def _text(customer_id: str) -> str | None:
    return customer_id if "\0" not in customer_id and customer_id.isprintable() else None


def _integer(customer_id: str) -> str | None:
    return customer_id if _INTEGER.fullmatch(customer_id) and int(customer_id) in _BIGINT else None


def _uuid(customer_id: str) -> str | None:
    return customer_id.lower() if _UUID.fullmatch(customer_id) else None


_CONVERT: Mapping[str, Callable[[str], str | None]] = {"text": _text, "integer": _integer, "uuid": _uuid}


def converted(customer_id: str, kind: str) -> str | None:
    """The id as text of the column's type; None where it does not convert, so no row can have it."""
    return _CONVERT[kind](customer_id)


class Customers(NamedTuple):
    """The customers of a batch, each once. `ids[n - 1]` is what the database calls `ord` n."""

    ids: Sequence[str]
    ordinals: Mapping[str, int]  # by customer id as the task spells it

    def ordinal(self, task: Task) -> int | None:
        """Where the task's customer stands; None if the id can have no row."""
        return self.ordinals.get(task.customer_id)


def customers_of(customer_ids: Sequence[str], kind: str) -> Customers:
    """Number the convertible ids from 1; two spellings of one value share a number."""
    numbers: dict[str, int] = {}
    ordinals: dict[str, int] = {}
    for customer_id in customer_ids:
        value = converted(customer_id, kind)
        if value is not None:
            ordinals[customer_id] = numbers.setdefault(value, len(numbers) + 1)
    return Customers(list(numbers), ordinals)
