"""What is remembered of staged rows, and what must be true of them once they are rewritten."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from consumers.stores.rules.strategies import JsonPaths
from consumers.stores.sql.names import quote
from consumers.stores.sql.staged.expectations import is_uuid, met
from consumers.stores.sql.staged.levels import Level
from consumers.stores.sql.staged.since import flag_of
from consumers.stores.sql.staged.words import Words
from consumers.stores.sql.verification import KEY


class Check(NamedTuple):
    """A condition over the row, c, and what is staged of it, s, that is true where `place` is wrong."""

    place: str
    wrong: str
    parameters: Mapping[str, Any] = {}


def prints(words: Words, level: Level) -> dict[str, str]:
    """Staged column and its fingerprint of the row c: of all cells that stay, and of each that is drawn anew."""
    made = {"others": words.fingerprint(_others(words, level), _KEY)}
    for number, column in enumerate(_fresh(level)):
        made[f"f{number}"] = _cell_print(words, level, column)
    return made


def checks(words: Words, level: Level) -> Iterator[Check]:
    """Everything that is looked at of a rewritten row."""
    rules = level.rules
    yield Check("row", f"c.{quote(level.key[0])} IS NULL")
    yield Check("*", f"{words.fingerprint(_others(words, level), _KEY)} <> s.others")
    yield from masked(words, level, "c")
    for number, name in enumerate(_fresh(level)):
        yield Check(name, f"{_cell_print(words, level, name)} = s.f{number}")
    if rules.token:
        yield Check(rules.token.column, f"NOT {is_uuid(words, _cell(rules.token.column))}")
    if rules.flag:
        yield Check(rules.flag, f"({_cell(rules.flag)} IS TRUE) <> ({flag_of(level)})")


def masked(words: Words, level: Level, alias: str) -> Iterator[Check]:
    """Every masked cell of a row: conditions of the value alone."""
    for number, (name, strategy) in enumerate(level.rules.mask.items()):
        cell, column = f"{alias}.{quote(name)}", level.relation.columns[name]
        expected = met(words, strategy, column, cell, f"e{number}")
        yield Check(name, f"NOT {expected.sql}", expected.parameters)
        if isinstance(strategy, JsonPaths) and strategy.other_paths == "refuse":
            others = words.documents.has_others(strategy, cell, f"o{number}")
            yield Check(f"{name}.other_paths", others.sql, others.parameters)


_KEY = f"{{{{{KEY}}}}}"


def _others(words: Words, level: Level) -> dict[str, Any]:
    """Cells nothing is done to, and the rest of documents. What the database computes itself follows the others."""
    rules, columns = level.rules, level.relation.columns
    rewritten = {*rules.mask, rules.flag, rules.token.column if rules.token else None}
    cells = {_cell(name): each for name, each in columns.items() if name not in rewritten and not each.generated}
    documents = [(name, each) for name, each in rules.mask.items() if isinstance(each, JsonPaths)]
    return cells | {words.documents.left_alone(each, _cell(name)): columns[name] for name, each in documents}


def _fresh(level: Level) -> Sequence[str]:
    masked = [name for name, strategy in level.rules.mask.items() if strategy.declared.differs]
    return masked + ([level.rules.token.column] if level.rules.token else [])


def _cell_print(words: Words, level: Level, name: str) -> str:
    cell = _cell(name)
    return f"CASE WHEN {cell} IS NOT NULL THEN {words.fingerprint({cell: level.relation.columns[name]}, _KEY)} END"


def _cell(name: str) -> str:
    return f"c.{quote(name)}"
