"""A place for every column of a table: key, join, a proposed mask, or kept until a person has decided."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from consumers.stores.sql.catalog import Column
from consumers.stores.sql.drafting.choosing import Choice, choice
from consumers.stores.sql.drafting.personal import Kind, looks_personal
from consumers.stores.sql.links import resolve_join
from consumers.stores.sql.preflight.subject import Subject

UNDECIDED = "to be decided"
NOTHING_FITS = "looks personal, to be decided: no strategy fits"
COMPUTED = "computed by the database"


class Drafted(NamedTuple):
    """A table as its rules file has it, and what a person should look at."""

    table: dict[str, Any]
    remarks: list[str]


def drafted(subject: Subject) -> Drafted:
    """Give every column of the table a place. `subject` knows its key, parent and flag."""
    links = _links(subject)
    left = {name: each for name, each in subject.relation.columns.items() if name not in {*links, subject.table.flag}}
    chosen = _chosen(subject, left)
    token = next((each.token for each in chosen.values() if each.token), None)
    parts = {
        "parent": subject.table.parent,
        "key": list(subject.table.key),
        "flag": subject.table.flag,
        "token": token,
        "mask": {name: each.strategy for name, each in chosen.items()},
        "keep": _kept(subject, left, {*chosen, token and token["column"]}),
    }
    return Drafted({part: value for part, value in parts.items() if value}, list(_remarks(subject, links)))


def _chosen(subject: Subject, columns: Mapping[str, Column]) -> dict[str, Choice]:
    """What to mask, and how; a table has one token at most."""
    found: dict[str, Choice] = {}
    for name, column in columns.items():
        kind = None if _is_computed(column) else _personal(subject, column)
        token = next((each.token for each in found.values() if each.token), None)
        if kind and (made := choice(subject, name, kind, token)):
            found[name] = made
    return found


def _kept(subject: Subject, columns: Mapping[str, Column], placed: Collection[str | None]) -> dict[str, list[str]]:
    """The rest, by the reason that stands for a person's until there is one."""
    kept: dict[str, list[str]] = {}
    for name, column in columns.items():
        if name not in placed:
            undecided = NOTHING_FITS if _personal(subject, column) else UNDECIDED
            kept.setdefault(COMPUTED if _is_computed(column) else undecided, []).append(name)
    return kept


def _is_computed(column: Column) -> bool:
    return column.generated or column.on_update


def _personal(subject: Subject, column: Column) -> Kind | None:
    """What of a person a column seems to hold; what refers to another table holds a number of that table's."""
    refers = any(key.table == subject.id and column.name in key.columns for key in subject.catalog.foreign_keys)
    return None if refers else looks_personal(column)


def _links(subject: Subject) -> list[str]:
    """Columns by which rows are found: key, customer id, own join, and what children join."""
    rules, catalog = subject.rules, subject.catalog
    links = [*subject.table.key]
    links += [rules.customer_column] if subject.is_root else resolve_join(rules, catalog, subject.name) or ()
    for child in rules.children(subject.name):
        links += (resolve_join(rules, catalog, child) or {}).values()
    return list(dict.fromkeys(links))


def _remarks(subject: Subject, links: list[str]) -> Iterator[str]:
    for name in links:
        column = subject.relation.columns.get(name)
        if column is not None and looks_personal(column):
            yield f"{subject.name}.{name} looks personal, and stays: rows are found by it."
    flag = subject.table.flag
    if flag in subject.relation.columns:
        yield f"{subject.name}.{flag} is there already: no application and no other service may set it."
