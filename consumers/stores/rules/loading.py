"""From a YAML file and the environment to `Rules`, or to an error that says what to write instead."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from consumers.domain.work import Finding
from consumers.stores.rules.model import Rules
from consumers.stores.rules.problems import RulesError
from consumers.stores.rules.strategies import AVAILABLE
from consumers.stores.rules.structure import problems

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")
_REPAIRS = {
    "extra_forbidden": "take it out, or correct its spelling.",
    "missing": "add it.",
    "string_too_short": "write something that the reader can check.",
}


def load_rules(path: Path, environ: Mapping[str, str]) -> Rules:
    """Read one service's rules file; `${NAME}` inside text is replaced from `environ`.

    Raises:
        RulesError: unreadable, duplicate key, unknown key, missing variable, contradiction, or not available yet.
    """
    missing: list[Finding] = []
    document = _substitute(_parse(path), environ, "", missing)
    if missing:
        raise RulesError(path.name, missing)
    rules = _validate(path, document)
    if found := problems(rules):
        raise RulesError(path.name, found)
    return rules


def _parse(path: Path) -> dict[str, Any]:
    problem = "the file holds no mapping."
    try:
        document = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        problem = f"the file cannot be read ({type(error).__name__})."
    except YAMLError as error:
        problem = _yaml_problem(error)
    else:
        if isinstance(document, dict):
            return document
    raise RulesError(path.name, [Finding("yaml", "file", problem, "write one YAML 1.2 mapping, each key once.")])


def _yaml_problem(error: YAMLError) -> str:
    # never the parser's own words: they quote the line, and the line may hold a password
    mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
    line = f" at line {mark.line + 1}" if mark else ""
    return f"not valid YAML{line} ({type(error).__name__})."


def _substitute(node: object, environ: Mapping[str, str], place: str, missing: list[Finding]) -> Any:
    if isinstance(node, dict):
        return {key: _substitute(value, environ, f"{place}.{key}", missing) for key, value in node.items()}
    if isinstance(node, list):
        return [_substitute(value, environ, f"{place}.{index}", missing) for index, value in enumerate(node)]
    if not isinstance(node, str):
        return node
    missing += [_unset(name, place) for name in _VARIABLE.findall(node) if name not in environ]
    return _VARIABLE.sub(lambda match: environ.get(match[1], ""), node)


def _unset(name: str, place: str) -> Finding:
    if not _NAME.fullmatch(name):
        return Finding("variable", place.lstrip("."), "not the name of a variable.", "write ${NAME} in capitals.")
    return Finding("variable", place.lstrip("."), f"the variable {name} is not set.", f"set {name} in the environment.")


def _validate(path: Path, document: dict[str, Any]) -> Rules:
    try:
        return Rules.model_validate(document)
    except ValidationError as error:
        found = [_finding(detail) for detail in error.errors(include_url=False, include_input=False)]
    raise RulesError(path.name, found)


def _finding(detail: ErrorDetails) -> Finding:
    place = ".".join(_path(detail["loc"])) or "file"
    message = detail["msg"].rstrip(".") + "."
    context = detail.get("ctx", {})
    repair = context.get("repair") or _REPAIRS.get(detail["type"], "correct the value.")
    return Finding(detail["type"], place, message, repair)


def _path(location: tuple[int | str, ...]) -> list[str]:
    # pydantic names the chosen member of the union after tables.NAME.mask.COLUMN
    inside_mask = len(location) > 4 and location[2] == "mask" and location[4] in AVAILABLE
    return [str(part) for index, part in enumerate(location) if not (inside_mask and index == 4)]
