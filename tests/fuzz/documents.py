"""YAML made wrong: as text, as an editor or a merge does it; as a tree, as somebody who misread the manual does it."""

import json
import random
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

from ruamel.yaml import YAML

from tests.fuzz.words import ABYSSES, LAUGHS, LINES, PLAIN, WORDS

TextMutation = Callable[[random.Random, list[str]], None]


def _lose(chance: random.Random, lines: list[str]) -> None:
    del lines[chance.randrange(len(lines))]


def _double(chance: random.Random, lines: list[str]) -> None:
    lines.insert(chance.randrange(len(lines) + 1), chance.choice(lines))


def _swap(chance: random.Random, lines: list[str]) -> None:
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]


def _indent(chance: random.Random, lines: list[str]) -> None:
    at = chance.randrange(len(lines))
    lines[at] = (
        chance.choice((" ", "  ", "\t", "- ", "? ")) + lines[at] if chance.random() < 0.7 else lines[at].lstrip()
    )


def _other_part(separator: str, chance: random.Random, lines: list[str]) -> None:
    at = chance.randrange(len(lines))
    parts = lines[at].split(separator)
    parts[chance.randrange(len(parts))] = chance.choice(WORDS)
    lines[at] = separator.join(parts)


_other_value, _other_word = partial(_other_part, ": "), partial(_other_part, " ")


def _abyss(chance: random.Random, lines: list[str]) -> None:
    at = chance.randrange(len(lines))
    lines[at] = lines[at].partition(":")[0] + ": " + chance.choice(ABYSSES)


def _more(chance: random.Random, lines: list[str]) -> None:
    at = chance.randrange(len(lines))
    indent = len(lines[at]) - len(lines[at].lstrip())
    lines.insert(at, " " * indent + chance.choice(LINES))


def _letter(chance: random.Random, lines: list[str]) -> None:
    at = chance.randrange(len(lines))
    where = chance.randrange(len(lines[at]) + 1)
    lines[at] = (
        lines[at][:where]
        + chance.choice("\x00\t:{}[]&*!|>'\"%@`#,?-\\\u0085\u2029\ud7ff\U0001f600")
        + lines[at][where:]
    )


def _laugh(chance: random.Random, lines: list[str]) -> None:
    lines.insert(0, LAUGHS)
    if chance.random() < 0.7:
        at = chance.randrange(1, len(lines))
        name = f"*l{chance.choice((2, 3, 11))}"
        lines[at] = lines[at].partition(":")[0] + ": " + chance.choice((name, f"[{name}, {name}]", f"{{a: {name}}}"))


TEXT_MUTATIONS: tuple[TextMutation, ...] = (
    *(
        _lose,
        _double,
        _swap,
        _indent,
        _other_value,
        _other_value,
        _other_value,
        _other_word,
        _other_word,
        _more,
        _more,
        _letter,
    ),
)
ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "utf-8")


def document_of(chance: random.Random, bases: tuple[str, ...], more: Mapping[str, str]) -> bytes:
    """One of these documents, which `more` is added to, made wrong, as a file."""
    base = chance.choice(bases)
    text = _as_tree(chance, base, more) if chance.random() < 0.3 else _as_text(chance, base, more)
    content = text.encode("utf-8", "surrogatepass")
    if chance.random() < 0.03:
        content = text.encode(chance.choice(ENCODINGS), "replace")
    if chance.random() < 0.03:
        at = chance.randrange(len(content) + 1)
        content = content[:at] + chance.choice((b"\xff", b"\x00", b"\xed\xa0\x80", b"\r", b"\xc2\x85")) + content[at:]
    return content


def _as_text(chance: random.Random, base: str, more: Mapping[str, str]) -> str:
    lines = [*base.split("\n"), *(f'{key}: "{_quoted(value)}"' for key, value in more.items())]
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        chance.choice(TEXT_MUTATIONS)(chance, lines)
        lines = lines or [""]
    if chance.random() < 0.005:
        chance.choice((_laugh, _laugh, _abyss))(chance, lines)
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


@cache
def _json_of(base: str) -> str:
    return json.dumps(YAML(typ="safe", pure=True).load(base))


def _as_tree(chance: random.Random, base: str, more: Mapping[str, str]) -> str:
    """The document as JSON, which is YAML; a value in it replaced, taken out, or put where another one stood."""
    tree = {**json.loads(_json_of(base)), **more}
    for _ in range(chance.choice((1, 1, 2, 4))):
        places = list(_places(tree))
        parent, key = chance.choice(places)
        other_parent, other_key = chance.choice(places)
        _change(chance, parent, key, _grown(chance, 0) if chance.random() < 0.6 else other_parent[other_key])
        tree = json.loads(json.dumps(tree, default=str))
    return json.dumps(tree, ensure_ascii=chance.random() < 0.5, indent=chance.choice((None, 1)))


def _change(chance: random.Random, parent: Any, key: Any, value: Any) -> None:
    die = chance.random()
    if die < 0.2:
        del parent[key]
    elif die < 0.9 or isinstance(parent, list):
        # a copy: a tree that holds itself cannot be written as JSON
        parent[key] = json.loads(json.dumps(value, default=str))
    else:
        parent[str(chance.choice(PLAIN))] = parent[key]


def _places(tree: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    to_look_at = [tree]
    while to_look_at:
        node = to_look_at.pop()
        keys: Any = node.keys() if isinstance(node, Mapping) else range(len(node)) if isinstance(node, list) else ()
        for key in keys:
            found.append((node, key))
            to_look_at.append(node[key])
    return found or [({"": tree}, "")]


def _grown(chance: random.Random, depth: int) -> Any:
    die = chance.random()
    if depth > 3 or die < 0.6:
        return chance.choice(PLAIN)
    parts = [_grown(chance, depth + 1) for _ in range(chance.choice((0, 1, 2, 3)))]
    return parts if die < 0.8 else {str(chance.choice(PLAIN)): each for each in parts}
