"""The JSON Schema of a database's rules file, so that an editor completes and checks it as it is written.

It is the models' own, with strategies and the ledger in the short forms a file has. It knows less than `load_rules`: a
contradiction between two places passes it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from consumers.stores.rules.forms import AVAILABLE, BARE
from consumers.stores.rules.model import Rules

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]


def rules_schema() -> Schema:
    """The schema, as plain JSON values; the same on every call."""
    schema = _mended(Rules.model_json_schema())
    for name, definition in schema["$defs"].items():
        kind = definition.get("properties", {}).get("kind", {}).get("const")
        if kind in AVAILABLE:
            schema["$defs"][name] = _as_written(kind, definition)
    schema["properties"]["ledger"]["anyOf"] = [{"$ref": "#/$defs/Ledger"}, {"const": "none"}]
    return {"$schema": DIALECT, **schema, "title": "Lapse rules"}


def _mended(node: Any) -> Any:
    """Without what belongs to the long form of strategies, and with the bound of a list in the words of a list."""
    if isinstance(node, list):
        return [_mended(each) for each in node]
    if not isinstance(node, dict):
        return node
    mended = {name: _mended(each) for name, each in node.items() if name != "discriminator"}
    if mended.get("type") == "array" and "minLength" in mended:
        mended["minItems"] = mended.pop("minLength")
    return mended


def _as_written(kind: str, definition: Schema) -> Schema:
    """A strategy as a file has it: one word, or one key with its argument."""
    fields = {name: field for name, field in definition["properties"].items() if name != "kind"}
    told = {"description": definition["description"]}
    if not fields:
        return {"const": kind, **told}
    special = _ARGUMENTS.get(kind)
    argument = special(fields) if special else _object(fields, definition.get("required", ()))
    written = _object({kind: argument}, (kind,))
    return {**({"anyOf": [{"const": kind}, written]} if kind in BARE else written), **told}


def _truncate(fields: Mapping[str, Schema]) -> Schema:
    characters = {"characters": _required(fields["characters"])}
    return {"anyOf": [_required(fields["to"]), _object(characters, characters)]}


_ARGUMENTS: Mapping[str, Callable[[Mapping[str, Schema]], Schema]] = {
    "static": lambda fields: fields["value"],
    "template": lambda fields: fields["text"],
    "truncate": _truncate,
}


def _required(field: Schema) -> Schema:
    """A field that may be left out, where it is not."""
    written: Schema = field["anyOf"][0]
    return written


def _object(properties: Mapping[str, Schema], required: Iterable[str]) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }
