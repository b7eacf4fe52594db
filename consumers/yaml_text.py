"""YAML 1.2 text as plain values, or what is wrong with it, in words that quote nothing of it.

The parser meets text that is wrong with nearly any error there is: a date that is none, a number too long to convert, a
letter that does not exist, brackets nested deeper than it can go. And aliases make a few lines a tree without end.
"""

import re
from collections.abc import Iterable
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from consumers.domain.errors import PermanentError

MOST_VALUES = 100_000
"""As many as a reader comes by, repeated ones counted again: a hundred times what the largest rules file needs."""
DEEPEST = 50
_OTHER_VERSION = re.compile(r"^%YAML +(?!1\.2\b)", re.MULTILINE)
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")
"""What neither a terminal nor a database takes: half a letter, and the end of text."""


class YamlTextError(PermanentError):
    """Not YAML that can be used; the message is a sentence that quotes nothing."""


def read_yaml(text: str) -> Any:
    """The one document of a text. YamlTextError: there is none that can be used."""
    if _OTHER_VERSION.search(text):
        raise YamlTextError("it asks for another YAML than 1.2, in which `no` may be false; leave the %YAML line out.")
    try:
        document = _parser().load(text)
    except Exception as error:  # noqa: BLE001 - see above
        problem: str | None = _problem(error)
    else:
        problem = _excess(document)
    if problem is not None:
        raise YamlTextError(problem)
    return document


def _parser() -> YAML:
    parser = YAML(typ="safe", pure=True)
    parser.composer.warn_double_anchors = False  # YAML allows it, and the warning prints the lines
    return parser


def _problem(error: Exception) -> str:
    # never the parser's own words: they quote the line, and the line may hold a password
    if isinstance(error, RecursionError):
        return f"values are nested deeper than {DEEPEST} levels."
    mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
    line = f" at line {mark.line + 1}" if mark else ""
    return f"not valid YAML{line} ({type(error).__name__})."


def _excess(document: object) -> str | None:
    """What a reader of the document could not come by, in words."""
    left = MOST_VALUES
    to_look_at = [(document, 0)]
    while to_look_at:
        node, depth = to_look_at.pop()
        left -= 1
        if isinstance(node, str) and _UNWRITABLE.search(node):
            return "text holds a NUL or half a letter (a surrogate)."
        if depth > DEEPEST:
            return f"values are nested deeper than {DEEPEST} levels, or hold themselves."
        if left < 0:
            return f"there are more than {MOST_VALUES} values; what an alias repeats is counted again."
        to_look_at += ((each, depth + 1) for each in _parts(node))
    return None


def _parts(node: object) -> Iterable[object]:
    if isinstance(node, dict):
        return [*node.keys(), *node.values()]
    return node if isinstance(node, list | tuple | set) else ()
