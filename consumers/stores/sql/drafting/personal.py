"""Which columns look personal, by name and type alone: what a draft proposes to mask. A person decides."""

import re
from typing import Literal

from consumers.stores.sql.catalog import Column

Kind = Literal["email", "phone", "birth", "identity", "name", "text"]

_INNER_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_ELSE = re.compile(r"[^a-z0-9åäöæøüß]+")
_THINGS = (  # whose names are no person's
    "product|category|file|table|type|status|event|class|host|column|field|role|group|state|country|region|brand|model|"
    "item|plan|currency|campaign|template|report|department|branch|channel|service|tag|rule|queue|job|task"
)
_OF_A_THING = re.compile(rf"(^|_)({_THINGS})_?name")
_NAMED: tuple[tuple[Kind, re.Pattern[str]], ...] = (  # the first that is found in the words of a name
    ("email", re.compile(r"e_?mail|e_?post(_|$)")),
    ("phone", re.compile(r"phone|mobile|telefon|fax|(^|_)(tel|cell|msisdn)(_|$)")),
    ("birth", re.compile(r"birth|(^|_)(born|dob)(_|$)|födel|fodel|geburt")),
    (
        "identity",
        re.compile(
            r"person(al)?_?(no|nr|number|nummer|code|id|identity)|social_?security|national_?(id|number)|passport|"
            r"licen[cs]e_?(no|nr|number|plate)|(tax|identity|insurance)_?(no|nr|number|id)|"
            r"(account|card|konto)_?(no|nr|number|nummer)|iban|(^|_)(ssn|pnr|nin|cpr|tin|bban|pan)(_|$)"
        ),
    ),
    (
        "name",
        re.compile(
            r"(^|_)(name|names|namn|vorname|nachname|initials|login|alias)(_|$)|"
            r"(first|last|full|middle|sur|fore|given|family|maiden|nick|user|company|customer|display|för|efter)_?nam[en]"
        ),
    ),
    (
        "text",
        re.compile(
            r"address|adress|street|postal|post_?code|zip_?code|city|latitude|longitude|contact|signature|photo|avatar|"
            r"note|comment|remark|free_?text|memo|message|user_?agent|device_?id|"
            r"(^|_)(zip|town|county|apartment|gata|ort|ip|lat|lng|lon|geo|body|text)(_|$)"
        ),
    ),
)
_NUMBERS = {"int1", "int2", "int3", "int4", "int8", "uint1", "uint2", "uint3", "uint4", "uint8", "numeric", "float8"}
_ANY_CONTENT = {"bytea", "blob", "tinyblob", "mediumblob", "longblob", "binary", "varbinary", "inet", "point"}


def looks_personal(column: Column) -> Kind | None:
    """What of a person the column seems to hold; None where neither name nor type says so."""
    words = _ELSE.sub("_", _INNER_CAPITAL.sub("_", column.name).lower())
    if _OF_A_THING.search(words):
        return None
    kind = next((kind for kind, pattern in _NAMED if pattern.search(words)), None)
    return kind if kind and _can_hold(kind, column) else None


def _can_hold(kind: Kind, column: Column) -> bool:
    if column.is_text or column.base in _ANY_CONTENT:
        return True
    if kind == "birth":
        return column.is_date or column.base in _NUMBERS
    return kind in {"phone", "identity"} and column.base in _NUMBERS
