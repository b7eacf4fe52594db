"""A rules document as the YAML a person would write, and remarks as comments behind it."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_WORDS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}  # some readers take the last six for booleans
_MOST_LETTERS = 110
_BLOCKS = {"mask", "keep"}


def written(document: dict[str, Any]) -> str:
    """The document, its tables one line a column that is masked."""
    lines = [f"{name}: {_flow(value)}" for name, value in document.items() if name != "tables"]
    return "\n".join([*lines, "tables:", *_tables(document["tables"])]) + "\n"


def comment(texts: Iterable[str]) -> str:
    """Each text as comment lines, whatever a name in it holds."""
    return "".join(f"#{' ' if line else ''}{_printable(line)}\n" for text in texts for line in text.split("\n"))


def _tables(tables: dict[str, Any]) -> Iterator[str]:
    for name, table in tables.items():
        yield f"  {_scalar(name)}:"
        for part, value in table.items():
            if part in _BLOCKS:
                yield f"    {part}:"
                for key, each in value.items():
                    yield from _entry(key, each)
            else:
                yield f"    {part}: {_flow(value)}"


def _entry(key: str, value: Any) -> Iterator[str]:
    line = f"      {_scalar(key)}: {_flow(value)}"
    if isinstance(value, list) and len(line) > _MOST_LETTERS:
        yield f"      {_scalar(key)}:"
        yield from (f"        - {_scalar(each)}" for each in value)
    else:
        yield line


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value) if isinstance(value, str) else str(value)


def _scalar(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(letter: str) -> str:
    if letter in {'"', "\\"}:
        return f"\\{letter}"
    return letter if letter.isprintable() else f"\\U{ord(letter):08x}"


def _printable(line: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in line)
