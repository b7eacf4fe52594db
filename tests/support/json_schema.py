"""As much of JSON Schema as ours uses; a keyword it does not know fails the test instead of passing unlooked at."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_TOLD = {"$defs", "$schema", "title", "description", "default", "format", "writeOnly"}
_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def mismatches(schema: Mapping[str, Any], document: Any) -> list[str]:
    """Where the document is not as the schema says; paths such as tables.people.mask."""
    return list(_Reader(schema["$defs"]).wrong(schema, document, ""))


class _Reader:
    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions

    def wrong(self, schema: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:
        for keyword, argument in schema.items():
            if keyword in _TOLD or keyword in {"additionalProperties", "required"}:
                continue
            if keyword in _CHECKS:
                if not _CHECKS[keyword](argument, value):
                    yield f"{path}: {keyword}"
            else:
                yield from getattr(self, f"_{keyword.lstrip('$')}")(argument, value, path)
        if isinstance(value, dict):
            yield from self._others(schema, value, path)

    def _others(self, schema: Mapping[str, Any], value: dict[str, Any], path: str) -> Iterator[str]:
        yield from (f"{path}.{name}: required" for name in schema.get("required", ()) if name not in value)
        others = schema.get("additionalProperties", True)
        for name in value.keys() - schema.get("properties", {}).keys():
            if others is False:
                yield f"{path}.{name}: not known"
            elif others is not True:
                yield from self.wrong(others, value[name], f"{path}.{name}")

    def _ref(self, name: str, value: Any, path: str) -> Iterator[str]:
        yield from self.wrong(self._definitions[name.removeprefix("#/$defs/")], value, path)

    def _properties(self, properties: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:
        for name, schema in properties.items():
            if isinstance(value, dict) and name in value:
                yield from self.wrong(schema, value[name], f"{path}.{name}")

    def _propertyNames(self, schema: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:  # noqa: N802 - a keyword
        for name in value if isinstance(value, dict) else ():
            yield from self.wrong(schema, name, f"{path}.{name}")

    def _patternProperties(self, patterns: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:  # noqa: N802 - a keyword
        for name in value if isinstance(value, dict) else ():
            for pattern in filter(lambda each: re.search(each, name), patterns):
                yield from self.wrong(patterns[pattern], value[name], f"{path}.{name}")

    def _items(self, schema: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:
        for number, each in enumerate(value if isinstance(value, list) else ()):
            yield from self.wrong(schema, each, f"{path}.{number}")

    def _anyOf(self, schemas: list[Mapping[str, Any]], value: Any, path: str) -> Iterator[str]:  # noqa: N802 - a keyword
        if not any(self._fits(schema, value) for schema in schemas):
            yield f"{path}: anyOf"

    def _oneOf(self, schemas: list[Mapping[str, Any]], value: Any, path: str) -> Iterator[str]:  # noqa: N802 - a keyword
        if sum(self._fits(schema, value) for schema in schemas) != 1:
            yield f"{path}: oneOf"

    def _fits(self, schema: Mapping[str, Any], value: Any) -> bool:
        return not any(self.wrong(schema, value, ""))


def _is(name: str, value: Any) -> bool:
    return isinstance(value, _TYPES[name]) and (name == "boolean" or not isinstance(value, bool))


_CHECKS: Mapping[str, Callable[[Any, Any], bool]] = {
    "type": _is,
    "const": lambda wanted, value: bool(value == wanted),
    "enum": lambda wanted, value: value in wanted,
    "pattern": lambda pattern, value: not isinstance(value, str) or bool(re.search(pattern, value)),
    "minLength": lambda least, value: not isinstance(value, str) or len(value) >= least,
    "maxLength": lambda most, value: not isinstance(value, str) or len(value) <= most,
    "minItems": lambda least, value: not isinstance(value, list) or len(value) >= least,
    "minProperties": lambda least, value: not isinstance(value, dict) or len(value) >= least,
    "exclusiveMaximum": lambda most, value: not _is("integer", value) or value < most,
    "minimum": lambda least, value: isinstance(value, bool) or not isinstance(value, int | float) or value >= least,
    "maximum": lambda least, value: isinstance(value, bool) or not isinstance(value, int | float) or value <= least,
}
