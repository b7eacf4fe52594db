"""Valid records of any shape: values grown from the Avro schemas, at the edges of what a field may say and beyond."""

import random
import uuid
from collections.abc import Mapping
from functools import cache
from typing import Any

from schemas.codec import encode
from schemas.library import newest
from schemas.validate import EARLIEST, LATEST
from tests.support.build import NOW
from tests.support.world import PURPOSE

IDS = (
    *("c-1", "c-2", "f-alpha", "f-beta", "all", "ticks", ".."),
    *(
        "",
        " ",
        "#",
        "a#b",
        "events#0",
        "a b",
        "a\tb",
        "a\x00b",
        "\u00e9",
        "e\u0301",
        "\U0001f600",
        "a\u202eb",
        "\ufeffa",
    ),
    *("x" * 256, "x" * 257, "\U0001f600" * 256, "y" * 100_000),
    *("19121212-1212", "SE191212121212", "anna@example.com", "9" * 256, "1912121" * 36, "\u0661" * 12, "\uff11" * 12),
)
PRODUCTS = (
    "loan/1",
    "loan/2",
    "activity",
    "legal-hold/7",
    "loan/",
    "/",
    "",
    "Loan/1",
    "a" * 33,
    "loan/" + "x" * 65,
    "\n",
)
TEXTS = (
    "",
    "x",
    "crm",
    "loans",
    PURPOSE,
    "DONE",
    "AGREED",
    "\x00",
    "\u2028",
    "\U0001f600",
    "z" * 5000,
    "${HOME}",
    "%s{0}",
)
AHEAD = 5 * 60 * 1_000_000
TIMES = (
    *(0, 1, -1, NOW, NOW - 1, NOW + AHEAD, NOW + AHEAD + 1, NOW - 60 * 86_400_000_000, NOW + 60 * 86_400_000_000),
    *(EARLIEST - 1, EARLIEST, LATEST - 1, LATEST, LATEST + 1, 1 << 62, (1 << 63) - 1, -1 << 63),
)
NAMES = tuple(sorted(newest()))


class Grower:
    """Makes values of a schema, the same ones from the same chance; `named` are values of fields that are given."""

    def __init__(self, chance: random.Random, named: Mapping[str, Any]) -> None:
        self._chance, self._given = chance, named

    def value(self, schema: Any, field: str = "") -> Any:
        """A value of this type."""
        if isinstance(schema, list):
            return self.value(self._chance.choice(schema), field)
        if isinstance(schema, str):
            return self.value(_named()[schema], field) if "." in schema else self._plain(schema, field)
        kind = schema["type"]
        if kind == "record":
            return {each["name"]: self._field(each) for each in schema["fields"]}
        if kind == "enum":
            return self._chance.choice(schema["symbols"])
        size = self._chance.choice((0, 1, 1, 2, 3))
        if kind == "array":
            return [self.value(schema["items"], field) for _ in range(size)]
        return {self._chance.choice(TEXTS): self.value(schema["values"], field) for _ in range(size)}

    def _field(self, field: Mapping[str, Any]) -> Any:
        name = field["name"]
        return self._given[name] if name in self._given else self.value(field["type"], name)

    def _plain(self, kind: str, field: str) -> Any:
        if kind == "string":
            return text_of(self._chance, field)
        if kind == "boolean":
            return self._chance.random() < 0.5
        if kind == "int":
            return self._chance.choice((0, 1, -1, (1 << 31) - 1, -1 << 31))
        return None if kind == "null" else self._long()

    def _long(self) -> int:
        if self._chance.random() < 0.4:
            return self._chance.choice(TIMES)
        return self._chance.randrange(EARLIEST, LATEST)


@cache
def _named() -> dict[str, Any]:
    """The types that have a name, as other places of a schema refer to them."""
    found: dict[str, Any] = {}
    to_look_at: list[Any] = [version.plain for version in newest().values()]
    while to_look_at:
        schema = to_look_at.pop()
        if isinstance(schema, dict):
            found.update({schema["name"]: schema} if "." in str(schema.get("name")) else {})
            to_look_at += schema.values()
        elif isinstance(schema, list):
            to_look_at += schema
    return found


def text_of(chance: random.Random, field: str) -> str:
    """Text for a field: good as often as not."""
    if chance.random() < 0.8:
        good = {"customer_id": f"c-{chance.randrange(5)}", "product": chance.choice(PRODUCTS[:4]), "purpose": PURPOSE}
        return good.get(field) or (str(uuid.UUID(int=chance.getrandbits(128))) if field.endswith("id") else "crm")
    return chance.choice({"customer_id": IDS, "product": PRODUCTS}.get(field, TEXTS))


def record_of(chance: random.Random, name: str, **given: Any) -> tuple[bytes, dict[str, Any]]:
    """A record as bytes, and its fields."""
    fields: dict[str, Any] = Grower(chance, given).value(newest()[name].plain)
    return encode(name, fields), fields
