"""The JSON Schema of a database's rules file, so that an editor completes and checks it as it is written.

It is the models' own, with strategies and the ledger in the short forms a file has, and with the strategies that other
packages installed here bring. It knows less than `load_rules`: a contradiction between two places passes it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from consumers.stores.rules.custom_strategies import OWN, CustomStrategy
from consumers.stores.rules.forms import AVAILABLE, BARE, installed
from consumers.stores.rules.model import Rules

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]


def rules_schema() -> Schema:
    """The schema, as plain JSON values; the same on every call in a process."""
    schema = _mended(Rules.model_json_schema())
    for name, definition in schema["$defs"].items():
        kind = definition.get("properties", {}).get("kind", {}).get("const")
        if kind in AVAILABLE:
            schema["$defs"][name] = _as_written(kind, definition)
    for name, strategy in installed():
        schema["$defs"] |= _brought(name, strategy)
        schema["$defs"]["Table"]["properties"]["mask"]["additionalProperties"]["oneOf"].append(_refer(name))
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


def _brought(name: str, strategy: type[CustomStrategy]) -> Schema:
    """A strategy of another package by its name, beside what it refers to."""
    try:
        made = _mended(strategy.model_json_schema(ref_template=f"#/$defs/{name}.{{model}}"))
    except Exception:  # noqa: BLE001 - of somebody else's types; an editor can do without
        return {name: {"anyOf": [{"const": name}, _object({name: {}}, (name,))]}}
    fields = {field: each for field, each in made["properties"].items() if field not in OWN}
    required = [field for field in made.get("required", ()) if field not in OWN]
    written = _object({name: _object(fields, required)}, (name,))
    told = {"description": made.get("description", "")}
    inner = {f"{name}.{each}": definition for each, definition in made.get("$defs", {}).items()}
    return {name: {**(written if required else {"anyOf": [{"const": name}, written]}), **told}, **inner}


def _refer(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


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
