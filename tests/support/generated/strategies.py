"""Strategies as a rules file writes them: what is drawn for a column, and what a cell must be afterwards."""

import datetime as dt
import random
import re
from collections.abc import Callable
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from tests.support.generated.model import Column

TEXTS = ("text", "varchar", "char", "latin", "binary", "nocase")
NUMBERS = ("small", "int", "big", "unsigned", "decimal", "real", "double")
DATES = ("date", "time", "instant", "changed")
FRESH: tuple[Any, ...] = (
    "unique_token", "unique_phone", {"unique_phone": {"prefix": "999"}},
    {"unique_email": {"domain": "a.example"}}, {"template": "C:{token} %s"},
)  # fmt: skip
_TEXT: tuple[Any, ...] = (
    "empty", "zeros", "redact", {"static": "it's 100% {gone}"}, {"truncate": {"characters": 2}}, *FRESH,
)  # fmt: skip
_TRUNCATED: tuple[Any, ...] = ({"truncate": "year"}, {"truncate": "month"}, {"truncate": "day"})
_UUID = "6f1c2b0e-5d1f-4b43-9d1a-1f6d3c3b7a11"
_ANY: tuple[Any, ...] = (
    *_TEXT,
    "zeros",
    {"bucket": {"size": 10}},
    {"static": 7},
    {"static": True},
    {"truncate": "year"},
)


def strategy_for(chosen: random.Random, column: Column, dialect: str) -> Any:
    """One that fits, mostly; None where none does."""
    if chosen.random() < 0.01:
        return chosen.choice(_ANY)
    fitting = list(_fitting(column.kind, dialect))
    if column.nullable or chosen.random() < 0.01:
        fitting.append("set_null")
    return chosen.choice(fitting) if fitting else None


def fresh_strategy(chosen: random.Random) -> Any:
    """One that leaves something else in each row."""
    return chosen.choice(FRESH)


def _fitting(kind: str, dialect: str) -> tuple[Any, ...]:
    if kind in TEXTS or kind == "domain":
        return _TEXT
    if kind in NUMBERS:
        whole = ({"bucket": {"size": 10}},) if kind not in {"real", "double"} else ()
        whole = () if kind == "decimal" and dialect == "sqlite" else whole
        return ("zeros", {"static": 7}, *whole)
    if kind in DATES:
        return (*_TRUNCATED, {"static": dt.date(2001, 2, 3)}, *(() if kind in {"instant", "changed"} else ("zeros",)))
    return {
        "bool": ({"static": True},),
        "enum": ({"static": "it's"},),
        "uuid": ("unique_token", {"static": _UUID}),
        "document": ({"json": {"remove": ["$.a"], "set": {"$.b": "gone"}, "other_paths": "keep"}},),
    }.get(kind, ())


def is_met(strategy: Any, kind: str, old: str | None, new: str | None) -> bool:
    """Whether a cell is as its strategy must have left it; both as text."""
    name, argument = (strategy, None) if isinstance(strategy, str) else next(iter(strategy.items()))
    if name == "static":
        return new is not None and _same_value(kind, argument, new)
    if old is None or name == "set_null":
        return new is None
    return new is not None and _MET[name](kind, argument, old, new)


def _same_value(kind: str, value: Any, new: str) -> bool:
    if isinstance(value, bool):
        return new in {"true", "1"}
    if isinstance(value, int):
        return float(new) == float(value)
    return new.startswith(str(value)) if isinstance(value, dt.date) else new.rstrip() == value.rstrip()


def _zeros(kind: str, _: Any, old: str, new: str) -> bool:
    if kind in DATES:
        return new.startswith("1970-01-01") and not new.partition(" ")[2].replace("+00", "").strip(":0.")
    return float(new) == 0 if kind in NUMBERS else new == "0" * len(old)


def _redact(_: str, __: Any, old: str, new: str) -> bool:
    return new == "".join("X" if letter.isalnum() or not letter.isascii() else letter for letter in old)


def _truncate(kind: str, to: Any, old: str, new: str) -> bool:
    if isinstance(to, dict):
        return new.rstrip() == str(old[: to["characters"]]).rstrip()
    kept = {"year": 4, "month": 7, "day": 10}[to]
    rest = (old[:kept] + "0000-01-01"[kept:])[:10]
    return new[:10] == rest and not new[10:].replace("+00", "").strip(" :0.")


def _bucket(_: str, argument: Any, old: str, new: str) -> bool:
    size = int(argument["size"])
    return Decimal(new) == (Decimal(old) / size).to_integral_value(ROUND_FLOOR) * size


def _document(_: str, __: Any, old: str, new: str) -> bool:
    return '"a"' not in new and ('"b"' not in old or '"b": "gone"' in new)


def _shaped(pattern: str) -> Callable[[str, Any, str, str], bool]:
    return lambda _, __, old, new: new.rstrip() != old and re.fullmatch(pattern, new.rstrip()) is not None


_MET: dict[str, Callable[[str, Any, str, str], bool]] = {
    "empty": lambda _, __, ___, new: not new.strip(),
    "zeros": _zeros,
    "redact": _redact,
    "truncate": _truncate,
    "bucket": _bucket,
    "json": _document,
    "unique_token": _shaped(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
    "unique_phone": _shaped(r"[+]?999[0-9]{12}"),
    "unique_email": _shaped(r"[0-9a-f]{32}@a\.example"),
    "template": _shaped(r"C:[0-9a-f]{32} %s"),
}
