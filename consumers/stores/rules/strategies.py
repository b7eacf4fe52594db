"""How one cell is rewritten. None can be reversed, and none depends on the customer.

| strategy       | types                        | output, its bound                    | NULL      | unique| repeats|
|----------------|------------------------------|--------------------------------------|-----------|-------|--------|
| `set_null`     | any nullable                 | NULL                                 | NULL      | yes(*)| yes    |
| `static`       | text, enum, number, boolean, | the value; it must fit the column    | replaced   | no    | yes    |
|                | date, timestamp, uuid        |                                      |           |       |        |
| `zeros`        | text                         | as many '0' as the old text's letters| stays     | no    | yes    |
|                | number                       | 0                                    | stays     | no    | yes    |
|                | date, timestamp              | 1970-01-01 (midnight UTC)            | stays     | no    | yes    |
| `unique_token` | text of 36 letters up, uuid  | a fresh random UUID                  | stays     | yes   | no     |
| `unique_email` | text of 33 + domain's letters| 32 hexadecimal digits@domain         | stays     | yes   | no     |
| `truncate`     | date, timestamp              | first instant of year, month, day UTC| stays     | no    | yes    |
|                | text: {characters: N}        | its first N letters                  | stays     | no    | yes    |

(*) Where NULLs are distinct, which is PostgreSQL's default.
"""

import datetime as dt
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from consumers.stores.rules.problems import not_available, refusal

_DOMAIN = r"^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$"
UUID_LENGTH = 36
EMAIL_OVERHEAD = 33  # 32 hexadecimal digits and the @

StaticValue = str | bool | int | float | dt.datetime | dt.date


class _Strategy(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class SetNull(_Strategy):
    """The cell becomes NULL."""

    kind: Literal["set_null"] = "set_null"


class Static(_Strategy):
    """The cell becomes one value, the same for everyone; NULL is overwritten too."""

    kind: Literal["static"] = "static"
    value: StaticValue


class Zeros(_Strategy):
    """The cell becomes the zero of its type."""

    kind: Literal["zeros"] = "zeros"


class UniqueToken(_Strategy):
    """The cell becomes a fresh random UUID."""

    kind: Literal["unique_token"] = "unique_token"


class UniqueEmail(_Strategy):
    """The cell becomes a fresh address at `domain`."""

    kind: Literal["unique_email"] = "unique_email"
    domain: str = Field(pattern=re.compile(_DOMAIN))


class Truncate(_Strategy):
    """The cell keeps its coarse part: `to` for dates, the first `characters` for text."""

    kind: Literal["truncate"] = "truncate"
    to: Literal["year", "month", "day"] | None = None
    characters: int | None = Field(default=None, ge=1)


AVAILABLE = ("set_null", "static", "zeros", "unique_token", "unique_email", "truncate")
UNIQUE = ("unique_token", "unique_email")
_BARE = ("set_null", "zeros", "unique_token")


def read_strategy(written: object) -> dict[str, Any]:
    """Turn the short forms of a rules file (`zeros`, `{static: X}`, `{truncate: year}`) into fields."""
    if isinstance(written, str):
        return _bare(written)
    if isinstance(written, dict) and len(written) == 1:
        name, argument = next(iter(written.items()))
        return _with_argument(str(name), argument)
    raise refusal("strategy_form", "a strategy is one word or one key with its argument.", _forms())


def _bare(name: str) -> dict[str, Any]:
    _known(name)
    if name not in _BARE:
        raise refusal("strategy_form", f"{name} needs an argument.", _forms())
    return {"kind": name}


def _with_argument(name: str, argument: object) -> dict[str, Any]:
    _known(name)
    if name == "static":
        return {"kind": name, "value": argument}
    if name == "truncate" and isinstance(argument, str):
        return {"kind": name, "to": argument}
    takes = {"unique_email": {"domain"}, "truncate": {"characters"}}.get(name)
    if takes is None or not isinstance(argument, dict) or set(argument) != takes:
        raise refusal("strategy_form", f"{name} does not take this argument.", _forms())
    return {"kind": name, **argument}


def _known(name: str) -> None:
    if name not in AVAILABLE:
        raise not_available(f"the strategy {name}", _forms())


def _forms() -> str:
    return (
        "write one of set_null, zeros, unique_token, {static: VALUE}, {unique_email: {domain: NAME}}, "
        "{truncate: year|month|day} or {truncate: {characters: N}}."
    )


Strategy = Annotated[
    Annotated[SetNull | Static | Zeros | UniqueToken | UniqueEmail | Truncate, Field(discriminator="kind")],
    BeforeValidator(read_strategy),
]
