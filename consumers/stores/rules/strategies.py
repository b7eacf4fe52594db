"""How one cell is rewritten. None can be reversed, and none depends on the customer.

| strategy       | types                        | output, its bound                    | NULL      | unique| repeats|
|----------------|------------------------------|--------------------------------------|-----------|-------|--------|
| `set_null`     | any nullable                 | NULL                                 | NULL      | yes(*)| yes    |
| `static`       | text, enum, number, boolean, | the value; it must fit the column    | replaced  | no    | yes    |
|                | date, timestamp, uuid        |                                      |           |       |        |
| `empty`        | text                         | ''                                   | stays     | no    | yes    |
| `zeros`        | text                         | as many '0' as the old text's letters| stays     | no    | yes    |
|                | number                       | 0                                    | stays     | no    | yes    |
|                | date, timestamp              | 1970-01-01 (midnight UTC)            | stays     | no    | yes    |
| `redact`       | text                         | X for each letter, digit, and what   | stays     | no    | yes    |
|                |                              | is not ASCII; as long as the old text|           |       |        |
| `unique_token` | text of 36 letters up, uuid  | a fresh random UUID                  | stays     | yes   | no     |
| `unique_email` | text of 33 + domain's letters| 32 hexadecimal digits@domain         | stays     | yes   | no     |
| `unique_phone` | text of 12 + prefix's letters| prefix and 12 digits, 15 in all      | stays     | yes(+)| no     |
| `template`     | text of 25 + template's      | the template, 32 hexadecimal digits  | stays     | yes   | no     |
|                | letters                      | where {token} stood                  |           |       |        |
| `truncate`     | date, timestamp              | first instant of year, month, day UTC| stays     | no    | yes    |
|                | text: {characters: N}        | its first N letters                  | stays     | no    | yes    |
| `bucket`       | whole number, numeric        | the multiple of N at or below it     | stays     | no    | yes    |
| `json`         | json, jsonb; text, where the | the document without some paths, with| stays, so | no    | yes    |
|                | database has no such types   | a value at others that are there     | does null |       |        |

| `hash`         | text of 64 letters up        | SHA-256 of its UTF-8, hexadecimal    | stays     | no(-) | yes    |
| `partial_mask` | text                         | X for each letter but the last N; of | stays     | no    | yes    |
|                |                              | a text that has no more, for each    |           |       |        |

(*) Where NULLs are distinct, which is PostgreSQL's default.
(-) Who comes back with the value he had, and is anonymized again, gets the same one.
(+) Twelve random digits: where two meet, the constraint refuses the batch and each customer gets others on his own.
What must be true of a cell afterwards, whatever it held before, is in `stores.sql.expectations`. The table is told once
more as values, `declared` and `longest`, which pre-flight and verification read.
"""

import datetime as dt
import re
from collections.abc import Mapping
from typing import ClassVar, Literal, Self, get_args

from pydantic import Field, model_validator

from consumers.stores.rules.custom_strategies import CustomStrategy
from consumers.stores.rules.declared import FAMILIES, Declared, Declaring, everywhere
from consumers.stores.rules.json_paths import Path, Paths, Value, checked
from consumers.stores.rules.shapes import Reason

_DOMAIN = r"^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$"
UUID_LENGTH = 36
EMAIL_OVERHEAD = 33  # 32 hexadecimal digits and the @
PHONE_DIGITS = 12  # behind 999; E.164 has 15 at most
TOKEN = "{token}"  # noqa: S105 - a word of the rules
TOKEN_LENGTH = 32
HASH_LENGTH = 64

StaticValue = str | bool | int | float | dt.datetime | dt.date
_TEXT = everywhere("text")
_FRESH = Declared(_TEXT, repeats=False, unique=True, differs=True)


class SetNull(Declaring):
    """The cell becomes NULL."""

    declared: ClassVar[Declared] = Declared(everywhere(*FAMILIES), may_be_null=True)
    kind: Literal["set_null"] = "set_null"


class Static(Declaring):
    """The cell becomes one value, the same for everyone; NULL is overwritten too."""

    declared: ClassVar[Declared] = Declared(everywhere(*(FAMILIES - {"json", "other"})), null="replaced")
    kind: Literal["static"] = "static"
    value: StaticValue

    @property
    def longest(self) -> int:
        """Letters, or digits before the point."""
        value = self.value
        return len(str(abs(int(value))) if isinstance(value, int | float) else str(value))


class Empty(Declaring):
    """The cell becomes the empty text."""

    declared: ClassVar[Declared] = Declared(_TEXT)
    kind: Literal["empty"] = "empty"


class Zeros(Declaring):
    """The cell becomes the zero of its type."""

    declared: ClassVar[Declared] = Declared(everywhere("text", "whole", "numeric", "float", "date"))
    kind: Literal["zeros"] = "zeros"


class Redact(Declaring):
    """The cell keeps its length and its ASCII punctuation; all else becomes X."""

    declared: ClassVar[Declared] = Declared(_TEXT)
    kind: Literal["redact"] = "redact"


