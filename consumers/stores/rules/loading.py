"""From a YAML file and the environment to rules, or to an error that says what to write instead."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from consumers.domain.work import Finding
from consumers.stores.rules.custom import AnyRules, custom_kind
from consumers.stores.rules.forms import AVAILABLE
from consumers.stores.rules.model import Rules
from consumers.stores.rules.problems import RulesError
from consumers.stores.rules.s3 import S3Rules, overlaps
from consumers.stores.rules.structure import problems
from consumers.yaml_text import YamlTextError, read_yaml

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")
_REPAIRS = {
    "extra_forbidden": "take it out, or correct its spelling.",
    "missing": "add it.",
    "string_too_short": "write something that the reader can check.",
}


def load_rules(path: Path, environ: Mapping[str, str], *, offline: bool = False) -> AnyRules:
    """Read one service's rules file; `${NAME}` inside text is replaced from `environ`. `store.kind` says its form.

    `offline`: the database's URL is not read, so that its secret need not be there; these rules cannot connect.

    Raises:
        RulesError: unreadable, duplicate key, unknown key, missing variable, contradiction, or not available yet.
    """
    variables = _Variables(environ)
    document = variables.put_in(_without_url(_parse(path)) if offline else _parse(path), "")
    if variables.missing:
        raise RulesError(path.name, variables.missing)
    rules, found = _validated(document)
    if rules is None or found:
        raise RulesError(path.name, [variables.hidden(each) for each in found])
    return rules


def load_sql_rules(path: Path, environ: Mapping[str, str]) -> Rules:
    """As `load_rules`, for who can use a SQL database only.

    Raises:
        RulesError: as there, or of another kind.
    """
    rules = load_rules(path, environ)
    if isinstance(rules, Rules):
        return rules
    raise RulesError(path.name, [Finding("kind", "store.kind", "not a SQL database.", "name one: {kind: sql}.")])


def rules_of(document: dict[str, Any], name: str) -> Rules:
    """Rules for a SQL database from what would be read from a file, without variables. `name` stands for the file's.

    Raises:
        RulesError: as `load_rules`.
    """
    rules, found = _validated(document)
    if isinstance(rules, Rules) and not found:
        return rules
    raise RulesError(name, found)


class _Variables:
    """What stands for each `${NAME}`, and which of them are missing."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._used: dict[str, str] = {}
        self.missing: list[Finding] = []

    def put_in(self, node: object, place: str) -> Any:
        """The node with every name replaced."""
        if isinstance(node, dict):
            return {key: self.put_in(value, f"{place}.{key}") for key, value in node.items()}
        if isinstance(node, list):
            return [self.put_in(value, f"{place}.{index}") for index, value in enumerate(node)]
        if not isinstance(node, str):
            return node
        return _VARIABLE.sub(lambda match: self._value(match[1], place), node)

    def _value(self, name: str, place: str) -> str:
        if name not in self._environ:
            self.missing.append(_unset(name, place))
            return ""
        return self._used.setdefault(name, self._environ[name])

    def hidden(self, found: Finding) -> Finding:
        """The finding with each value as it is written in the file: it may be a secret."""
        message = found.message
        for name, value in sorted(self._used.items(), key=lambda each: -len(each[1])):
            message = message.replace(value, f"${{{name}}}") if value else message
        return found._replace(message=message)


def _parse(path: Path) -> dict[str, Any]:
    problem = "the file holds no mapping."
    try:
        document = read_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        problem = f"the file cannot be read ({type(error).__name__})."
    except YamlTextError as error:
        problem = str(error)
    else:
        if isinstance(document, dict):
            return document
    raise RulesError(path.name, [Finding("yaml", "file", problem, "write one YAML 1.2 mapping, each key once.")])


def _without_url(document: dict[str, Any]) -> dict[str, Any]:
    store = document.get("store")
    if not isinstance(store, dict) or "url" not in store:
        return document
    return {**document, "store": {**store, "url": "postgresql://"}}


def _unset(name: str, place: str) -> Finding:
    if not _NAME.fullmatch(name):
        return Finding("variable", place.lstrip("."), "not the name of a variable.", "write ${NAME} in capitals.")
    return Finding("variable", place.lstrip("."), f"the variable {name} is not set.", f"set {name} in the environment.")


def _validated(document: dict[str, Any]) -> tuple[AnyRules | None, list[Finding]]:
    store = document.get("store")
    kind = store.get("kind") if isinstance(store, dict) else None
    custom = custom_kind(kind) if kind not in ("sql", "s3") else None  # no set: a file may say a list
    if isinstance(custom, Finding):
        return None, [custom]
    try:
        if custom is not None:
            return custom.model_validate(document), []
        if kind == "s3":
            of_bucket = S3Rules.model_validate(document)
            return of_bucket, list(overlaps(of_bucket))
        rules = Rules.model_validate(document)
    except ValidationError as error:
        return None, [_finding(detail) for detail in error.errors(include_url=False, include_input=False)]
    return rules, problems(rules)


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