class UniqueToken(Declaring):
    """The cell becomes a fresh random UUID."""

    declared: ClassVar[Declared] = _FRESH._replace(types=everywhere("text", "uuid"))
    kind: Literal["unique_token"] = "unique_token"

    @property
    def longest(self) -> int:
        """Letters of the new value."""
        return UUID_LENGTH


class UniqueEmail(Declaring):
    """The cell becomes a fresh address at `domain`."""

    declared: ClassVar[Declared] = _FRESH
    kind: Literal["unique_email"] = "unique_email"
    domain: str = Field(pattern=re.compile(_DOMAIN))

    @property
    def longest(self) -> int:
        """Letters of the new value."""
        return EMAIL_OVERHEAD + len(self.domain)


class UniquePhone(Declaring):
    """The cell becomes a fresh number of country code 999, which is nobody's: any other may be somebody's."""

    declared: ClassVar[Declared] = _FRESH
    kind: Literal["unique_phone"] = "unique_phone"
    prefix: Literal["+999", "00999", "999"] = "+999"

    @property
    def longest(self) -> int:
        """Letters of the new value."""
        return len(self.prefix) + PHONE_DIGITS


class Template(Declaring):
    """The cell becomes `text` with 32 fresh hexadecimal digits where {token} stands, once."""

    declared: ClassVar[Declared] = _FRESH
    kind: Literal["template"] = "template"
    text: str = Field(pattern=r"^[^{}]*\{token\}[^{}]*$")

    @property
    def before(self) -> str:
        """What stands in front of the digits."""
        return self.text.partition(TOKEN)[0]

    @property
    def longest(self) -> int:
        """Letters of the new value."""
        return len(self.text) - len(TOKEN) + TOKEN_LENGTH


class Truncate(Declaring):
    """The cell keeps its coarse part: `to` for dates, the first `characters` for text."""

    declared: ClassVar[Declared] = Declared(everywhere("text", "date"))
    kind: Literal["truncate"] = "truncate"
    to: Literal["year", "month", "day"] | None = None
    characters: int | None = Field(default=None, ge=1)


class Bucket(Declaring):
    """The cell becomes the multiple of `size` at or below it."""

    declared: ClassVar[Declared] = Declared(
        # SQLite keeps decimals as floating numbers, which no size divides exactly
        {**everywhere("whole", "numeric"), "sqlite": frozenset({"whole"})}
    )
    kind: Literal["bucket"] = "bucket"
    size: int = Field(ge=2, lt=2**63)

    @property
    def longest(self) -> int:
        """Letters of the new value."""
        return len(str(self.size))


class JsonPaths(Declaring):
    """The document loses the paths of `remove`, and has a value at those of `set` that it has.

    `other_paths`: refuse fails who has a value at any other path that `keep` does not name, with its reason.
    """

    declared: ClassVar[Declared] = Declared(
        # documents in text: PostgreSQL has types for them
        {**everywhere("text", "json"), "postgresql": frozenset({"json"})}
    )
    kind: Literal["json"] = "json"
    remove: Paths = ()
    set: Mapping[Path, Value] = Field(default_factory=dict)
    keep: Mapping[Reason, Paths] = Field(default_factory=dict)
    other_paths: Literal["refuse", "keep"]

    @property
    def kept(self) -> list[Path]:
        """Paths kept, without their reasons."""
        return [path for paths in self.keep.values() for path in paths]

    @model_validator(mode="after")
    def _checked(self) -> Self:
        checked(self.remove, self.set, self.kept)
        return self


class Hash(Declaring):
    """The cell becomes the SHA-256 of its text, from which who hashes every possible value reads the old one."""

    declared: ClassVar[Declared] = Declared(
        _TEXT, differs=True, reversible="who hashes every possible value finds the old one again"
    )
    kind: Literal["hash"] = "hash"
    accept_reversible: Reason

    @property
    def longest(self) -> int:
        """Letters of the new value."""
        return HASH_LENGTH


class PartialMask(Declaring):
    """The cell keeps its last `characters` letters, by which a person may be told from others."""

    declared: ClassVar[Declared] = Declared(_TEXT, reversible="what is left of a value tells a person from others")
    kind: Literal["partial_mask"] = "partial_mask"
    characters: int = Field(ge=1)
    accept_reversible: Reason


BuiltIn = (
    SetNull
    | Static
    | Empty
    | Zeros
    | Redact
    | UniqueToken
    | UniqueEmail
    | UniquePhone
    | Template
    | Truncate
    | Bucket
    | JsonPaths
    | Hash
    | PartialMask
)
AnyStrategy = BuiltIn | CustomStrategy


DECLARED: Mapping[str, Declared] = {each.model_fields["kind"].default: each.declared for each in get_args(BuiltIn)}
UNIQUE = tuple(kind for kind, declared in DECLARED.items() if declared.unique)
